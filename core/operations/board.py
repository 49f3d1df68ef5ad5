"""How all switches stand, and the banner: written by staff, one change a row, and read by every process."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import insert, select, text
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock
from core.db import Database
from core.staff import Staff
from core.tables.operations import banner_change, switch_change

# Of two members of staff the second sees what the first has done.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('jasho switches'))")
_NEWEST = (
    select(switch_change).ext(distinct_on(switch_change.c.name)).order_by(switch_change.c.name, switch_change.c.number.desc())
)


@dataclass(frozen=True, slots=True)
class Change:
    """The last change of a switch."""

    name: str
    is_off: bool
    why: str
    by: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Banner:
    """`texts` by language, shown until it is replaced or cleared, or a moment has come."""

    texts: Mapping[str, str]
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Board:
    """Everything at one moment. `changes` by the switch's name."""

    changes: Mapping[str, Change] = field(default_factory=lambda: MappingProxyType({}))
    banner: Banner | None = None

    @property
    def off(self) -> frozenset[str]:
        return frozenset(name for name, change in self.changes.items() if change.is_off)


async def read(connection: AsyncConnection) -> Board:
    rows = (await connection.execute(_NEWEST)).all()
    changes = {row.name: Change(row.name, row.is_off, row.why, row.by, row.changed_at) for row in rows}
    newest = select(banner_change).order_by(banner_change.c.number.desc()).limit(1)
    row = (await connection.execute(newest)).one_or_none()
    has_banner = row is not None and row.texts is not None
    return Board(changes, Banner(row.texts, row.until) if row is not None and has_banner else None)


async def turn(database: Database, name: str, *, is_off: bool, by: Staff, why: str = "") -> Change | None:
    """Turns a switch. None where it is so; otherwise the earlier change that has made it so already, which stands.

    A switch that nobody has turned is on. To turn it on is recorded too, and changes nothing else.
    """
    async with database.transaction() as connection:
        await connection.execute(_LOCK)
        earlier = (await read(connection)).changes.get(name)
        if earlier is not None and earlier.is_off is is_off:
            return earlier
        row = {"name": name, "is_off": is_off, "why": why, "by": by.name, "changed_at": clock.now()}
        await connection.execute(insert(switch_change).values(row))
    return None


async def set_banner(database: Database, banner: Banner | None) -> None:
    """Puts another banner in the place of the present one, or none."""
    row = {"texts": None if banner is None else dict(banner.texts), "until": None if banner is None else banner.until}
    async with database.autocommit() as connection:
        await connection.execute(insert(banner_change).values(**row, changed_at=clock.now()))
