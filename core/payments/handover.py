"""The worker's side of payments: hands requests to the rail, and tells customers when it stays silent.

The rail is called outside any transaction and with a deadline. A worker claims rows, commits the claim, and then asks; rows whose
worker died, and those that the rail left in doubt, are asked for again under the same id.
"""

import asyncio
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import Row, and_, case, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core import chores, clock
from core.chores import Due
from core.deadline import within
from core.messaging import notices
from core.money import Money
from core.payments import requests, settlements, texts
from core.payments.settlements import IN, OUT
from core.rail import Order, Rail, RailRefused
from core.runtime import Runtime
from core.tables.payments import payment

# A worker that has not said by then what the rail answered is taken for dead, or the rail for deaf.
CLAIM_LASTS = timedelta(seconds=60)
RAIL_SECONDS = 10.0
_MOST_AT_ONCE = 20

log = structlog.get_logger()


async def ask(runtime: Runtime) -> int:
    """Hands waiting requests to their rails, and says how many. A doubt is left as it is, and the rail asked again later."""
    return sum(await asyncio.gather(*(_ask(runtime, rail) for rail in runtime.rails.values())))


async def _ask(runtime: Runtime, rail: Rail) -> int:
    claimed = await _claim(runtime, rail)
    results = await asyncio.gather(*(_hand_over(runtime, rail, row) for row in claimed), return_exceptions=True)
    for failure in results:
        if failure is not None:
            raise failure
    return len(claimed)


async def give_up(runtime: Runtime) -> int:
    """Tells customers of payments that a rail is silent about, and says how many. Nothing moves, a late word still counts."""
    is_silent = payment.c.status.in_(["new", "asked"]) & (payment.c.answer_by <= clock.now())

    async def tell(connection: AsyncConnection, row: Row[Any]) -> bool:
        await connection.execute(update(payment).where(payment.c.id == row.id).values(status="unanswered"))
        text = texts.DEPOSIT_UNANSWERED if row.direction == IN else texts.WITHDRAWAL_UNANSWERED
        said = settlements.said(row, runtime.rails[row.rail].kind)
        await notices.tell(runtime, connection, settlements.reader(row), text, **said)
        return True

    silent = settlements.PAYMENTS.where(payment.c.rail.in_(runtime.rails.keys()), is_silent)
    due = Due(silent, payment.c.id, (payment.c.answer_by,))
    return await chores.work_through(runtime.database, "payments: give up", due, tell)


async def _claim(runtime: Runtime, rail: Rail) -> list[Row[Any]]:
    """Takes in hand what the rail has not taken on yet, longest waiting first, so that no other worker asks it meanwhile.

    A payment out is asked for until the rail takes it on; a deposit only for as long as its customer may look for the prompt.
    """
    now = clock.now()
    wanted = or_(
        and_(payment.c.status == "new", or_(payment.c.direction == OUT, payment.c.answer_by > now)),
        and_(payment.c.status == "unanswered", payment.c.direction == OUT),
    )
    free = or_(payment.c.claimed_at.is_(None), payment.c.claimed_at < now - CLAIM_LASTS)
    waiting = (
        select(payment.c.id)
        .where(payment.c.rail == rail.name, payment.c.asked_at.is_(None), wanted, free)
        .order_by(payment.c.claimed_at.asc().nulls_first(), payment.c.created_at)
        .limit(_MOST_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    take = update(payment).where(payment.c.id.in_(waiting)).values(claimed_at=now).returning(payment)
    async with runtime.database.autocommit() as connection:
        return list((await connection.execute(take)).all())


async def _hand_over(runtime: Runtime, rail: Rail, row: Row[Any]) -> None:
    order = Order(row.id, row.phone, Money(row.amount, row.currency))
    try:
        await within(RAIL_SECONDS, rail.collect(order) if row.direction == IN else rail.pay_out(order))
    except RailRefused:
        await requests.report(runtime, row.id, paid=False)
    except Exception as error:  # noqa: BLE001 - whatever it was, nobody knows what the rail did
        log.warning("the rail's answer is in doubt", payment=str(row.id), error=type(error).__name__)
    else:
        # It may have been reported on already, or given up.
        own = update(payment).where(payment.c.id == row.id)
        status = case((payment.c.status == "new", "asked"), else_=payment.c.status)
        async with runtime.database.autocommit() as connection:
            await connection.execute(own.values(asked_at=clock.now(), status=status))
