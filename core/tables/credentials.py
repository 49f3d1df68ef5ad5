"""What proves who a customer is."""

from sqlalchemy import BigInteger, Column, Date, ForeignKey, Identity, Index, LargeBinary, SmallInteger, Table, Text, Uuid

from core.tables.base import Moment, metadata
from core.tables.customers import customer

pin = Table(
    "pin",
    metadata,
    Column("customer_id", Uuid, ForeignKey(customer.c.id), primary_key=True),
    Column("hash", Text, nullable=False, comment="Argon2id over an HMAC whose key is not in this database"),
    Column("failures", SmallInteger, nullable=False, server_default="0", comment="wrong tries since the last right one"),
    Column("tries", BigInteger, nullable=False, server_default="0", comment="wrong ones in all"),
    Column("tried_at", Moment, comment="not written any more: when a try of a release before 0018 began"),
    Column("locked_at", Moment),
    Column("changed_at", Moment, nullable=False),
    Column("money_out_from", Moment, comment="after a forgotten PIN: when money may leave again"),
    Column("last_wrong", LargeBinary, comment="the name of the try that was wrong last; repeated, it is not counted again"),
)

# A code that proves who holds a phone. The digits are kept nowhere: core/hashing.py computes them from the id.
one_time_code = Table(
    "one_time_code",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("customer_id", Uuid, ForeignKey(customer.c.id), nullable=False),
    Column("purpose", Text, nullable=False, comment="what it confirms: pin, ..."),
    Column("failures", SmallInteger, nullable=False, server_default="0"),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
    Column(
        "number",
        BigInteger,
        Identity(),
        nullable=False,
        comment="the order in which they were written, whatever the clocks",
    ),
)
Index("ix_one_time_code_customer_id", one_time_code.c.customer_id, one_time_code.c.created_at)

# How often each subject has tried something on a day.
attempt = Table(
    "attempt",
    metadata,
    Column("subject", Uuid, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("count", SmallInteger, nullable=False),
)
Index("ix_attempt_day", attempt.c.day)

# By which a process notices that its pepper or data key is another than the database's: core/credentials/canaries.py.
canary = Table(
    "canary",
    metadata,
    Column("name", Text, primary_key=True, comment="the secret's setting: pin_pepper, data_key"),
    Column("value", LargeBinary, nullable=False, comment="an HMAC under a key derived from the secret"),
    Column("created_at", Moment, nullable=False),
)
