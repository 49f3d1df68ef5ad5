"""The database's shape, a family of tables a file. `core/migrations/` brings a database to it; a test compares the two."""

from core.tables import ledger, notices, people
from core.tables.base import metadata

__all__ = ["ledger", "metadata", "notices", "people"]
