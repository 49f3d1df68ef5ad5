"""Savings goals."""
