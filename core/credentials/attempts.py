"""Limits how often somebody may try something in a day. PINs and one-time codes have counters of their own."""

from uuid import UUID

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock
from core.credentials.refusals import TooManyTries
from core.refusing import refuses
from core.tables.credentials import attempt


@refuses(TooManyTries)
async def count_try(connection: AsyncConnection, subject: UUID, kind: str, *, most: int, country: str) -> int:
    """Counts one more try of today, by the country's calendar, and returns the count. TooManyTries: it would pass `most`.

    On an autocommit connection the try stays counted, whatever becomes of it.
    """
    one_more = (
        insert(attempt)
        .values(subject=subject, kind=kind, day=clock.today(country), count=1)
        .on_conflict_do_update(
            index_elements=[attempt.c.subject, attempt.c.kind, attempt.c.day],
            set_={"count": attempt.c.count + 1},
            where=attempt.c.count < most,
        )
        .returning(attempt.c.count)
    )
    count: int | None = (await connection.execute(one_more)).scalar_one_or_none()
    if count is None:
        raise TooManyTries
    return count


async def reset(connection: AsyncConnection, subject: UUID, kind: str, *, country: str) -> None:
    """Sets today's count to 0, after a right try."""
    await connection.execute(
        update(attempt)
        .where(attempt.c.subject == subject, attempt.c.kind == kind, attempt.c.day == clock.today(country))
        .values(count=0)
    )
