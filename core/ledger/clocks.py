"""Does this process's clock show what the database's shows?

Times decide what is paid: what is due, what has expired, which day a limit counts. A process whose clock is wrong says so, moves
no money (`post.py`) and does no duty (`features.Duty`) until it is right again.
"""

from datetime import UTC, datetime, timedelta
from time import monotonic

import structlog
from sqlalchemy import func, select

from core import clock
from core.db import Database

MOST_APART = timedelta(minutes=1)
_REST_SECONDS = 2.0
# A clock that is set, or a machine that slept, is noticed by itself, between two looks.
_MOST_DRIFT = timedelta(seconds=5)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

log = structlog.get_logger()


def is_wrong(apart: timedelta) -> bool:
    return abs(apart) > MOST_APART


class ClockWatch:
    """What was seen when the two clocks were last compared."""

    def __init__(self) -> None:
        self._is_wrong = False
        self._looked_seconds = float("-inf")
        self._offset = timedelta(0)

    @property
    def is_wrong(self) -> bool:
        """As it was seen last."""
        return self._is_wrong

    def is_due(self) -> bool:
        """Is it time to look at the database's clock? Always, while this one is wrong."""
        is_old = monotonic() > self._looked_seconds + _REST_SECONDS
        return self._is_wrong or is_old or abs(_offset() - self._offset) > _MOST_DRIFT

    def take(self, moment: datetime, took_seconds: float) -> bool:
        """Compares with what the database's clock showed while its answer was under way for so long. Is this one wrong?"""
        self._looked_seconds, self._offset = monotonic(), _offset()
        apart = clock.apart_from(moment)
        # What the answer took makes this clock look later than it is.
        if apart > timedelta(0):
            apart = max(timedelta(0), apart - timedelta(seconds=took_seconds))
        before, self._is_wrong = self._is_wrong, is_wrong(apart)
        if self._is_wrong and not before:
            log.error("the clock is wrong", ahead_seconds=round(apart.total_seconds()))
        elif before and not self._is_wrong:
            log.info("the clock is right again")
        return self._is_wrong


async def is_wrong_now(database: Database) -> bool:
    """Is this process's clock wrong? It looks at the database's where that is due."""
    if watch.is_due():
        async with database.autocommit() as connection:
            began_seconds = monotonic()
            # The server's own, whatever is played.
            moment = (await connection.execute(select(func.clock_timestamp()))).scalar_one()
            watch.take(moment, monotonic() - began_seconds)
    return watch.is_wrong


def _offset() -> timedelta:
    """Between the machine's clock, which can be set, and the one that only runs."""
    return clock.apart_from(_EPOCH) - timedelta(seconds=monotonic())


# A machine has one clock, whatever the process does.
watch = ClockWatch()
