"""One currency for another: nobody loses the one without getting the other, at the rate that is on record."""

import asyncio
from dataclasses import replace
from uuid import UUID

import pytest

from core import ids
from core.errors import KeyConflict
from core.ledger.chart import LIQUIDITY
from core.ledger.exchange import Rate, exchange
from core.ledger.refusals import AccountClosed, NotEnoughMoney
from core.ledger.transfer import Leg, Transfer
from core.money import Money
from core.runtime import Runtime
from tests.core.ledger.shop import Shop

# 100 Kenyan cents buy 29 whole Ugandan shillings.
RATE = Rate(29, 100, "UGX")


async def sold(runtime: Runtime, kes: UUID, ugx: UUID, minor: int, key: str = "key", rate: Rate = RATE) -> Money:
    return await exchange(
        runtime.database, country="KE", sold_from=kes, bought_into=ugx, amount=Money(minor, "KES"), rate=rate, key=key
    )


async def test_both_sides_move_and_the_rate_is_on_record(runtime: Runtime) -> None:
    shop = Shop(runtime)
    kes, ugx = await shop.person(10_000), await shop.person(currency="UGX")
    assert await sold(runtime, kes, ugx, 1_050) == Money(304, "UGX")
    assert (await shop.balance(kes), await shop.balance(ugx)) == (8_950, 304)
    assert (await shop.own(LIQUIDITY, "KES"), await shop.own(LIQUIDITY, "UGX")) == (1_050, -304)
    assert await shop.one("SELECT rate_bought || ' for ' || rate_sold FROM exchange") == "29 for 100"
    assert await shop.findings() == []


async def test_what_cannot_be_bought_is_not_sold(runtime: Runtime) -> None:
    shop = Shop(runtime)
    kes, ugx = await shop.person(10_000), await shop.person(currency="UGX")
    await shop.close(ugx)
    with pytest.raises(AccountClosed):
        await sold(runtime, kes, ugx, 1_000)
    assert (await shop.balance(kes), await shop.one("SELECT count(*) FROM exchange")) == (10_000, "0")


async def test_what_cannot_be_sold_is_not_bought(runtime: Runtime) -> None:
    shop = Shop(runtime)
    kes, ugx = await shop.person(999), await shop.person(currency="UGX")
    with pytest.raises(NotEnoughMoney):
        await sold(runtime, kes, ugx, 1_000)
    assert (await shop.balance(kes), await shop.balance(ugx)) == (999, 0)


async def test_an_exchange_asked_for_many_times_at_once_happens_once(runtime: Runtime) -> None:
    shop = Shop(runtime)
    kes, ugx = await shop.person(10_000), await shop.person(currency="UGX")
    bought = await asyncio.gather(*(sold(runtime, kes, ugx, 1_000) for _ in range(6)))
    assert set(bought) == {Money(290, "UGX")}
    assert (await shop.balance(kes), await shop.balance(ugx)) == (9_000, 290)
    assert await shop.one("SELECT count(*) FROM exchange") == "1"


async def test_the_same_key_at_another_rate_is_refused_and_moves_nothing(runtime: Runtime) -> None:
    shop = Shop(runtime)
    kes, ugx = await shop.person(10_000), await shop.person(currency="UGX")
    await sold(runtime, kes, ugx, 1_000)
    with pytest.raises(KeyConflict):
        await sold(runtime, kes, ugx, 1_000, rate=replace(RATE, bought=30))
    assert (await shop.balance(kes), await shop.balance(ugx)) == (9_000, 290)


async def test_an_amount_that_buys_nothing_is_not_taken(runtime: Runtime) -> None:
    shop = Shop(runtime)
    kes, ugx = await shop.person(10_000), await shop.person(currency="UGX")
    with pytest.raises(ValueError, match="buys nothing"):
        await sold(runtime, kes, ugx, 3)
    assert await shop.balance(kes) == 10_000


async def test_no_transfer_turns_one_currency_into_another_by_itself(runtime: Runtime) -> None:
    shop = Shop(runtime)
    kes, ugx = await shop.person(10_000), await shop.person(currency="UGX")
    mixed = Transfer(ids.new_id(), kes, "mixed", "send", (Leg(kes, -1_000), Leg(ugx, 1_000)))
    assert await shop.outcome(mixed) == "invalid"
    assert (await shop.balance(kes), await shop.balance(ugx)) == (10_000, 0)


def test_a_fraction_of_a_minor_unit_stays_with_the_service() -> None:
    assert [RATE.convert(Money(minor, "KES")).minor for minor in (3, 4, 100, 103, 104, 10**15)] == [0, 1, 29, 29, 30, 29 * 10**13]
