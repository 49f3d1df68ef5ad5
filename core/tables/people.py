"""Customers and what proves who they are."""

from sqlalchemy import BigInteger, Boolean, Column, Date, ForeignKey, Index, LargeBinary, SmallInteger, Table, Text, Uuid

from core.tables.base import Moment, metadata

customer = Table(
    "customer",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("phone", Text, nullable=False, comment="E.164"),
    Column("name", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("country", Text, nullable=False, comment="ISO 3166, two letters"),
    Column("national_id", LargeBinary, comment="AES-256-GCM, see core/vault.py"),
    Column("status", Text, nullable=False, server_default="active", comment="active, closed"),
    Column("created_at", Moment, nullable=False),
    Column("closed_at", Moment),
    Column("asks_pin_for_balance", Boolean, nullable=False, server_default="false"),
    Column("round_up_goal", Uuid, comment="the savings goal that sends are rounded up into"),
)
# Somebody who closes her account may open another one; what the closed one did stays hers.
Index("uq_customer_phone", customer.c.phone, unique=True, postgresql_where=customer.c.status == "active")

pin = Table(
    "pin",
    metadata,
    Column("customer_id", Uuid, ForeignKey(customer.c.id), primary_key=True),
    Column("hash", Text, nullable=False, comment="Argon2id over an HMAC whose key is not in this database"),
    Column("failures", SmallInteger, nullable=False, server_default="0", comment="tries begun since the last right one"),
    Column("locked_at", Moment),
    Column("changed_at", Moment, nullable=False),
    Column("money_out_from", Moment, comment="after a forgotten PIN: when money may leave again"),
)

# A code that proves who holds a phone. The code itself is kept nowhere: it is computed from the id, see core/services/codes.py.
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
)
Index("ix_one_time_code_customer_id", one_time_code.c.customer_id, one_time_code.c.created_at)

# How often somebody has tried something today.
attempt = Table(
    "attempt",
    metadata,
    Column("subject", Uuid, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("count", SmallInteger, nullable=False),
)

# Money on its way to somebody who has no account yet.
invitation = Table(
    "invitation",
    metadata,
    Column("transfer_id", Uuid, primary_key=True, comment="what took it from the sender"),
    Column("sender_id", Uuid, ForeignKey(customer.c.id), nullable=False),
    Column("phone", Text, nullable=False, comment="E.164"),
    Column("currency", Text, nullable=False),
    Column("amount", BigInteger, nullable=False, comment="without the fee"),
    Column("fee", BigInteger, nullable=False, comment="goes back with the amount"),
    Column("status", Text, nullable=False, server_default="waiting", comment="waiting, credited, returned"),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("settled_at", Moment),
)
_is_waiting = invitation.c.status == "waiting"
Index("ix_invitation_phone", invitation.c.phone, postgresql_where=_is_waiting)
Index("ix_invitation_sender_id", invitation.c.sender_id, postgresql_where=_is_waiting)
Index("ix_invitation_expires_at", invitation.c.expires_at, postgresql_where=_is_waiting)
