"""The current time. Everything that needs it asks here, so that a test can play the clock."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import ColumnElement, DateTime, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.countries import COUNTRIES

_MOMENT = DateTime(timezone=True)
_EPOCH = datetime.fromtimestamp(0, UTC)
_played: list[datetime] = []


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return _played[-1] if _played else datetime.now(UTC)


def in_database() -> ColumnElement[datetime]:
    """The present moment of the statement that it stands in, by the database's clock, which all processes share.

    For what one process writes and another compares within minutes. It moves on within a transaction.
    """
    return literal(_played[-1], _MOMENT) if _played else func.clock_timestamp(type_=_MOMENT)


async def read_in_database(connection: AsyncConnection) -> datetime:
    """`in_database` as a value, for what is computed with it here."""
    return _played[-1] if _played else (await connection.execute(select(in_database()))).scalar_one()


def in_redis(now_ms: int) -> datetime:
    """The present moment by Redis's clock, which shows `now_ms`."""
    return _played[-1] if _played else _EPOCH + timedelta(milliseconds=now_ms)


def apart_from(other: datetime) -> timedelta:
    """How far this machine's own clock is ahead of one that shows `other`, whatever is played. Less than 0 where it is behind."""
    return datetime.now(UTC) - other


def ahead_of(other: datetime) -> timedelta:
    """How far this machine's own clock is ahead of one that shows `other`, whatever is played. Nothing where it is behind."""
    return max(timedelta(0), apart_from(other))


def day(moment: datetime, country: str) -> date:
    """The calendar day of `moment` in the country."""
    return moment.astimezone(COUNTRIES[country].zone).date()


def today(country: str) -> date:
    """The calendar day in the country now."""
    return day(now(), country)


def day_text(day: date) -> str:
    """A day as customers read it: `31/12/2026`."""
    return f"{day:%d/%m/%Y}"


def moment_text(moment: datetime, country: str) -> str:
    """A moment as customers read it, by the country's clocks: `31/12 23:59`."""
    return f"{moment.astimezone(COUNTRIES[country].zone):%d/%m %H:%M}"


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Makes `moment` the present while the block runs (for tests)."""
    _played.append(moment.astimezone(UTC))
    try:
        yield
    finally:
        _played.pop()
