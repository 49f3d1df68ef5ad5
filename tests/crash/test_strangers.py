"""People pay while strangers lock rows, transactions fall silent, staff change tiers and a new tariff begins.

Nobody whose row is free is refused or kept waiting, every limit holds after each single posting, and the books are proved.
"""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text

from core import clock
from core.errors import Busy
from core.ledger import limits
from core.ledger.limits import UNVERIFIED, VERIFIED
from core.ledger.post import post
from core.runtime import Runtime
from core.settings import Settings
from tests import databases
from tests.core.ledger.shop import Shop, payment

FREE, TOUCHED, LIMITED = 8, 3, 4
RICH = 40_000_000
# More than somebody unverified may move at once, and in two payments more than in a day.
MOST_LIMITED = 1_200_000
ROUNDS, TOGETHER = 8, 20
TARIFFS = (0, 700, 1_100)


@dataclass
class Market:
    """Who is there, what became of their payments, and at which version of an account its tier changed."""

    shop: Shop
    free: list[UUID]
    touched: list[UUID]
    limited: list[UUID]
    outcomes: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    tiers: dict[UUID, list[tuple[int, str]]] = field(default_factory=dict)
    is_over: asyncio.Event = field(default_factory=asyncio.Event)
    draw: random.Random = field(default_factory=lambda: random.Random(5))
    fee: int = 0
    waits: list[tuple[int, asyncio.Event]] = field(default_factory=list)

    async def pay(self, who: str, payer: UUID, payee: UUID, minor: int) -> None:
        wish = payment(payer, payee, minor, fee=self.fee)
        try:
            outcome = (await self.shop.runtime.poster.submit(wish)).outcome
        except Busy:
            outcome = "busy"
        self.outcomes[who][outcome] += 1
        for enough, event in self.waits:
            if self.outcomes["free"]["posted"] >= enough:
                event.set()

    async def paid_meanwhile(self, payments: int) -> None:
        """Ends when so many more of those whose rows are free have been paid: that they are is what the test is about."""
        event = asyncio.Event()
        self.waits.append((self.outcomes["free"]["posted"] + payments, event))
        await event.wait()

    async def hours(self, who: str, payers: list[UUID], payees: list[UUID], most: int) -> None:
        """Payment after payment, until the strangers have gone."""
        while not self.is_over.is_set():
            payer = self.draw.choice(payers)
            payee = self.draw.choice([payee for payee in payees if payee != payer])
            await self.pay(who, payer, payee, self.draw.randint(1, most))


@pytest.fixture
async def market(runtime: Runtime, settings: Settings) -> AsyncIterator[Market]:
    shop = Shop(runtime)
    free = [await shop.person(RICH, tier=None) for _ in range(FREE)]
    touched = [await shop.person(RICH, tier=None) for _ in range(TOUCHED)]
    made = Market(shop, free, touched, [await shop.person(RICH, tier=UNVERIFIED) for _ in range(LIMITED)])
    made.tiers = {account: [(0, UNVERIFIED)] for account in made.limited}
    yield made
    await runtime.close()
    databases.drop(settings.database_url)


@asynccontextmanager
async def stranger(settings: Settings) -> AsyncIterator["psycopg.AsyncConnection[tuple[object, ...]]"]:
    async with await psycopg.AsyncConnection.connect(settings.database_url) as connection:
        yield connection
        await connection.rollback()


async def lock_rows(market: Market, settings: Settings) -> None:
    """Holds a row for as long as it takes the others to be paid some rounds, then another one."""
    for number in range(ROUNDS):
        async with stranger(settings) as connection:
            account = market.touched[number % TOUCHED]
            await connection.execute("SELECT FROM account WHERE id = %s FOR UPDATE", [account])
            await market.paid_meanwhile(TOGETHER)


async def fall_silent(market: Market) -> None:
    """A service of our own that has posted, and with it holds a stripe of the fees, and then says nothing more."""
    for _ in range(ROUNDS // 2):
        async with market.shop.runtime.database.transaction() as connection:
            await post(connection, [payment(market.touched[0], market.touched[1], 100, fee=700)], "KE")
            await market.paid_meanwhile(TOGETHER)
            await connection.rollback()


async def change_tiers(market: Market) -> None:
    """Up and down; which version of the account comes after the change is read under its lock."""
    for number in range(ROUNDS * 4):
        account, tier = market.limited[number % LIMITED], VERIFIED if number // LIMITED % 2 == 0 else UNVERIFIED
        async with market.shop.runtime.database.transaction() as connection:
            change = "UPDATE account SET tier = :tier WHERE id = :id RETURNING version"
            version = await connection.scalar(text(change), {"tier": tier, "id": account})
            assert isinstance(version, int)
        market.tiers[account].append((version, tier))
        market.fee = TARIFFS[number // 3 % len(TARIFFS)]
        await market.paid_meanwhile(TOGETHER // 2)


async def test_people_pay_on_within_their_limits_whatever_strangers_hold(market: Market, settings: Settings) -> None:
    customers = [
        *(market.hours("free", market.free, market.free, 1_000) for _ in range(8)),
        *(market.hours("touched", market.touched, market.free, 1_000) for _ in range(2)),
        *(market.hours("limited", market.limited, market.free, MOST_LIMITED) for _ in range(4)),
    ]
    working = [asyncio.ensure_future(customer) for customer in customers]
    await asyncio.gather(lock_rows(market, settings), lock_rows(market, settings), fall_silent(market), change_tiers(market))
    market.is_over.set()
    await asyncio.gather(*working)
    assert set(market.outcomes["free"]) == {"posted"}, market.outcomes
    assert market.outcomes["limited"].keys() >= {"posted", "over_transfer_limit", "over_day_limit"}, market.outcomes
    assert await beyond_limits(market) == []
    assert await market.shop.findings() == []


async def beyond_limits(market: Market) -> list[str]:
    """Each payment that broke the limits of the tier that its payer had at its version."""
    today = clock.today("KE")
    most = {tier: limits.get(tier, "KES", today) for tier in (VERIFIED, UNVERIFIED)}
    query = text(
        "SELECT p.version, t.limited, t.key FROM transfer t JOIN posting p ON p.transfer_id = t.id AND p.account_id = t.initiator"
        " WHERE t.initiator = :id AND t.limited > 0 ORDER BY p.version"
    )
    broken = []
    async with market.shop.runtime.database.autocommit() as connection:
        for account, changes in market.tiers.items():
            spent = 0
            for version, limited, key in await connection.execute(query, {"id": account}):
                tier = next(tier for before, tier in reversed(changes) if before < version)
                spent += limited
                if limited > most[tier].transfer or spent > most[tier].day:
                    broken.append(f"{key} of {account}/{version}: {limited}, {spent} as {tier}")
    return broken
