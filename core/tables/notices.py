"""What customers are told outside a session: the outbox, filled in the transaction of what it tells about."""

from sqlalchemy import Column, Index, Table, Text, Uuid

from core.tables.base import Moment, metadata

outbox = Table(
    "outbox",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("transfer_id", Uuid),
    Column("phone", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("body", Text, nullable=False, comment="in the reader's language already"),
    Column("code_id", Uuid, comment="the one-time code that stands for {code} in the body when it is sent"),
    Column("status", Text, nullable=False, server_default="queued", comment="queued, sending, delivered"),
    Column("provider", Text),
    Column("created_at", Moment, nullable=False),
    Column("claimed_at", Moment, comment="when a worker last took it in hand"),
    Column("delivered_at", Moment),
)
Index("ix_outbox_waiting", outbox.c.created_at, postgresql_where=outbox.c.status != "delivered")
Index("ix_outbox_phone", outbox.c.phone, outbox.c.created_at)
