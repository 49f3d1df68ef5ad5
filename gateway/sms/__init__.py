"""SMS: how notices leave, and how SMS that come in are answered."""
