"""Customers and what proves who they are."""

from sqlalchemy import Column, ForeignKey, LargeBinary, SmallInteger, Table, Text, Uuid

from core.tables.base import Moment, metadata

customer = Table(
    "customer",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("phone", Text, nullable=False, unique=True, comment="E.164"),
    Column("name", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("country", Text, nullable=False, comment="ISO 3166, two letters"),
    Column("national_id", LargeBinary, comment="AES-256-GCM, see core/vault.py"),
    Column("status", Text, nullable=False, server_default="active"),
    Column("created_at", Moment, nullable=False),
)

pin = Table(
    "pin",
    metadata,
    Column("customer_id", Uuid, ForeignKey(customer.c.id), primary_key=True),
    Column("hash", Text, nullable=False, comment="Argon2id over an HMAC whose key is not in this database"),
    Column("failures", SmallInteger, nullable=False, server_default="0", comment="tries begun since the last right one"),
    Column("locked_at", Moment),
    Column("changed_at", Moment, nullable=False),
)
