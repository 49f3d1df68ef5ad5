"""Customers and their numbers."""

from sqlalchemy import Boolean, Column, Index, LargeBinary, Table, Text, Uuid

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
# A customer who closes her account may open another one; the closed one's history stays hers.
Index("uq_customer_phone", customer.c.phone, unique=True, postgresql_where=customer.c.status == "active")
