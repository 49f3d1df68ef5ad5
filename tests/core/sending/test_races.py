"""Payments to one number that come, or come to their end, in the same moment."""

from datetime import timedelta

import pytest

from core import clock
from core.ledger.refusals import OverBalanceLimit
from core.money import Money
from core.runtime import Runtime
from core.sending import unclaimed
from core.sending.invitations import InvitationReceipt
from tests.core.sending.invited import ASHA, ASHA_MINOR, BARAKA, NEEMA, balance_minor, check_books, invite, paid_in, states
from tests.races import holding, race


@pytest.mark.race("core/sending/invitations.py:_let_wait")
async def test_two_payments_to_one_number_do_not_pass_its_limit_together(runtime: Runtime) -> None:
    await paid_in(runtime, ASHA, 60_000_000)
    most = Money.of_units(250_000, "KES")
    await invite(runtime, amount=most)
    first, second = await race(
        runtime,
        "SELECT pg_advisory_xact_lock(hashtextextended(%(phone)s, 0))",
        invite(runtime, amount=most),
        invite(runtime, sender=BARAKA, amount=Money(1_000, "KES")),
        phone=NEEMA,
    )
    assert isinstance(first, InvitationReceipt)
    assert isinstance(second, OverBalanceLimit)
    assert await states(runtime) == ["waiting"] * 2
    await check_books(runtime)


@pytest.mark.race("core/sending/unclaimed.py:_lock_waiting")
async def test_money_that_one_worker_sends_back_is_left_to_it(runtime: Runtime) -> None:
    await invite(runtime)
    with clock.at(clock.now() + timedelta(days=7)):
        async with holding(runtime, "SELECT FROM invitation FOR UPDATE"):
            assert await unclaimed.settle(runtime) == 0
        assert await states(runtime) == ["waiting"]
        assert await unclaimed.settle(runtime) == 1
    assert await balance_minor(runtime, ASHA) == ASHA_MINOR
