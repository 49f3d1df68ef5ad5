"""Double entry over PostgreSQL: integer minor units, append-only, one writer.

chart.py names the accounts, statement.py reads the history, audit.py proves the books; money moves only through post.py (with
post.sql). What we owe to others is a positive balance, what others owe to us (cash at the bank) a negative one. All balances of
a currency add up to zero, always.
"""
