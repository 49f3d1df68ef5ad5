"""Customers: who has which number, wallet and details, and which PIN."""
