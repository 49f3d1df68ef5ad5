"""The network between: it answers late, twice, wrongly or not at all, and workers die while they wait for it."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from core import clock
from core.payments import handover, requests
from core.payments.refusals import RailAway
from core.rail import Order
from core.runtime import Runtime
from gateway import wiring
from tests.core.payments.mpesa import NOW, START, PlayedRail, Stage, breaks, kes, refuses, set_up


@pytest.fixture
async def stage(runtime: Runtime) -> Stage:
    return await set_up(runtime)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("direction", ["in", "out"])
async def test_the_first_final_word_moves_the_money_once_and_every_later_one_nothing(
    stage: Stage, direction: str, first: bool
) -> None:
    payment_id = await (stage.asked_deposit() if direction == "in" else stage.asked_withdrawal())
    await asyncio.gather(*(stage.report(payment_id, paid=first, rail_reference="SFL7K2X9QZ") for _ in range(3)))
    settled, told = await stage.money(), await stage.inbox()
    for paid, reference in ((not first, "SFL7K2X9QZ"), (first, "ANOTHER"), (first, None), (not first, None)):
        await stage.report(payment_id, paid=paid, rail_reference=reference)
    with clock.at(clock.now() + timedelta(days=1)):
        assert [await stage.ask(), await stage.give_up()] == [0, 0]
    assert await stage.money() == settled
    assert await stage.inbox() == told
    assert len(told) == 1
    assert await stage.status(payment_id) == ("paid" if first else "refused")
    assert await stage.findings() == []


async def test_two_contradicting_words_at_once_move_the_money_once(stage: Stage) -> None:
    payment_id = await stage.asked_withdrawal()
    await asyncio.gather(*(stage.report(payment_id, paid=number % 2 == 0) for number in range(6)))
    balance, available = await stage.money()
    assert balance == available == (START - 52_900 if await stage.status(payment_id) == "paid" else START)
    assert len(await stage.inbox()) == 1


async def test_one_payment_at_the_rail_pays_for_one_deposit_only(stage: Stage) -> None:
    await stage.report(await stage.asked_deposit(key="a"), paid=True, rail_reference="SFL7K2X9QZ")
    second = await stage.asked_deposit(key="b")
    await stage.report(second, paid=True, rail_reference="SFL7K2X9QZ")
    assert await stage.money() == (START + 50_000, START + 50_000)
    assert await stage.status(second) == "asked"
    await stage.report(second, paid=True, rail_reference="SFL8K2X9QZ")
    assert await stage.money() == (START + 100_000, START + 100_000)


async def test_a_word_about_a_payment_that_nobody_asked_for_is_an_error(stage: Stage) -> None:
    with pytest.raises(LookupError):
        await stage.report(stage.asha.id, paid=True)
    assert await stage.money() == (START, START)


async def test_a_word_that_comes_before_the_rail_has_answered_the_order_counts(stage: Stage) -> None:
    stage.rail.does = lambda order: stage.report(order.id, paid=True)
    payment_id = await stage.asked_deposit()
    assert await stage.status(payment_id) == "paid"
    assert await stage.money() == (START + 50_000, START + 50_000)


@pytest.mark.parametrize("direction", ["in", "out"])
async def test_what_the_rail_refuses_at_once_is_over_and_told(stage: Stage, direction: str) -> None:
    stage.rail.does = refuses
    payment_id = await (stage.asked_deposit() if direction == "in" else stage.asked_withdrawal())
    assert await stage.status(payment_id) == "refused"
    assert await stage.money() == (START, START)
    assert len(await stage.inbox()) == 1
    assert await stage.ask() == 0


@pytest.mark.parametrize("trouble", ["breaks", "hangs"])
@pytest.mark.parametrize("direction", ["in", "out"])
async def test_a_rail_in_doubt_is_asked_again_under_the_same_id_and_nothing_is_taken_for_failed(
    stage: Stage, direction: str, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "RAIL_SECONDS", 0.05)
    stage.rail.does = breaks if trouble == "breaks" else lambda _: asyncio.Event().wait()
    with clock.at(NOW):
        payment_id = await (stage.asked_deposit() if direction == "in" else stage.asked_withdrawal())
        before = await stage.money()
        assert await stage.status(payment_id) == "new"
        assert await stage.ask() == 0
    stage.rail.does = None
    with clock.at(NOW + timedelta(seconds=61)):
        assert [await stage.ask(), await stage.ask()] == [1, 0]
    assert stage.rail.ids == [payment_id] * 2
    assert await stage.status(payment_id) == "asked"
    assert await stage.money() == before
    assert await stage.inbox() == []


async def test_a_withdrawal_that_never_reached_the_rail_is_asked_for_until_it_does(stage: Stage) -> None:
    stage.rail.does = breaks
    with clock.at(NOW):
        payment_id = await stage.asked_withdrawal()
    with clock.at(NOW + timedelta(minutes=10)):
        assert [await stage.give_up(), await stage.ask()] == [1, 1]
    stage.rail.does = None
    with clock.at(NOW + timedelta(minutes=20)):
        assert [await stage.ask(), await stage.ask()] == [1, 0]
    with clock.at(NOW + timedelta(minutes=30)):
        assert await stage.ask() == 0
    assert stage.rail.ids == [payment_id] * 3
    assert await stage.status(payment_id) == "unanswered"
    await stage.report(payment_id, paid=True)
    assert await stage.money() == (START - 52_900, START - 52_900)


async def test_a_worker_that_dies_while_the_rail_thinks_leaves_the_request_to_another(stage: Stage) -> None:
    reached = asyncio.Event()

    async def thinks(_: Order) -> None:
        reached.set()
        await asyncio.Event().wait()

    stage.rail.does = thinks
    with clock.at(NOW):
        await stage.withdraw()
        dying = asyncio.create_task(stage.ask())
        await reached.wait()
        dying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await dying
    stage.rail.does = None
    with clock.at(NOW + timedelta(seconds=30)):
        assert await stage.ask() == 0
    with clock.at(NOW + timedelta(seconds=61)):
        assert sorted(await asyncio.gather(stage.ask(), stage.ask())) == [0, 1]
    assert len(set(stage.rail.ids)) == 1
    assert await stage.money() == (START, START - 52_900)


async def test_workers_at_once_ask_for_each_request_once(stage: Stage) -> None:
    for number in range(4):
        await stage.withdraw(100, f"key {number}")
    assert sum(await asyncio.gather(*(stage.ask() for _ in range(4)))) == 4
    assert len(stage.rail.ids) == len(set(stage.rail.ids)) == 4


async def test_one_request_that_hangs_does_not_hold_up_the_others(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "RAIL_SECONDS", 0.05)
    for number in range(3):
        await stage.withdraw(100 + number, f"key {number}")
    stage.rail.does = lambda order: asyncio.Event().wait() if order.amount == kes(100) else None
    assert await stage.ask() == 3
    assert await stage.one("SELECT string_agg(status, ' ' ORDER BY amount) FROM payment") == "new asked asked"


async def test_without_a_rail_nothing_is_asked_for_and_nothing_moves(stage: Stage) -> None:
    without = Stage(replace(stage.runtime, rails={}), stage.rail, stage.asha)
    for refused in (without.deposit(), without.withdraw(), requests.quote_withdrawal(without.runtime, stage.asha, kes(500))):
        with pytest.raises(RailAway):
            await refused
    assert await without.ask() == 0
    assert await stage.one("SELECT count(*) FROM payment") == "0"


async def test_a_rail_carries_out_its_own_orders_only(stage: Stage) -> None:
    await stage.withdraw()
    other = PlayedRail("another")
    assert await handover.ask(replace(stage.runtime, rails={other.name: other})) == 0
    assert other.asked == []
    assert await stage.ask() == 1


async def test_a_production_service_has_no_rail_that_pretends(runtime: Runtime) -> None:
    assert wiring.rails(replace(runtime.settings, env="production")) == {}
    assert wiring.rails(runtime.settings).keys() == {"local"}
