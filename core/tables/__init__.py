"""The database's shape, a family of tables a file. `core/migrations/` brings a database to it; a test compares the two."""

from core.tables import agents, chores, insurance, jobs, ledger, notices, payments, people, savings, sms
from core.tables.base import metadata

__all__ = ["agents", "chores", "insurance", "jobs", "ledger", "metadata", "notices", "payments", "people", "savings", "sms"]
