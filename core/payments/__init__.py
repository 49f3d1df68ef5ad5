"""Deposits from another operator's network, and withdrawals to it."""
