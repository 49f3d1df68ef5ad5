"""The moment from which the age of rows is counted.

A worker whose clock is ahead would otherwise delete at once what has to be kept for months, and nobody brings it back. One whose
clock is behind keeps it for longer, which does no harm.
"""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock


async def present(connection: AsyncConnection) -> datetime:
    """The earlier of two: the worker's clock and the database's."""
    database = (await connection.execute(select(func.clock_timestamp()))).scalar_one()
    return clock.now() - clock.ahead_of(database)
