"""Which releases may run on this database. `core/migrations/contract.py` writes it."""

from sqlalchemy import Boolean, CheckConstraint, Column, Table, Text

from core.tables.base import metadata

schema_contract = Table(
    "schema_contract",
    metadata,
    Column("single", Boolean, primary_key=True, server_default="true", comment="there is one row"),
    Column("oldest", Text, nullable=False, comment="the oldest release that may run, by the newest version that it has"),
    Column("complete", Text, comment="the newest version whose functions, rights and triggers are in place too"),
    CheckConstraint("single", name="single"),
)
