"""Registration, joining by SMS, and closing an account."""
