"""How much may move: no race, no midnight and no missing ID number lets more through than the limits say."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from core import clock
from core.countries import CURRENCIES
from core.ledger import holds, limits
from core.ledger.limits import UNVERIFIED, VERIFIED
from core.runtime import Runtime
from tests.core.ledger.shop import Shop, payment

# Midnight in Nairobi.
MIDNIGHT = datetime(2026, 3, 2, 21, tzinfo=UTC)
NOON = datetime(2026, 3, 2, 9, tzinfo=UTC)
# Verified, in KES: what limits.toml says, in cents.
TRANSFER, DAY, BALANCE = 25_000_000, 50_000_000, 50_000_000


@pytest.fixture
def shop(runtime: Runtime) -> Shop:
    return Shop(runtime)


async def test_not_a_cent_above_the_limit_moves_at_once_and_the_limit_is_named(shop: Shop) -> None:
    asha, baraka = await shop.person(2 * TRANSFER), await shop.person()
    [answer] = await shop.post(payment(asha, baraka, TRANSFER + 1))
    assert (answer.outcome, answer.detail) == ("over_transfer_limit", TRANSFER)
    assert await shop.outcome(payment(asha, baraka, TRANSFER)) == "posted"


async def test_not_a_cent_above_the_limit_moves_in_a_day_and_what_is_left_of_it_is_named(shop: Shop) -> None:
    with clock.at(NOON):
        asha, baraka, other = await shop.person(2 * DAY), await shop.person(), await shop.person()
        assert await shop.outcome(payment(asha, baraka, TRANSFER)) == "posted"
        assert await shop.outcome(payment(asha, other, TRANSFER - 10)) == "posted"
        [answer] = await shop.post(payment(asha, other, 11))
        assert (answer.outcome, answer.detail) == ("over_day_limit", 10)
        assert await shop.outcome(payment(asha, other, 10)) == "posted"


async def test_ten_payments_at_once_pass_no_more_than_the_days_limit(shop: Shop) -> None:
    with clock.at(NOON):
        asha, payees = await shop.person(2 * DAY), [await shop.person() for _ in range(10)]
        wishes = [payment(asha, payee, DAY // 5) for payee in payees]
        direct, together = wishes[:5], wishes[5:]
        outcomes = await asyncio.gather(*map(shop.outcome, direct), *map(shop.outcome_together, together))
    assert Counter(outcomes) == {"posted": 5, "over_day_limit": 5}
    assert await shop.balance(asha) == DAY


async def test_ten_payments_at_once_fill_a_wallet_no_further_than_it_may_hold(shop: Shop) -> None:
    payers, baraka = [await shop.person(TRANSFER) for _ in range(10)], await shop.person(BALANCE - 3 * 10_000)
    outcomes = await asyncio.gather(*(shop.outcome(payment(payer, baraka, 10_000)) for payer in payers))
    assert Counter(outcomes) == {"posted": 3, "over_balance_limit": 7}
    assert await shop.balance(baraka) == BALANCE


async def test_the_day_begins_anew_at_midnight_where_the_customer_lives_and_not_in_london(shop: Shop) -> None:
    with clock.at(MIDNIGHT - timedelta(seconds=1)):
        asha, one, other = await shop.person(3 * DAY), await shop.person(), await shop.person()
        assert await shop.outcome(payment(asha, one, TRANSFER)) == "posted"
        assert await shop.outcome(payment(asha, other, TRANSFER)) == "posted"
        assert await shop.outcome(payment(asha, other, 1)) == "over_day_limit"
    with clock.at(MIDNIGHT):
        assert await shop.outcome(payment(asha, other, TRANSFER)) == "posted"
    with clock.at(MIDNIGHT + timedelta(hours=3)):
        third = await shop.person()
        assert await shop.outcome(payment(asha, third, TRANSFER)) == "posted"
        assert await shop.outcome(payment(asha, third, 1)) == "over_day_limit"


async def test_a_process_whose_clock_is_behind_does_not_open_yesterdays_limit_again(shop: Shop) -> None:
    with clock.at(MIDNIGHT):
        asha, one, other = await shop.person(3 * DAY), await shop.person(), await shop.person()
        assert await shop.outcome(payment(asha, one, TRANSFER)) == "posted"
    with clock.at(MIDNIGHT - timedelta(seconds=2)):
        assert await shop.outcome(payment(asha, other, TRANSFER)) == "posted"
        assert await shop.outcome(payment(asha, other, 1)) == "over_day_limit"
    with clock.at(MIDNIGHT + timedelta(seconds=1)):
        assert await shop.outcome(payment(asha, other, 1)) == "over_day_limit"


async def test_a_limit_counts_also_where_the_money_is_not_out_of_the_wallet_of_who_asks(shop: Shop) -> None:
    with clock.at(NOON):
        asha, agent, one = await shop.person(), await shop.person(4 * DAY, tier=None), await shop.person(tier=None)

        async def asked(key: str) -> str:
            return await shop.outcome(replace(payment(agent, one, TRANSFER, key=key), initiator=asha))

        assert await asked("a") == "posted"
    with clock.at(MIDNIGHT):
        assert [await asked("d"), await asked("e"), await asked("f")] == ["posted", "posted", "over_day_limit"]


async def test_a_capture_does_not_count_twice_and_a_part_gives_the_rest_of_the_day_back(shop: Shop) -> None:
    with clock.at(NOON):
        asha, baraka, other = await shop.person(2 * DAY), await shop.person(), await shop.person()
        whole = await shop.held(payment(asha, baraka, TRANSFER), MIDNIGHT)
        assert await shop.outcome(holds.capture(whole, "whole")) == "posted"
        part = await shop.held(payment(asha, other, TRANSFER), MIDNIGHT)
        legs = (replace(part.legs[0], amount_minor=-1_000), replace(part.legs[1], amount_minor=1_000))
        assert await shop.outcome(holds.capture(part, "part", legs, limited_minor=1_000)) == "posted"
        assert await shop.outcome(payment(asha, other, TRANSFER - 999)) == "over_day_limit"
        assert await shop.outcome(payment(asha, other, TRANSFER - 1_000)) == "posted"


async def test_a_hold_given_back_the_next_day_makes_that_day_no_longer(shop: Shop) -> None:
    with clock.at(NOON):
        asha, one, other = await shop.person(3 * DAY), await shop.person(), await shop.person()
        hold = await shop.held(payment(asha, one, TRANSFER), MIDNIGHT + timedelta(days=1))
    with clock.at(MIDNIGHT):
        assert await shop.outcome(holds.give_back(hold, "void")) == "posted"
        assert await shop.outcome(payment(asha, one, TRANSFER)) == "posted"
        assert await shop.outcome(payment(asha, other, TRANSFER)) == "posted"
        assert await shop.outcome(payment(asha, other, 1)) == "over_day_limit"


async def test_who_has_shown_no_id_can_move_far_less(shop: Shop) -> None:
    unknown, baraka = await shop.person(TRANSFER, tier=UNVERIFIED), await shop.person()
    [answer] = await shop.post(payment(unknown, baraka, 1_000_001))
    assert (answer.outcome, answer.detail) == ("over_transfer_limit", 1_000_000)
    assert await shop.outcome(payment(unknown, baraka, 1_000_000)) == "posted"
    small = {(limit.currency): limit for limit in limits.list_current(date(2026, 6, 1)) if limit.tier == UNVERIFIED}
    large = {(limit.currency): limit for limit in limits.list_current(date(2026, 6, 1)) if limit.tier == VERIFIED}
    assert small.keys() == large.keys() == CURRENCIES.keys()
    for currency, limit in small.items():
        assert limit.transfer * 10 <= large[currency].transfer
        assert limit.transfer <= limit.day <= limit.balance


async def test_an_account_without_a_tier_has_no_limits(shop: Shop) -> None:
    agent, other = await shop.person(10 * DAY, tier=None), await shop.person(tier=None)
    assert await shop.outcome(payment(agent, other, 10 * DAY)) == "posted"


def test_a_new_limit_holds_from_its_day_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    old = limits.Limit(VERIFIED, "KES", date(2026, 1, 1), transfer=100, day=200, balance=300, sms=50)
    new = replace(old, starts=date(2026, 7, 1), transfer=150)
    monkeypatch.setattr(limits, "_limits", lambda: (new, old))
    assert limits.list_current(date(2025, 12, 31)) == []
    assert limits.list_current(date(2026, 6, 30)) == [old]
    assert limits.list_current(date(2026, 7, 1)) == [new]
