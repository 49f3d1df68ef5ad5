"""The books. Only the function `ledger_post` (core/ledger/post.sql) writes balances, transfers, postings and holds.

core/migrations/grants.sql sees to that. Foreign keys within the journal are not declared: two more look-ups for each row would
cost the ledger a fifth of its speed, its only writer takes the ids from rows that it holds, and `jasho ledger verify` proves
them.
"""

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, Column, Date, Index, Integer, LargeBinary, Table, Text, Uuid, text

from core.tables.base import Moment, metadata

account = Table(
    "account",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("owner", Uuid, comment="the customer; null for the service's own accounts"),
    Column("kind", Text, nullable=False, comment="see core/ledger/chart.py"),
    Column("currency", Text, nullable=False),
    Column("tier", Text, comment="whose limits hold, see core/ledger/limits.toml; null: none"),
    Column("balance", BigInteger, nullable=False, server_default="0", comment="minor units; what we owe is positive"),
    Column("held", BigInteger, nullable=False, server_default="0", comment="what open holds keep back of the balance"),
    Column("floor", BigInteger, comment="the least that balance - held may be; null: no least"),
    Column("version", BigInteger, nullable=False, server_default="0", comment="postings so far"),
    Column("day", Date, comment="the calendar day that `spent` counts"),
    Column("spent", BigInteger, nullable=False, server_default="0", comment="of the day's limit"),
    Column("status", Text, nullable=False, server_default="open"),
    Column("created_at", Moment, nullable=False),
    Column("posted_at", Moment, comment="of its last posting; null: none since 0014"),
    CheckConstraint("balance - held >= floor", name="floor"),
    CheckConstraint("held >= 0", name="held"),
    CheckConstraint("owner IS NULL OR (floor IS NOT NULL AND floor >= 0)", name="nobody_overdraws"),
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
    Column("request_hash", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("limited", BigInteger, nullable=False, comment="what it took of the initiator's day; negative: gave back"),
    Column("day", Date, nullable=False, comment="the initiator's calendar day"),
    Column("created_at", Moment, nullable=False),
    Column("settles", Uuid, comment="the hold that it captured or gave back"),
    Column("reverses", Uuid, comment="the transfer that it undid"),
    Column("detail", BigInteger, comment="what `at_most` moved; with `available`, the answer that a repetition gets again"),
    Column("available", ARRAY(BigInteger), comment="what each leg's account could spend afterwards"),
    Column(
        "xid",
        BigInteger,
        nullable=False,
        server_default=text("(pg_current_xact_id()::text::bigint)"),
        comment="era and the database's transaction, see core/ledger/era.sql: tells the sealer what can no longer change",
    ),
    Column("hold_until", Moment, comment="of a hold; null in holds from before 0014"),
)
Index("uq_transfer_initiator_key", transfer.c.initiator, transfer.c.key, unique=True)
Index("uq_transfer_settles", transfer.c.settles, unique=True, postgresql_where=transfer.c.settles.is_not(None))
Index("uq_transfer_reverses", transfer.c.reverses, unique=True, postgresql_where=transfer.c.reverses.is_not(None))
Index("ix_transfer_xid", transfer.c.xid, postgresql_using="brin", postgresql_with={"autosummarize": "on"})

posting = Table(
    "posting",
    metadata,
    Column("account_id", Uuid, primary_key=True),
    Column("version", BigInteger, primary_key=True, comment="1, 2, 3 ... without gaps, for each account"),
    Column("transfer_id", Uuid, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("balance_after", BigInteger, nullable=False),
    Column("created_at", Moment, nullable=False),
    CheckConstraint("amount <> 0", name="amount"),
)
Index("ix_posting_transfer_id", posting.c.transfer_id)

hold_leg = Table(
    "hold_leg",
    metadata,
    Column("hold_id", Uuid, primary_key=True, comment="the transfer that reserved"),
    Column("position", Integer, primary_key=True),
    Column("account_id", Uuid, nullable=False),
    Column("amount", BigInteger, nullable=False),
)

# The holds that nothing has settled yet. It follows from the journal, and is kept so that it can be found fast.
open_hold = Table(
    "open_hold",
    metadata,
    Column("hold_id", Uuid, primary_key=True),
    Column("expires_at", Moment, nullable=False, index=True),
)

reversal = Table(
    "reversal",
    metadata,
    Column("transfer_id", Uuid, primary_key=True, comment="the transfer that undid"),
    Column("reason", Text, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("approved_by", Text, comment="somebody else, above the threshold"),
    CheckConstraint("approved_by <> requested_by", name="two_people"),
)

exchange = Table(
    "exchange",
    metadata,
    Column("sold_transfer_id", Uuid, primary_key=True),
    Column("bought_transfer_id", Uuid, nullable=False, unique=True),
    Column("rate_bought", BigInteger, nullable=False, comment="minor units bought ..."),
    Column("rate_sold", BigInteger, nullable=False, comment="... for so many minor units sold"),
)

ledger_era = Table(
    "ledger_era",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("system_identifier", BigInteger, nullable=False, comment="the cluster whose numbers of transactions it counts"),
    Column("begun_at", Moment, nullable=False),
)

seal = Table(
    "seal",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("from_xid", BigInteger, nullable=False),
    Column("to_xid", BigInteger, nullable=False, comment="the first one not in it"),
    Column("transfers", Integer, nullable=False),
    Column("leaves", LargeBinary, nullable=False, comment="8 bytes of each transfer's SHA-256, in order of xid and id"),
    Column("digest", LargeBinary, nullable=False, comment="SHA-256 of the seal before and all of this one"),
    Column("sealed_at", Moment, nullable=False),
    Column("leaf_version", Integer, nullable=False, server_default="1", comment="how leaves were made, see seal.sql"),
)
