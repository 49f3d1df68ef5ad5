"""Reports and workers that come to one payment in the same moment."""

import pytest

from core import ids
from core.errors import RequestWaits
from core.ledger.chart import TRUST, SystemAccount
from core.ledger.transfer import Leg, Transfer
from core.payments.requests import DepositRequest
from core.runtime import Runtime
from tests.core.payments.mpesa import START, Stage, set_up
from tests.races import after_posting, holding, race

PAYMENT = "SELECT FROM payment WHERE id = %(id)s FOR UPDATE"


@pytest.fixture
async def stage(runtime: Runtime) -> Stage:
    return await set_up(runtime)


@pytest.mark.race("core/payments/settlements.py:select_locked")
@pytest.mark.parametrize("first", [True, False])
async def test_of_two_reports_that_contradict_each_other_the_first_is_what_the_payment_says_and_the_money_does(
    stage: Stage, first: bool
) -> None:
    payment_id = await stage.asked_withdrawal()
    reports = (stage.report(payment_id, paid=paid) for paid in (first, not first))
    assert await race(stage.runtime, PAYMENT, *reports, id=payment_id) == [None, None]
    assert await stage.status(payment_id) == ("paid" if first else "refused")
    left = START - 52_900 if first else START
    assert await stage.money() == (left, left)
    assert len(await stage.inbox()) == 1
    assert await stage.findings() == []


@pytest.mark.race("core/payments/handover.py:_lease")
async def test_a_payout_that_one_worker_is_taking_is_left_to_it(stage: Stage) -> None:
    await stage.withdraw()
    payment_id = await stage.one("SELECT id FROM payment")
    async with holding(stage.runtime, PAYMENT, id=payment_id):
        assert await stage.ask() == 0
        await stage.withdraw(600, key="another")
        assert await stage.ask() == 1, "one payout in another worker's hand held up the next one"
    assert await stage.ask() == 1
    assert [str(taken) for taken in stage.rail.ids].count(payment_id) == 1


@pytest.mark.race("core/payments/settlements.py:_not_paid_out")
async def test_what_she_is_told_of_her_balance_when_her_money_comes_back_counts_what_came_meanwhile(stage: Stage) -> None:
    payment_id = await stage.asked_withdrawal()
    legs = (Leg(stage.asha.wallet, 10_000), Leg(SystemAccount(TRUST, "KES"), -10_000))
    coming = Transfer(ids.new_id(), stage.asha.wallet, "cash", "deposit", legs)
    assert await after_posting(stage.runtime, coming, stage.report(payment_id, paid=False)) is None
    assert "Balance KES 12,600." in (await stage.inbox())[-1]
    assert await stage.money() == (START + 10_000, START + 10_000)


@pytest.mark.race("core/customers/profiles.py:_is_open")
async def test_a_deposit_sees_the_one_that_was_asked_for_a_moment_before(stage: Stage) -> None:
    row = "SELECT FROM customer WHERE id = %(id)s FOR NO KEY UPDATE"
    first, second = await race(stage.runtime, row, stage.deposit(key="a"), stage.deposit(key="b"), id=stage.asha.id)
    assert isinstance(first, DepositRequest)
    assert isinstance(second, RequestWaits)
    assert await stage.one("SELECT count(*) FROM payment") == "1"
