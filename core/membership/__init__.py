"""Becoming a customer, and leaving."""
