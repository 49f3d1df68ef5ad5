"""Turns the periods of messages over: makes those that are next, and drops those that are over (`periods.sql`).

A period is a sixth of the keeping time, so there are about ten whatever the operator says, and a message goes at the latest a
sixth after its time. A look at the outbox looks at each of them; shorter ones would be more of them.
"""

from datetime import timedelta

import structlog
from psycopg.errors import CheckViolation
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from core import clock
from core.errors import Busy
from core.faults.silence import patience
from core.retention.present import present
from core.runtime import Runtime
from core.settings import Settings

_A_KEEPING_TIME = 6
# A little more than its two statements may take.
MOST_SECONDS = 2 * 600 + 60

log = structlog.get_logger()


def length(settings: Settings) -> timedelta:
    """Of a period that is made now. Those that are there keep theirs when the operator changes the keeping time."""
    return timedelta(days=max(1, settings.messages_are_kept_for.days // _A_KEEPING_TIME))


async def turn_over(runtime: Runtime) -> int:
    """Makes one that is missing and drops one that is over. Returns how many it made or dropped.

    Where a lock is not free, or a message came in between where it was looked whether there is any, the next round does it.
    """
    settings = runtime.settings
    async with runtime.database.autocommit() as connection:
        before = await present(connection) - settings.messages_are_kept_for
    # Ids are made by this machine's clock, or by one like it, and what is made too early does no harm.
    calls = (func.period_make(clock.now(), length(settings).days), func.period_drop(before))
    count = 0
    for call in calls:
        try:
            async with runtime.database.transaction() as connection:
                # Whatever the operator has made the default: what comes while it waits for a lock has to be seen.
                await connection.execute(text("SET TRANSACTION ISOLATION LEVEL READ COMMITTED"))
                # It reads a period through before it drops it, beside everybody else.
                await connection.execute(text("SET LOCAL statement_timeout = '10min'"))
                with patience(MOST_SECONDS):
                    count += int(await connection.scalar(select(call)) or 0)
        except (Busy, DBAPIError) as error:
            if isinstance(error, DBAPIError) and not isinstance(error.orig, CheckViolation):
                raise
            log.info("messages are in use, their periods wait", call=call.name)
    return count
