"""What the background worker does once for each subject, kind and period, with any number of workers and whenever one dies."""

from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock
from core.tables.chores import chore


async def claim(connection: AsyncConnection, subject: UUID, kind: str, period: str) -> bool:
    """Is it the caller's to do? True once: in the transaction that does it, so that a rollback gives it back."""
    taken = (
        insert(chore)
        .values(subject=subject, kind=kind, period=period, done_at=clock.now())
        .on_conflict_do_nothing()
        .returning(chore.c.subject)
    )
    return (await connection.execute(taken)).one_or_none() is not None
