"""What becomes of jobs that nobody sees to: an open one leaves the list; who does not pay is reminded, then Jasho decides."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Row, exists, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from core import chores, clock
from core.customers.profiles import load
from core.jobs import applications, escrow, hiring, market, texts
from core.jobs.posts import OPEN_FOR
from core.messaging import kinds, notices
from core.runtime import Runtime
from core.tables.chores import chore
from core.tables.jobs import job as job_table

REMINDED_AFTER = timedelta(days=3)
DISPUTED_AFTER = timedelta(days=7)
_REMINDER = "job_reminder"
_MOST_AT_ONCE = 100

log = structlog.get_logger()

_Act = Callable[[Runtime, AsyncConnection, Row[Any]], Awaitable[bool]]


async def meet(runtime: Runtime) -> int:
    """Does what is due now, each thing once, however many workers do this; says how many things it did."""
    now = clock.now()
    is_unpaid = job_table.c.status == market.FINISHED
    is_reminded = exists().where(chore.c.subject == job_table.c.id, chore.c.kind == _REMINDER)
    since = job_table.c.changed_at
    count = await _each(runtime, (job_table.c.status == market.OPEN) & (job_table.c.expires_at <= now), _expire)
    count += await _each(runtime, is_unpaid & (since <= now - DISPUTED_AFTER), _dispute)
    return count + await _each(runtime, is_unpaid & (since <= now - REMINDED_AFTER) & ~is_reminded, _remind)


async def _each(runtime: Runtime, is_due: ColumnElement[bool], act: _Act) -> int:
    """Acts on each due job, its row locked, in a transaction of its own. One that fails is left for the next round."""
    due = select(job_table.c.id).where(is_due).order_by(job_table.c.changed_at, job_table.c.id).limit(_MOST_AT_ONCE)
    async with runtime.database.autocommit() as connection:
        job_ids = (await connection.scalars(due)).all()
    count = 0
    for job_id in job_ids:
        # Looked at again under the lock: another worker, or one of the two sides, may have been faster.
        own = select(job_table).where(job_table.c.id == job_id, is_due).with_for_update(key_share=True, skip_locked=True)
        try:
            async with runtime.database.transaction() as connection:
                row = (await connection.execute(own)).one_or_none()
                count += row is not None and await act(runtime, connection, row)
        except OperationalError:
            raise  # the database is away: so it is for the others
        except Exception:
            log.exception("a job's deadline was not met", job=str(job_id))
    return count


async def _expire(runtime: Runtime, connection: AsyncConnection, row: Row[Any]) -> bool:
    await hiring.change(connection, row.id, market.EXPIRED)
    job, employer = await market.load(connection, row.id), await load(connection, row.employer_id)
    await applications.decline_waiting(runtime, connection, job, texts.JOB_OFF)
    if employer is not None:
        said: dict[str, Any] = {"number": job.number, "title": job.title, "days": OPEN_FOR.days}
        said |= {"service_code": runtime.settings.service_code}
        await notices.tell(connection, employer, texts.JOB_EXPIRED, kind=kinds.REMINDER, **said)
    return True


async def _remind(runtime: Runtime, connection: AsyncConnection, row: Row[Any]) -> bool:
    if not await chores.claim(connection, row.id, _REMINDER, "once"):
        return False
    hired = await escrow.load(connection, row)
    date = f"{clock.day(row.changed_at, runtime.settings.country):%d/%m/%Y}"
    await escrow.tell(runtime, connection, hired, hired.employer, texts.JOB_REMINDER, kind=kinds.REMINDER, date=date)
    return True


async def _dispute(runtime: Runtime, connection: AsyncConnection, row: Row[Any]) -> bool:
    hired = await hiring.step(connection, row, market.DISPUTED, market.FINISHED)
    for reader in (hired.employer, hired.worker):
        await escrow.tell(runtime, connection, hired, reader, texts.JOB_UNPAID, days=DISPUTED_AFTER.days)
    return True
