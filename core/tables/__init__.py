"""The database's shape, a file a family. `core/migrations/` brings a database to it; a test compares the two."""

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
    "orders",
    "payments",
    "savings",
    "sending",
]
