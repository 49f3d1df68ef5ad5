"""The books. Only the function `ledger_post` (core/ledger/post.sql) writes here; see the grants in core/migrations/grants.sql.

A posting's foreign keys are not declared: two more look-ups a row would cost the ledger a fifth of its speed, its only writer
takes both ids from rows it holds, and `jasho ledger verify` proves them.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, LargeBinary, Table, Text, Uuid

from core.tables.base import Moment, metadata

account = Table(
    "account",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("owner", Uuid, comment="the customer; null for the service's own accounts"),
    Column("kind", Text, nullable=False, comment="see core/ledger/chart.py"),
    Column("currency", Text, nullable=False),
    Column("balance", BigInteger, nullable=False, server_default="0", comment="minor units; what we owe is positive"),
    Column("held", BigInteger, nullable=False, server_default="0"),
    Column("floor", BigInteger, comment="the least that balance - held may be; null: no least"),
    Column("ceiling", BigInteger, comment="the most that the balance may be; null: no most"),
    Column("version", BigInteger, nullable=False, server_default="0", comment="postings so far"),
    Column("status", Text, nullable=False, server_default="open"),
    Column("created_at", Moment, nullable=False),
    CheckConstraint("balance - held >= floor", name="floor"),
    CheckConstraint("held >= 0", name="held"),
    CheckConstraint("owner IS NULL OR floor >= 0", name="nobody_overdraws"),
    # Rows are rewritten in place (HOT) for as long as a page has room.
    postgresql_with={"fillfactor": "70"},
)
Index("ix_account_owner_kind", account.c.owner, account.c.kind, postgresql_where=account.c.owner.is_not(None))

transfer = Table(
    "transfer",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("initiator", Uuid, nullable=False, comment="the account whose owner asked; scopes the key"),
    Column("key", Text, nullable=False, comment="idempotency key"),
    Column("request_hash", LargeBinary, nullable=False),
    Column("kind", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
)
Index("uq_transfer_initiator_key", transfer.c.initiator, transfer.c.key, unique=True)

posting = Table(
    "posting",
    metadata,
    Column("account_id", Uuid, primary_key=True),
    Column("version", BigInteger, primary_key=True, comment="1, 2, 3 ... without gaps, for each account"),
    Column("transfer_id", Uuid, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("balance_after", BigInteger, nullable=False),
    CheckConstraint("amount <> 0", name="amount"),
)
Index("ix_posting_transfer_id", posting.c.transfer_id)
