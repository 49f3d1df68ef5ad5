"""Customers: their profiles, wallets and details, and how they change or reset a PIN."""
