"""The database's tables, one file for each family. `core/migrations/` brings a database to them; a test compares the two."""

from core.tables import (
    agents,
    approvals,
    chores,
    credentials,
    customers,
    insurance,
    jobs,
    ledger,
    messaging,
    migrations,
    operations,
    orders,
    payments,
    savings,
    sending,
)
from core.tables.base import metadata

__all__ = [
    "agents",
    "approvals",
    "chores",
    "credentials",
    "customers",
    "insurance",
    "jobs",
    "ledger",
    "messaging",
    "metadata",
    "migrations",
    "operations",
    "orders",
    "payments",
    "savings",
    "sending",
]
