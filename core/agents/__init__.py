"""Agents: customers with a shop, who turn cash into balance and balance into cash."""
