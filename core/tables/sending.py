"""Money that waits for a recipient who has no account yet."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table, Text, Uuid

from core.tables.base import Moment, metadata
from core.tables.customers import customer

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
