"""Jobs: finding one and applying, what somebody applied for, posting one, and what somebody posted."""
