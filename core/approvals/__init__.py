"""Requests that wait for a customer's approval."""
