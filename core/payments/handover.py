"""The worker's side of payments: hands requests to the rail, and tells customers when the rail stays silent.

The worker calls the rail outside any transaction and with a deadline. It leases rows, commits, and then asks the rail. When a
worker has died, or the rail's answer is in doubt, the lease runs out and the rail is asked again under the same id.
"""

import asyncio
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Row, and_, case, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core import chores, clock
from core.chores import Due
from core.deadline import within
from core.faults import describe
from core.messaging import notices
from core.money import Money
from core.operations import switches
from core.payments import requests, settlements, texts
from core.payments.settlements import IN, OUT
from core.rail import Order, Rail, RailRefused
from core.runtime import Runtime
from core.tables.payments import payment

# When a lease runs out, the worker is taken for dead, or the rail for silent.
LEASE_LASTS = timedelta(seconds=60)
RAIL_SECONDS = 10.0
_MOST_AT_ONCE = 20

log = structlog.get_logger()


async def ask(runtime: Runtime) -> int:
    """Hands waiting requests to their rails; answers with how many. After a doubtful answer the rail is asked again later.

    A rail that is switched off is asked for nothing. What it was never asked for is given back; the rest waits for its report.
    So it is with a rail that is no longer connected, after a while: another worker may know it already, or still.
    """
    await runtime.switches.look()
    handed = await asyncio.gather(*(_ask(runtime, rail) for rail in runtime.rails.values()))
    is_late = payment.c.answer_by <= await _now(runtime)
    is_orphaned = payment.c.rail.not_in(runtime.rails) & (payment.c.direction == OUT) & is_late
    return sum(handed) + await _give_back(runtime, is_orphaned & payment.c.status.in_(["new", "unanswered"]))


async def _ask(runtime: Runtime, rail: Rail) -> int:
    now = await _now(runtime)
    if runtime.switches.is_off(switches.rail(rail.name)):
        return await _give_back(runtime, _is_wanted(rail, now))
    rows = await _lease(runtime, rail, now)
    # The next rows to be leased are others: these have been leased last.
    tries = (chores.try_one(runtime.database, "payments: ask", row.id, partial(_hand_over, runtime, rail, row)) for row in rows)
    results = await asyncio.gather(*tries, return_exceptions=True)
    for failure in results:
        if isinstance(failure, BaseException):
            raise failure
    return len(rows)


async def give_up(runtime: Runtime) -> int:
    """Tells customers that their rail is silent; answers with how many. Moves nothing: a late report still counts."""
    is_silent = payment.c.status.in_(["new", "asked"]) & (payment.c.answer_by <= await _now(runtime))

    async def tell(connection: AsyncConnection, row: Row[Any]) -> bool:
        await connection.execute(update(payment).where(payment.c.id == row.id).values(status="unanswered"))
        text = texts.DEPOSIT_UNANSWERED if row.direction == IN else texts.WITHDRAWAL_UNANSWERED
        params = settlements.sms_params(row, settlements.network_of(runtime, row))
        await notices.tell(runtime, connection, settlements.get_reader(row), text, **params)
        return True

    due = Due(settlements.PAYMENTS.where(is_silent), payment.c.id, (payment.c.answer_by,))
    return await chores.work_through(runtime.database, "payments: give up", due, tell)


async def _give_back(runtime: Runtime, which: ColumnElement[bool]) -> int:
    """Ends the requests that no worker has ever taken in hand. No worker takes one in hand meanwhile: its row is locked."""
    is_untouched = which & payment.c.asked_at.is_(None) & payment.c.claimed_at.is_(None)

    async def end(connection: AsyncConnection, row: Row[Any]) -> bool:
        refused = {"status": "refused", "settled_at": clock.now()}
        await connection.execute(update(payment).where(payment.c.id == row.id).values(refused))
        await settlements.settle(runtime, connection, row, paid=False)
        return True

    due = Due(settlements.PAYMENTS.where(is_untouched), payment.c.id, (payment.c.created_at,))
    return await chores.work_through(runtime.database, "payments: give back", due, end)


async def _now(runtime: Runtime) -> datetime:
    """The time by the clock that all workers share, for the round that begins."""
    async with runtime.database.autocommit() as connection:
        return await clock.read_in_database(connection)


async def _lease(runtime: Runtime, rail: Rail, now: datetime) -> list[Row[Any]]:
    """Leases the requests that the rail has not accepted yet, longest waiting first. No other worker asks for them meanwhile."""
    is_free = or_(payment.c.claimed_at.is_(None), payment.c.claimed_at < now - LEASE_LASTS)
    waiting = (
        select(payment.c.id)
        .where(_is_wanted(rail, now), is_free)
        .order_by(payment.c.claimed_at.asc().nulls_first(), payment.c.created_at)
        .limit(_MOST_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    lease = update(payment).where(payment.c.id.in_(waiting)).values(claimed_at=now).returning(payment)
    async with runtime.database.autocommit() as connection:
        return list((await connection.execute(lease)).all())


def _is_wanted(rail: Rail, now: datetime) -> ColumnElement[bool]:
    """A withdrawal until the rail accepts it, a deposit only while the customer may look for the prompt."""
    is_wanted = or_(
        and_(payment.c.status == "new", or_(payment.c.direction == OUT, payment.c.answer_by > now)),
        and_(payment.c.status == "unanswered", payment.c.direction == OUT),
    )
    return and_(payment.c.rail == rail.name, payment.c.asked_at.is_(None), is_wanted)


async def _hand_over(runtime: Runtime, rail: Rail, row: Row[Any]) -> None:
    order = Order(row.id, row.phone, Money(row.amount, row.currency))
    try:
        await within(RAIL_SECONDS, rail.collect(order) if row.direction == IN else rail.pay_out(order))
    except RailRefused:
        await requests.report(runtime, row.id, paid=False)
    except Exception as error:  # noqa: BLE001 - after any error it is open what the rail did
        log.warning("the rail's answer is in doubt", payment=str(row.id), error=describe(error))
    else:
        # The rail may have reported already, or the worker given up: those stay.
        status = case((payment.c.status == "new", "asked"), else_=payment.c.status)
        accepted = update(payment).where(payment.c.id == row.id).values(asked_at=clock.in_database(), status=status)
        async with runtime.database.autocommit() as connection:
            await connection.execute(accepted)
