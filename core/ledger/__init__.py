"""Double entry over PostgreSQL: integer minor units, append-only, one writer.

chart.py names the accounts, post.py (with post.sql) is the only way money moves, statement.py reads the history and
audit.py proves the books. What is owed to others is positive, what is owed to us (cash at the bank) negative; all balances
of a currency add up to zero, always.
"""
