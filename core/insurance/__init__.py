"""Covers: the products, buying and renewing them, claims and how they are decided."""
