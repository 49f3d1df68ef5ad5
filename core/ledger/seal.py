"""Seals the history, in the background; `seal.sql` says how."""

from sqlalchemy import text

from core import clock
from core.db import Database

_MOST_TOGETHER = 20_000


async def seal(database: Database) -> int:
    """Seals what has been committed since the last seal; returns how many transfers. Any number may try at once."""
    async with database.autocommit() as connection:
        sealed: int = await connection.scalar(text("SELECT ledger_seal(:at, :most)"), {"at": clock.now(), "most": _MOST_TOGETHER})
        return sealed
