"""Seals the history, in the background; `seal.sql` says how, and `era.sql` how it goes on after a restore."""

from datetime import timedelta

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock
from core.db import Database

# A sealer comes by every 2 s. Nothing but a transaction that is left open keeps it so long.
LONGEST_UNSEALED = timedelta(minutes=10)
_MOST_TOGETHER = 20_000
# A proof looks at every seal, so that in quiet times one comes for so many transfers, or so late.
_FEWEST = 1_000
_REST = timedelta(seconds=30)

log = structlog.get_logger()


async def seal(database: Database) -> int:
    """Seals what has been committed since the last seal; returns how many transfers. Any number may try at once."""
    return await _seal(database, 0, timedelta())


async def seal_when_due(database: Database) -> int:
    """The worker's duty: `seal`, unless there is little to seal and the last seal is young.

    Complains where something has waited too long: until it is sealed, a change of it does not show.
    """
    return await _seal(database, _FEWEST, _REST)


async def _seal(database: Database, fewest: int, rest: timedelta) -> int:
    params = {"at": clock.now(), "most": _MOST_TOGETHER, "fewest": fewest, "rest": rest}
    async with database.autocommit() as connection:
        sealed: int = await connection.scalar(text("SELECT ledger_seal_2(:at, :most, :fewest, :rest)"), params)
        waited = await unsealed_for(connection)
    if waited > LONGEST_UNSEALED:
        log.warning("transfers are not sealed", oldest_seconds=round(waited.total_seconds()))
    return sealed


async def unsealed_for(connection: AsyncConnection) -> timedelta:
    """How long the oldest transfer that has no seal has been there; zero where all have one."""
    oldest = await connection.scalar(
        text(
            "SELECT min(created_at) FROM transfer"
            " WHERE xid >= coalesce((SELECT to_xid FROM seal ORDER BY number DESC LIMIT 1), 0)"
        )
    )
    return timedelta() if oldest is None else clock.now() - oldest
