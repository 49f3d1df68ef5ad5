"""Money kept back while something outside decides: it is taken once or given back once, whoever races whom."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from core import clock, ids
from core.ledger import holds
from core.ledger.chart import FEES, TRUST, SystemAccount
from core.ledger.transfer import Leg, Notice, Transfer
from core.runtime import Runtime
from tests.core.ledger.shop import Shop, payment

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def shop(runtime: Runtime) -> Shop:
    return Shop(runtime)


async def test_money_that_is_held_can_be_spent_by_nobody_and_is_still_hers(shop: Shop) -> None:
    with clock.at(NOW):
        asha, baraka = await shop.person(10_000), await shop.person()
        await shop.held(payment(asha, baraka, 6_000), LATER)
        assert (await shop.balance(asha), await shop.available(asha), await shop.available(baraka)) == (10_000, 4_000, 0)
        assert await shop.outcome(payment(asha, baraka, 4_001)) == "not_enough"
        assert await shop.outcome(payment(asha, baraka, 4_000)) == "posted"


async def test_more_than_there_is_cannot_be_held_nor_what_is_held_already(shop: Shop) -> None:
    with clock.at(NOW):
        asha, baraka = await shop.person(10_000), await shop.person()
        assert await shop.outcome(holds.reserve(payment(asha, baraka, 10_001), LATER)) == "not_enough"
        await shop.held(payment(asha, baraka, 6_000), LATER)
        assert await shop.outcome(holds.reserve(payment(asha, baraka, 6_000), LATER)) == "not_enough"


async def test_a_capture_pays_all_that_was_held_with_its_fee_and_only_once(shop: Shop) -> None:
    with clock.at(NOW):
        asha, baraka = await shop.person(10_000), await shop.person()
        hold = await shop.held(payment(asha, baraka, 6_000, fee=700), LATER)
        assert await shop.outcome(holds.capture(hold, "capture")) == "posted"
        assert (await shop.available(asha), await shop.available(baraka)) == (3_300, 6_000)
        assert await shop.outcome(holds.capture(hold, "capture again")) == "hold_closed"
        assert await shop.outcome(holds.give_back(hold, "void")) == "hold_closed"
    assert await shop.findings() == []


async def test_the_same_capture_sent_twice_gets_its_first_answer(shop: Shop) -> None:
    with clock.at(NOW):
        asha, baraka = await shop.person(10_000), await shop.person()
        hold = await shop.held(payment(asha, baraka, 6_000), LATER)
        [first] = await shop.post(holds.capture(hold, "capture"))
        [again] = await shop.post(holds.capture(hold, "capture"))
        assert (again.outcome, again.transfer_id, again.available_minor) == (
            "repeated",
            first.transfer_id,
            first.available_minor,
        )


async def test_a_payment_is_not_taken_for_the_hold_of_the_same_money_under_the_same_key(shop: Shop) -> None:
    with clock.at(NOW):
        asha, baraka = await shop.person(10_000), await shop.person()
        await shop.held(payment(asha, baraka, 6_000, key="key"), LATER)
        assert await shop.outcome(payment(asha, baraka, 6_000, key="key")) == "key_conflict"
        assert await shop.outcome(holds.reserve(payment(asha, baraka, 6_000, key="key"), LATER)) == "repeated"


async def test_what_a_part_capture_leaves_can_be_spent_at_once(shop: Shop) -> None:
    with clock.at(NOW):
        asha, baraka = await shop.person(10_000), await shop.person()
        hold = await shop.held(payment(asha, baraka, 6_000), LATER)
        part = holds.capture(hold, "part", (Leg(asha, -2_500), Leg(baraka, 2_500)), limited_minor=2_500)
        assert await shop.outcome(part) == "posted"
        assert (await shop.balance(asha), await shop.available(asha), await shop.available(baraka)) == (7_500, 7_500, 2_500)
        assert await shop.outcome(holds.capture(hold, "rest")) == "hold_closed"


async def test_no_capture_takes_more_than_was_held_or_from_whom_it_was_not_held(shop: Shop) -> None:
    with clock.at(NOW):
        asha, baraka, stranger = await shop.person(10_000), await shop.person(5_000), await shop.person()
        hold = await shop.held(payment(asha, baraka, 6_000), LATER)
        asked = {
            "more": (Leg(asha, -6_001), Leg(baraka, 6_001)),
            "more, in two legs": (
                Leg(asha, -6_000),
                Leg(asha, -1_000),
                Leg(baraka, 6_000),
                Leg(SystemAccount(FEES, "KES"), 1_000),
            ),
            "out of the other's": (Leg(baraka, -5_000), Leg(asha, 5_000)),
            "for a stranger": (Leg(asha, -6_000), Leg(stranger, 6_000)),
        }
        outcomes = {name: await shop.outcome(holds.capture(hold, name, legs)) for name, legs in asked.items()}
        assert outcomes == dict.fromkeys(asked, "invalid")
        assert (await shop.balance(asha), await shop.available(asha)) == (10_000, 4_000)


async def test_a_hold_given_back_can_be_spent_again_and_captured_no_more(shop: Shop) -> None:
    with clock.at(NOW):
        asha, baraka = await shop.person(10_000), await shop.person()
        hold = await shop.held(payment(asha, baraka, 6_000), LATER)
        assert await shop.outcome(holds.give_back(hold, "void")) == "posted"
        assert await shop.available(asha) == 10_000
        assert await shop.outcome(holds.capture(hold, "capture")) == "hold_closed"


async def test_a_capture_that_comes_too_late_is_refused_and_the_money_is_free_after_the_sweep(
    shop: Shop, runtime: Runtime
) -> None:
    with clock.at(NOW):
        asha, baraka = await shop.person(10_000), await shop.person()
        late = await shop.held(payment(asha, baraka, 6_000), LATER)
        await shop.held(payment(asha, baraka, 1_000), LATER + timedelta(seconds=1))
        assert await holds.expire(runtime.database, runtime.poster) == 0
    with clock.at(LATER):
        assert await shop.outcome(holds.capture(late, "capture")) == "hold_expired"
        assert await shop.available(asha) == 3_000
        assert await holds.expire(runtime.database, runtime.poster) == 1
        assert await holds.expire(runtime.database, runtime.poster) == 0
        assert await shop.available(asha) == 9_000


async def test_two_workers_sweep_a_late_hold_once(shop: Shop, runtime: Runtime) -> None:
    with clock.at(NOW):
        asha, baraka = await shop.person(10_000), await shop.person()
        for _ in range(5):
            await shop.held(payment(asha, baraka, 1_000), LATER)
    with clock.at(LATER):
        swept = await asyncio.gather(*(holds.expire(runtime.database, runtime.poster) for _ in range(4)))
    assert sum(swept) == 5
    assert await shop.available(asha) == 10_000


@pytest.mark.parametrize("seed", range(4))
async def test_when_captures_voids_and_the_sweep_race_exactly_one_decides(shop: Shop, seed: int) -> None:
    with clock.at(NOW):
        asha, baraka = await shop.person(10_000), await shop.person()
        hold = await shop.held(payment(asha, baraka, 6_000), LATER)
        part = (Leg(asha, -1_000), Leg(baraka, 1_000))
        rivals = [
            holds.capture(hold, "whole"),
            holds.give_back(hold, "void"),
            holds.capture(hold, "part", part),
            holds.give_back(hold, f"expire:{hold.id}", holds.KIND_EXPIRE),
        ]
        rivals = rivals[seed:] + rivals[:seed]
        outcomes = await asyncio.gather(*(shop.outcome(rival) for rival in rivals[:2]), *map(shop.outcome_together, rivals[2:]))
    assert sorted(outcomes) == ["hold_closed"] * 3 + ["posted"]
    assert await shop.balance(asha) == await shop.available(asha)
    assert await shop.balance(asha) + await shop.balance(baraka) == 10_000
    assert await shop.findings() == []


async def test_a_message_tells_what_can_be_spent_and_not_what_is_held(shop: Shop) -> None:
    with clock.at(NOW):
        asha, baraka = await shop.person(10_000), await shop.person()
        told = (Notice("+254711000001", "en", "Held. Balance {balance}.", 0),)
        wish = payment(asha, baraka, 6_000)
        await shop.held(Transfer(wish.id, asha, wish.key, wish.kind, wish.legs, notices=told), LATER)
    assert await shop.one("SELECT body FROM outbox WHERE transfer_id = :id", id=wish.id) == "Held. Balance KES 40."


async def test_only_peoples_money_can_be_held(shop: Shop) -> None:
    asha = await shop.person()
    deposit = Transfer(ids.new_id(), asha, "k", "deposit", (Leg(asha, 100), Leg(SystemAccount(TRUST, "KES"), -100)))
    with pytest.raises(ValueError, match="people's accounts only"):
        holds.reserve(deposit, LATER)


async def test_the_day_limit_is_as_it_was_once_a_hold_is_given_back_the_same_day(shop: Shop) -> None:
    with clock.at(NOW):
        asha, baraka, other = await shop.person(50_000_000), await shop.person(), await shop.person(1)
        hold = await shop.held(payment(asha, baraka, 25_000_000), LATER)
        assert await shop.outcome(payment(asha, other, 25_000_000)) == "posted"
        assert await shop.outcome(payment(asha, other, 1)) == "over_day_limit"
        assert await shop.outcome(holds.give_back(hold, "void")) == "posted"
        assert await shop.outcome(payment(asha, baraka, 25_000_000)) == "posted"
        assert await shop.outcome(payment(asha, baraka, 1)) == "over_day_limit"
