"""Covers for tests: days to play, a cover bought, money put in and taken out, and what the worker does in a day."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import text

from core import clock, ids
from core.customers.profiles import Customer
from core.insurance import covers, renewals
from core.insurance.covers import CoverPurchase
from core.ledger.chart import TRUST, SystemAccount
from core.ledger.post import post
from core.ledger.transfer import Leg, Transfer
from core.runtime import Runtime
from tests import pins
from tests.core.counter import held, one

# A Tuesday at noon in Nairobi, after the demo people have joined, with crops on sale.
BEGIN = datetime(2027, 3, 2, 9, tzinfo=UTC)
HOSPITAL, FUNERAL, ACCIDENT, CROP = "hospital_cash", "funeral", "personal_accident", "crop"
PRICE, COVER = 15_000, 1_000_000


def on(days: int, hours: int = 0) -> AbstractContextManager[None]:
    """Makes it so many days after the beginning."""
    return clock.at(BEGIN + timedelta(days=days, hours=hours))


def day(days: int) -> date:
    return BEGIN.date() + timedelta(days=days)


async def buy(runtime: Runtime, customer: Customer, product: str = HOSPITAL, key: str = "buy") -> CoverPurchase:
    return await covers.buy(runtime, customer, product, pins.RIGHT, key)


async def work(runtime: Runtime) -> None:
    """A day of the worker, and a second round that should find nothing."""
    for duty in (renewals.remind, renewals.renew):
        while await duty(runtime):
            pass


async def set_balance(runtime: Runtime, customer: Customer, minor: int) -> None:
    """Pays into the wallet from the bank, or out of it, until it holds so much."""
    change = minor - await held(runtime, customer.phone)
    legs = (Leg(customer.wallet, change), Leg(SystemAccount(TRUST, "KES"), -change))
    async with runtime.database.autocommit() as connection:
        [answer] = await post(connection, [Transfer(ids.new_id(), customer.wallet, ids.new_id().hex, "deposit", legs)], "KE")
    assert answer.is_done, answer


@asynccontextmanager
async def meeting(runtime: Runtime, customer: Customer, tasks: int) -> AsyncIterator[None]:
    """Keeps the wallet's row, and lets go when so many have come as far as waiting: each has seen nothing of the others."""
    waiting = """SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE NOT granted AND datname = current_database()"""
    async with runtime.database.transaction() as connection:
        await connection.execute(text("SELECT FROM account WHERE id = :id FOR UPDATE"), {"id": customer.wallet})
        yield
        async with asyncio.timeout(20):
            while int(await one(runtime, waiting)) < tasks:
                pass


async def runs(runtime: Runtime, product: str = HOSPITAL) -> list[tuple[date, date, date, str]]:
    """(starts, waits until, ends, status) of every run of days, the first one first."""
    query = "SELECT starts, waits_until, ends, status FROM policy WHERE product = :product ORDER BY starts, created_at"
    async with runtime.database.autocommit() as connection:
        rows: Any = await connection.execute(text(query), {"product": product})
        return [tuple(row) for row in rows]


async def premiums(runtime: Runtime) -> int:
    return int(await one(runtime, "SELECT sum(balance) FROM account WHERE kind = 'premiums' AND currency = 'KES'"))
