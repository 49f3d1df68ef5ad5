"""Sending money to another customer, or to a number that has not joined yet."""
