"""Money that has reached somebody, or has come back, is over: it counts against no limit and holds up nothing."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from core import clock
from core.features import ENDINGS
from core.membership import closing
from core.money import Money
from core.runtime import Runtime
from core.sending import invitations, unclaimed
from core.sending.invitations import InvitationReceipt
from tests import pins
from tests.core.sending.invited import ASHA, BARAKA, NEEMA, balance_minor, check_books, invite, paid_in, person, register, states

SMALL = Money(1_000, "KES")


async def test_who_has_sent_all_that_she_has_to_somebody_who_came_for_it_may_close_her_account(runtime: Runtime) -> None:
    phone = "+254722000333"
    zawadi = await register(runtime, phone)
    await paid_in(runtime, phone, SMALL.minor)
    await invite(runtime, sender=phone, amount=SMALL, pin=pins.NEW)
    await register(runtime)
    assert await states(runtime) == ["credited"]
    await closing.close(runtime, zawadi, pins.NEW, ENDINGS)
    assert await balance_minor(runtime, NEEMA) == SMALL.minor


async def test_what_came_back_counts_neither_against_its_sender_nor_against_the_number(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invitations, "MOST_FROM_ONE_SENDER", 2)
    monkeypatch.setattr(invitations, "MOST_FOR_ONE_NUMBER", 2)
    for _ in range(2):
        await invite(runtime, amount=SMALL)
    with clock.at(clock.now() + timedelta(days=7)):
        assert await unclaimed.settle(runtime) == 2
        for _ in range(2):
            assert isinstance(await invite(runtime, amount=SMALL), InvitationReceipt)
    assert await states(runtime) == ["returned"] * 2 + ["waiting"] * 2
    await check_books(runtime)


async def test_other_peoples_payments_to_other_numbers_take_no_room(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invitations, "MOST_FROM_ONE_SENDER", 1)
    monkeypatch.setattr(invitations, "MOST_FOR_ONE_NUMBER", 1)
    await invite(runtime, sender=BARAKA, phone="+254722000112", amount=SMALL)
    assert isinstance(await invite(runtime, amount=SMALL), InvitationReceipt)


async def test_a_repetition_gets_the_receipt_of_its_own_payment_among_several(runtime: Runtime) -> None:
    now = clock.now()
    with clock.at(now - timedelta(hours=1)):
        first = await invite(runtime, amount=Money(300_000, "KES"), key="first")
    await invite(runtime, amount=SMALL, key="second")
    await invite(runtime, sender=BARAKA, amount=SMALL, key="first")
    assert await invite(runtime, amount=Money(300_000, "KES"), key="first") == first


async def test_what_one_worker_has_settled_another_that_comes_a_moment_later_leaves_alone(runtime: Runtime) -> None:
    await invite(runtime)
    await register(runtime)
    assert await states(runtime) == ["credited"]
    async with runtime.database.autocommit() as connection:
        [settled] = await connection.scalars(text("SELECT transfer_id FROM invitation"))
    assert not await unclaimed._settle(runtime, settled, unclaimed._credit_registered)
    assert not await unclaimed._settle(runtime, settled, unclaimed._send_back)
    assert await balance_minor(runtime, ASHA) == 1_250_000 - 50_700
    assert await states(runtime) == ["credited"]


async def test_the_oldest_payment_reaches_her_first(runtime: Runtime) -> None:
    for minutes, amount in ((30, 3_000), (10, 1_000), (20, 2_000)):
        with clock.at(clock.now() - timedelta(minutes=minutes)):
            await invite(runtime, amount=Money(amount, "KES"))
    neema = await register(runtime)
    query = "SELECT amount FROM posting WHERE account_id = :id ORDER BY version"
    async with runtime.database.autocommit() as connection:
        assert list(await connection.scalars(text(query), {"id": neema.wallet})) == [3_000, 2_000, 1_000]
    assert (await person(runtime, NEEMA)).id == neema.id
