"""Money in from M-Pesa: credited when it was really paid, once, however late, and never before."""

import asyncio
from datetime import timedelta

import pytest

from core import clock
from core.errors import KeyConflict, Refusal, RequestWaits
from core.features import ENDINGS
from core.ledger.chart import SETTLEMENT, UNCLAIMED
from core.ledger.refusals import AccountClosed, OverBalanceLimit, OverLimit
from core.membership import closing
from core.membership.refusals import AccountInUse
from core.rail import Order
from core.runtime import Runtime
from core.sending import transfers
from tests import pins
from tests.core.payments.mpesa import ASHA, NOW, START, Stage, kes, set_up

BARAKA = "+254722000002"


@pytest.fixture
async def stage(runtime: Runtime) -> Stage:
    return await set_up(runtime)


async def test_a_paid_deposit_is_credited_with_a_receipt_and_not_before(stage: Stage) -> None:
    requested = await stage.deposit()
    assert await stage.ask() == 1
    assert stage.rail.asked == [("in", Order(stage.rail.ids[0], ASHA, kes(500)))]
    assert await stage.money() == (START, START)
    await stage.report(stage.rail.ids[0], paid=True, rail_reference="SFL7K2X9QZ")
    assert await stage.money() == (START + 50_000, START + 50_000)
    assert await stage.own(SETTLEMENT) == -50_000
    assert await stage.inbox() == [f"{requested.reference} confirmed. You received KES 500 from your M-Pesa. Balance KES 13,000."]
    assert await stage.findings() == []


async def test_a_refused_deposit_moves_nothing_and_says_so(stage: Stage) -> None:
    await stage.report(await stage.asked_deposit(), paid=False)
    assert await stage.money() == (START, START)
    assert [body[:38] for body in await stage.inbox()] == ["Your deposit of KES 500 from M-Pesa wa"]
    assert await stage.own(SETTLEMENT) == 0


async def test_the_same_deposit_asked_for_twice_at_once_prompts_the_phone_once(stage: Stage) -> None:
    first, second = await asyncio.gather(stage.deposit(), stage.deposit())
    assert first == second == await stage.deposit()
    assert [await stage.ask(), await stage.ask()] == [1, 0]
    assert len(stage.rail.asked) == 1


async def test_the_key_of_one_deposit_does_not_ask_for_another(stage: Stage) -> None:
    await stage.deposit(500)
    with pytest.raises(KeyConflict):
        await stage.deposit(600)
    with pytest.raises(KeyConflict):
        await stage.withdraw(500)
    assert await stage.money() == (START, START)


async def test_of_two_deposits_at_once_one_waits_for_the_other(stage: Stage) -> None:
    results = await asyncio.gather(stage.deposit(key="a"), stage.deposit(key="b"), return_exceptions=True)
    assert [type(result) for result in results if isinstance(result, Refusal)] == [RequestWaits]
    payment_id = await stage.asked()
    with pytest.raises(RequestWaits):
        await stage.deposit(key="c")
    await stage.report(payment_id, paid=False)
    assert await stage.deposit(key="c") is not None


async def test_a_deposit_that_the_account_may_not_hold_is_refused_before_she_pays(stage: Stage) -> None:
    with pytest.raises(OverLimit) as refusal:
        await stage.deposit(250_001)
    assert refusal.value.params["most"] == "KES 250,000"
    await stage.report(await stage.asked_deposit(250_000), paid=True)
    with pytest.raises(OverBalanceLimit):
        await stage.deposit(237_501, key="too much")
    assert await stage.ask() == 0
    await stage.deposit(237_500, key="just fits")


async def test_money_that_was_paid_is_credited_even_above_the_limit(stage: Stage) -> None:
    with clock.at(NOW):
        first = await stage.asked_deposit(250_000, "first")
    with clock.at(NOW + timedelta(minutes=3)):
        assert await stage.give_up() == 1
        second = await stage.asked_deposit(250_000, "second")
        await stage.report(second, paid=True)
        await stage.report(first, paid=True)
    assert await stage.money() == (START + 50_000_000, START + 50_000_000)
    assert await stage.findings() == []


async def test_an_unanswered_deposit_is_told_once_and_still_credited_when_it_was_paid_after_all(stage: Stage) -> None:
    with clock.at(NOW):
        payment_id = await stage.asked_deposit()
    with clock.at(NOW + timedelta(minutes=2) - timedelta(seconds=1)):
        assert await stage.give_up() == 0
    with clock.at(NOW + timedelta(minutes=2)):
        assert sorted(await asyncio.gather(stage.give_up(), stage.give_up())) == [0, 1]
        assert await stage.status(payment_id) == "unanswered"
    with clock.at(NOW + timedelta(days=1)):
        await stage.report(payment_id, paid=True)
    assert await stage.money() == (START + 50_000, START + 50_000)
    silence, receipt = await stage.inbox()
    assert silence.startswith("M-Pesa has not answered: your deposit of KES 500 has not come in. If you did pay")
    assert "You received KES 500" in receipt


async def test_a_deposit_by_a_rail_that_is_no_longer_connected_is_told_of_and_credited_when_it_was_paid(stage: Stage) -> None:
    with clock.at(NOW):
        payment_id = await stage.asked_deposit()
    await stage.change("UPDATE payment SET rail = 'gone' WHERE id = :id", id=payment_id)
    with clock.at(NOW + timedelta(minutes=2)):
        assert await stage.give_up() == 1
    assert await stage.status(payment_id) == "unanswered"
    with clock.at(NOW + timedelta(days=1)):
        await stage.report(payment_id, paid=True)
    silence, receipt = await stage.inbox()
    assert silence.startswith("M-Pesa has not answered")
    assert "You received KES 500" in receipt
    assert await stage.findings() == []


async def test_an_unanswered_deposit_that_is_refused_late_moves_nothing(stage: Stage) -> None:
    with clock.at(NOW):
        payment_id = await stage.asked_deposit()
    with clock.at(NOW + timedelta(minutes=3)):
        await stage.give_up()
        await stage.report(payment_id, paid=False)
    assert await stage.status(payment_id) == "refused"
    assert await stage.money() == (START, START)
    assert len(await stage.inbox()) == 2


async def test_no_prompt_comes_when_she_no_longer_waits_for_it(stage: Stage) -> None:
    with clock.at(NOW):
        await stage.deposit()
    with clock.at(NOW + timedelta(minutes=2)):
        assert [await stage.ask(), await stage.give_up(), await stage.ask()] == [0, 1, 0]
    assert stage.rail.asked == []


@pytest.mark.parametrize(
    ("change", "opened"),
    [
        ("UPDATE customer SET status = :status WHERE id = :id", "active"),
        ("UPDATE account SET status = :status WHERE owner = :id", "open"),
    ],
)
async def test_money_paid_into_an_account_that_was_closed_meanwhile_is_kept_for_its_owner(
    stage: Stage, change: str, opened: str
) -> None:
    payment_id = await stage.asked_deposit()
    await stage.change(change, id=stage.asha.id, status="closed")
    await asyncio.gather(*(stage.report(payment_id, paid=True) for _ in range(3)))
    assert await stage.money() == (START, START)
    assert (await stage.own(UNCLAIMED), await stage.own(SETTLEMENT)) == (50_000, -50_000)
    [kept] = await stage.inbox()
    assert "KES 500 came from M-Pesa after your account was closed. We keep it for you" in kept
    await stage.change(change, id=stage.asha.id, status=opened)
    assert await stage.findings() == []


async def test_a_deposit_that_nobody_answers_keeps_no_account_open_and_is_not_lost_with_it(stage: Stage) -> None:
    with clock.at(NOW):
        payment_id = await stage.asked_deposit()
        await empty(stage)
        with pytest.raises(AccountInUse):
            await closing.close(stage.runtime, stage.asha, pins.RIGHT, ENDINGS)
    with clock.at(NOW + timedelta(minutes=2)):
        await stage.give_up()
        await closing.close(stage.runtime, stage.asha, pins.RIGHT, ENDINGS)
        await stage.report(payment_id, paid=True)
    assert (await stage.money(), await stage.own(UNCLAIMED)) == ((0, 0), 50_000)
    assert await stage.findings() == []


async def empty(stage: Stage) -> None:
    """Spends all that she has."""
    await transfers.send(stage.runtime, sender=stage.asha, recipient_phone=BARAKA, amount=kes(12_400), pin=pins.RIGHT, key="all")
    assert await stage.money() == (0, 0)


async def test_a_closed_account_asks_for_no_money(stage: Stage) -> None:
    await stage.change("UPDATE customer SET status = 'closed' WHERE id = :id", id=stage.asha.id)
    await stage.change("UPDATE account SET status = 'closed' WHERE owner = :id", id=stage.asha.id)
    with pytest.raises(AccountClosed):
        await stage.deposit()
    with pytest.raises(AccountClosed):
        await stage.withdraw()
    assert await stage.ask() == 0
