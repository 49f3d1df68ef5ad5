"""Tells the office of payments out that their network has not settled for a day.

The money stays held for as long as it takes, so that nobody else would notice: only a person can ask the network.
"""

from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import Row, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core import chores, clock
from core.chores import Due
from core.payments.settlements import OUT
from core.runtime import Runtime
from core.tables.chores import chore
from core.tables.payments import payment

TOO_LONG = timedelta(days=1)
_TOLD = "payment unanswered"

log = structlog.get_logger()


async def tell_office(runtime: Runtime) -> int:
    """Names each of them in the log, once a day; answers with how many."""
    now = clock.now()
    today = clock.day(now, runtime.settings.country).isoformat()
    is_waiting = (payment.c.direction == OUT) & payment.c.status.in_(["new", "asked", "unanswered"])
    is_told = exists().where(chore.c.subject == payment.c.id, chore.c.kind == _TOLD, chore.c.period == today)
    is_late = is_waiting & (payment.c.answer_by <= now - TOO_LONG) & ~is_told

    async def tell(connection: AsyncConnection, row: Row[Any]) -> bool:
        if not await chores.mark_done(connection, row.id, _TOLD, today):
            return False
        log.error("a payment out has no final report", payment=str(row.id), rail=row.rail, days=(now - row.created_at).days)
        return True

    due = Due(select(payment).where(is_late), payment.c.id, (payment.c.answer_by,), is_shared=True)
    return await chores.work_through(runtime.database, "payments: alarm", due, tell)
