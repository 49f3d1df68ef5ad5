"""What time it is. Everything that asks, asks here, so that a test can play the clock."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

ZONE_OF_COUNTRY = {
    "KE": ZoneInfo("Africa/Nairobi"),
    "UG": ZoneInfo("Africa/Kampala"),
    "TZ": ZoneInfo("Africa/Dar_es_Salaam"),
    "RW": ZoneInfo("Africa/Kigali"),
}

_played: list[datetime] = []


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return _played[-1] if _played else datetime.now(UTC)


def day(moment: datetime, country: str) -> date:
    """The calendar day that people in the country call `moment`'s."""
    return moment.astimezone(ZONE_OF_COUNTRY[country]).date()


def told(moment: datetime, country: str) -> str:
    """How a screen says `moment`, by the country's clocks: `31/12 23:59`."""
    return f"{moment.astimezone(ZONE_OF_COUNTRY[country]):%d/%m %H:%M}"


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Makes `moment` the present for as long as the block lasts (for tests)."""
    _played.append(moment.astimezone(UTC))
    try:
        yield
    finally:
        _played.pop()
