"""Savings goals: money that customers put aside, now and then or by themselves."""
