"""Deadlines of jobs: an open one leaves the list; an employer who does not pay is reminded, and then Jasho decides."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Row, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core import chores, clock
from core.chores import Due
from core.customers import profiles
from core.jobs import applications, escrow, hiring, market, texts
from core.jobs.posts import OPEN_FOR
from core.messaging import kinds, notices
from core.runtime import Runtime
from core.tables.chores import chore
from core.tables.jobs import job as job_table

REMINDED_AFTER = timedelta(days=3)
DISPUTED_AFTER = timedelta(days=7)
_REMINDER = "job_reminder"

_Act = Callable[[Runtime, AsyncConnection, Row[Any]], Awaitable[bool]]


async def meet(runtime: Runtime) -> int:
    """Does what is due now, each thing once with any number of workers. Returns how many things it did."""
    async with runtime.database.autocommit() as connection:
        now = await clock.read_in_database(connection)
    is_unpaid = job_table.c.status == market.FINISHED
    is_reminded = exists().where(chore.c.subject == job_table.c.id, chore.c.kind == _REMINDER)
    since = job_table.c.changed_at
    count = await _each(
        runtime, "jobs: deadlines", (job_table.c.status == market.OPEN) & (job_table.c.expires_at <= now), _expire
    )
    count += await _each(runtime, "jobs: deadlines", is_unpaid & (since <= now - DISPUTED_AFTER), _dispute)
    return count + await _each(runtime, "jobs: deadlines", is_unpaid & (since <= now - REMINDED_AFTER) & ~is_reminded, _remind)


async def _each(runtime: Runtime, duty: str, is_due: ColumnElement[bool], act: _Act) -> int:
    # The condition is checked again under the lock: one of the two sides may have acted meanwhile.
    due = Due(select(job_table).where(is_due), job_table.c.id, (job_table.c.changed_at,), is_shared=True)
    return await chores.work_through(runtime.database, duty, due, partial(act, runtime))


async def _expire(runtime: Runtime, connection: AsyncConnection, row: Row[Any]) -> bool:
    await hiring.set_status(connection, row.id, market.EXPIRED)
    job, employer = await market.get_within(connection, row.id), await profiles.find_by_id(connection, row.employer_id)
    await applications.decline_waiting(runtime, connection, job, texts.JOB_OFF)
    if employer is not None:
        params: dict[str, Any] = {"number": job.number, "title": job.title, "days": OPEN_FOR.days}
        await notices.tell(runtime, connection, employer, texts.JOB_EXPIRED, kind=kinds.REMINDER, **params)
    return True


async def _remind(runtime: Runtime, connection: AsyncConnection, row: Row[Any]) -> bool:
    if not await chores.mark_done(connection, row.id, _REMINDER, "once"):
        return False
    hired = await escrow.get_hired(connection, row)
    date = clock.day_text(clock.day(row.changed_at, runtime.settings.country))
    await escrow.tell(runtime, connection, hired, hired.employer, texts.JOB_REMINDER, kind=kinds.REMINDER, date=date)
    return True


async def _dispute(runtime: Runtime, connection: AsyncConnection, row: Row[Any]) -> bool:
    hired = await hiring.advance(connection, row, market.DISPUTED, market.FINISHED)
    for reader in (hired.employer, hired.worker):
        await escrow.tell(runtime, connection, hired, reader, texts.JOB_UNPAID, days=DISPUTED_AFTER.days)
    return True
