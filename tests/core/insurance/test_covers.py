"""Buying a cover: paid once and sold once, whatever is repeated, overtaken or refused."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from uuid import uuid4

import pytest

from core.credentials.refusals import WrongPin
from core.customers.profiles import Customer
from core.errors import KeyConflict, NotPermitted, Refusal
from core.insurance import covers, products
from core.insurance.refusals import AlreadyCovered, OutOfSeason
from core.ledger.refusals import AccountClosed, NotEnoughMoney
from core.runtime import Runtime
from tests import closed, pins
from tests.core.counter import ASHA, BARAKA, check_books, held, kes, one, person, received
from tests.core.insurance.covers import (
    COVER,
    CROP,
    FUNERAL,
    HOSPITAL,
    PRICE,
    buy,
    day,
    meeting,
    on,
    premiums,
    runs,
    set_balance,
    work,
)
from tests.phone import Phone

START = 1_250_000


@pytest.fixture
async def asha(runtime: Runtime) -> AsyncIterator[Customer]:
    with on(0):
        yield await person(runtime, ASHA)
    await check_books(runtime)


async def policies(runtime: Runtime) -> int:
    return int(await one(runtime, "SELECT count(*) FROM policy"))


async def test_a_cover_costs_its_price_and_says_from_when_until_when_it_pays(runtime: Runtime, asha: Customer) -> None:
    receipt = await buy(runtime, asha)
    [policy] = await covers.list_policies(runtime, asha)
    assert receipt.policy == policy
    assert (policy.price.minor, policy.cover.minor, policy.renews, policy.status) == (PRICE, COVER, True, "active")
    assert (policy.starts, policy.waits_until, policy.ends, policy.last_day) == (day(0), day(14), day(30), day(29))
    assert receipt.balance.minor == await held(runtime, ASHA) == START - PRICE
    assert await premiums(runtime) == PRICE
    said = f"{receipt.reference} confirmed. Hospital cash cover, KES 150. Pays up to KES 10,000 from 16/03/2027 to 31/03/2027. "
    assert await received(runtime, ASHA, said + "Balance KES 12,350.") == 1


async def test_a_purchase_that_the_network_repeats_sells_once(
    phone: Callable[[str], Phone], runtime: Runtime, asha: Customer
) -> None:
    caller = phone(asha.phone)
    await caller.dial("*384*96*8*1*1*1#")
    receipt = await caller.type(pins.RIGHT)
    assert [await caller.send_again() for _ in range(3)] == [receipt] * 3
    assert (await policies(runtime), await held(runtime, ASHA)) == (1, START - PRICE)


async def test_the_same_request_again_gets_the_first_receipt(runtime: Runtime, asha: Customer) -> None:
    first = await buy(runtime, asha)
    await set_balance(runtime, asha, 0)
    assert await buy(runtime, asha) == first
    assert await policies(runtime) == 1


async def test_the_same_request_three_times_at_once_sells_once_and_all_get_the_same_receipt(
    runtime: Runtime, asha: Customer
) -> None:
    async with meeting(runtime, asha, 3):
        asked = [asyncio.ensure_future(buy(runtime, asha)) for _ in range(3)]
    assert len(set(await asyncio.gather(*asked))) == 1
    assert (await policies(runtime), await held(runtime, ASHA)) == (1, START - PRICE)


async def test_two_covers_of_one_price_at_once_under_one_key_are_one_purchase_and_none_is_free(
    runtime: Runtime, asha: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    same = [replace(product, price=kes(150)) for product in products.read(products.FILE.read_text())]
    monkeypatch.setattr(products, "_products", lambda: same)
    async with meeting(runtime, asha, 2):
        asked = [asyncio.ensure_future(buy(runtime, asha, product)) for product in (HOSPITAL, FUNERAL)]
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert Counter(type(result) for result in results) == {covers.CoverPurchase: 1, KeyConflict: 1}
    assert (await policies(runtime), await held(runtime, ASHA)) == (1, START - PRICE)


async def test_two_purchases_at_once_sell_one_cover_and_the_other_costs_nothing(runtime: Runtime, asha: Customer) -> None:
    async with meeting(runtime, asha, 2):
        asked = [asyncio.ensure_future(buy(runtime, asha, key=key)) for key in ("one", "two")]
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert Counter(type(result) for result in results) == {covers.CoverPurchase: 1, AlreadyCovered: 1}
    assert (await policies(runtime), await held(runtime, ASHA)) == (1, START - PRICE)


async def test_a_request_that_comes_again_after_its_cover_has_ended_sells_no_second_one(runtime: Runtime, asha: Customer) -> None:
    first = await buy(runtime, asha)
    await covers.stop_renewal(runtime, asha, first.policy.id)
    with on(30):
        await work(runtime)
        again = await buy(runtime, asha)
    assert again == first
    assert (await policies(runtime), await held(runtime, ASHA)) == (1, START - PRICE)


async def test_a_key_used_for_one_cover_buys_no_other_and_nothing_is_taken(runtime: Runtime, asha: Customer) -> None:
    await buy(runtime, asha)
    with pytest.raises(KeyConflict):
        await buy(runtime, asha, FUNERAL)
    assert (await policies(runtime), await held(runtime, ASHA)) == (1, START - PRICE)


@pytest.mark.parametrize("minor", [0, PRICE - 1])
async def test_who_cannot_pay_has_no_cover_and_keeps_her_money(runtime: Runtime, asha: Customer, minor: int) -> None:
    await set_balance(runtime, asha, minor)
    with pytest.raises(NotEnoughMoney) as refused:
        await buy(runtime, asha)
    assert refused.value.params["needed"] == "KES 150"
    assert (await policies(runtime), await held(runtime, ASHA)) == (0, minor)
    await set_balance(runtime, asha, PRICE)
    assert (await buy(runtime, asha)).balance.minor == 0


async def test_a_wrong_pin_buys_nothing(runtime: Runtime, asha: Customer) -> None:
    with pytest.raises(WrongPin):
        await covers.buy(runtime, asha, HOSPITAL, pins.WRONG, "buy")
    assert (await policies(runtime), await held(runtime, ASHA)) == (0, START)


@pytest.mark.parametrize(
    ("product", "days"), [("gold", 0), (CROP, 45), (CROP, 180)], ids=["never sold", "after the rains", "a day too early"]
)
async def test_what_is_not_on_sale_is_not_sold(runtime: Runtime, asha: Customer, product: str, days: int) -> None:
    with on(days), pytest.raises(OutOfSeason):
        await buy(runtime, asha, product)
    assert (await policies(runtime), await held(runtime, ASHA)) == (0, START)


async def test_a_season_is_covered_to_its_end_whenever_in_its_time_of_sale_it_is_bought(runtime: Runtime, asha: Customer) -> None:
    with on(44):
        policy = (await buy(runtime, asha, CROP)).policy
    assert (f"{policy.starts}", f"{policy.waits_until}", f"{policy.last_day}") == ("2027-04-15", "2027-04-25", "2027-08-31")
    assert not policy.renews
    with pytest.raises(NotPermitted):
        await covers.start_renewal(runtime, asha, policy.id, pins.RIGHT)
    with on(182):
        await work(runtime)
    with on(183):
        await work(runtime)
        assert await covers.list_policies(runtime, asha) == []
        await buy(runtime, asha, CROP, "next season")
    assert await held(runtime, ASHA) == START - 2 * 60_000


async def test_out_of_season_a_farmer_is_told_when_it_is_sold_again(phone: Callable[[str], Phone], asha: Customer) -> None:
    caller = phone(asha.phone)
    with on(50):
        screen = await caller.dial("*384*96*8*1*4#")
    told = "Crops cover: KES 600 a season. Pays up to KES 15,000. We sell it again from 01/09/2027.\n0. Back"
    assert screen.text.startswith(told)
    with on(0):
        screen = await caller.dial("*384*96*8*1*4*1#")
    assert screen.text.startswith("Crops cover: KES 600 until 31/08/2027. Enter PIN to buy")


async def test_a_closed_account_buys_nothing(runtime: Runtime, asha: Customer) -> None:
    await closed.close(runtime, asha.id)
    with pytest.raises(AccountClosed):
        await buy(runtime, asha)
    assert await policies(runtime) == 0


async def test_nobody_reads_or_changes_the_cover_of_somebody_else(runtime: Runtime, asha: Customer) -> None:
    policy = (await buy(runtime, asha)).policy
    baraka = await person(runtime, BARAKA)
    for policy_id in (policy.id, uuid4()):
        for refused in (
            covers.get_policy(runtime, baraka, policy_id),
            covers.stop_renewal(runtime, baraka, policy_id),
            covers.start_renewal(runtime, baraka, policy_id, pins.RIGHT),
        ):
            with pytest.raises(NotPermitted):
                await refused
    assert await covers.list_policies(runtime, asha) == [policy]


async def test_only_the_pin_lets_a_cover_take_money_by_itself_again(runtime: Runtime, asha: Customer) -> None:
    policy = (await buy(runtime, asha)).policy
    assert not (await covers.stop_renewal(runtime, asha, policy.id)).renews
    with pytest.raises(WrongPin):
        await covers.start_renewal(runtime, asha, policy.id, pins.WRONG)
    assert not (await covers.get_policy(runtime, asha, policy.id)).renews
    assert await covers.start_renewal(runtime, asha, policy.id, pins.RIGHT) == policy


async def test_buying_races_with_the_end_of_grace_and_is_paid_once_at_most(runtime: Runtime, asha: Customer) -> None:
    await buy(runtime, asha)
    await set_balance(runtime, asha, 0)
    with on(30):
        await work(runtime)
    await set_balance(runtime, asha, 2 * PRICE)
    with on(31):
        results = await asyncio.gather(buy(runtime, asha, key="herself"), work(runtime), return_exceptions=True)
    assert not [result for result in results if isinstance(result, Exception) and not isinstance(result, Refusal)]
    assert await held(runtime, ASHA) == PRICE
    assert [run[0] for run in await runs(runtime)] == [day(0), day(31)]
