"""Money out to M-Pesa: kept back until M-Pesa has said what became of it, then taken once or given back once."""

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from core import clock
from core.credentials.refusals import MoneyOutWaits, WrongPin
from core.errors import Refusal
from core.features import ENDINGS
from core.ledger import holds
from core.ledger.chart import EXCISE, FEES, SETTLEMENT
from core.ledger.refusals import AmountTooSmall, NotEnoughMoney, OverDayLimit, OverLimit
from core.membership import closing
from core.membership.refusals import AccountInUse
from core.payments import unanswered
from core.rail import Order
from core.runtime import Runtime
from tests import pins
from tests.core.payments.mpesa import ASHA, NOW, START, Stage, kes, set_up


@pytest.fixture
async def stage(runtime: Runtime) -> Stage:
    return await set_up(runtime)


async def test_a_paid_withdrawal_takes_what_was_held_with_its_fee_once(stage: Stage) -> None:
    receipt = await stage.withdraw()
    assert (receipt.fee, receipt.balance) == (kes(29), kes(12_500 - 529))
    assert await stage.money() == (START, START - 52_900)
    payment_id = await stage.asked()
    assert stage.rail.asked == [("out", Order(payment_id, ASHA, kes(500)))]
    assert await stage.money() == (START, START - 52_900)
    await stage.report(payment_id, paid=True, rail_reference="SFL7K2X9QZ")
    assert await stage.money() == (START - 52_900, START - 52_900)
    assert (await stage.own(SETTLEMENT), await stage.own(FEES) + await stage.own(EXCISE)) == (50_000, 2_900)
    assert await stage.inbox() == [
        f"{receipt.reference} confirmed. KES 500 paid to your M-Pesa 0711000001. Fee KES 29. Balance KES 11,971."
    ]
    assert await stage.findings() == []


async def test_a_refused_withdrawal_gives_back_amount_fee_and_the_days_limit(stage: Stage) -> None:
    receipt = await stage.withdraw()
    await stage.report(await stage.asked(), paid=False)
    assert await stage.money() == (START, START)
    assert await stage.one("SELECT spent FROM account WHERE id = :id", id=stage.asha.wallet) == "0"
    assert await stage.inbox() == [
        f"{receipt.reference}: M-Pesa could not take KES 500. It is back in your account, and so is the fee. Balance KES 12,500."
    ]
    assert (await stage.own(SETTLEMENT), await stage.own(FEES)) == (0, 0)
    assert await stage.findings() == []


async def test_the_same_withdrawal_twice_at_once_holds_once_and_gets_one_receipt(stage: Stage) -> None:
    first, second = await asyncio.gather(stage.withdraw(), stage.withdraw())
    assert first == second
    await stage.report(await stage.asked(), paid=True)
    assert await stage.withdraw() == first
    assert await stage.ask() == 0
    assert await stage.money() == (START - 52_900, START - 52_900)


async def test_two_withdrawals_at_once_cannot_hold_the_same_money(stage: Stage) -> None:
    results = await asyncio.gather(stage.withdraw(10_000, "a"), stage.withdraw(10_000, "b"), return_exceptions=True)
    assert [type(result) for result in results if isinstance(result, Refusal)] == [NotEnoughMoney]
    assert await stage.ask() == 1, "the refused one left no request behind"
    assert await stage.money() == (START, START - 1_011_500)


async def test_a_refused_request_holds_nothing_and_asks_nobody(stage: Stage) -> None:
    refused: list[tuple[type[Refusal], int, str]] = [
        (AmountTooSmall, 49, pins.RIGHT),
        (OverLimit, 250_001, pins.RIGHT),
        (NotEnoughMoney, 12_400, pins.RIGHT),
        (WrongPin, 500, pins.WRONG),
    ]
    for refusal, units, pin in refused:
        with pytest.raises(refusal):
            await stage.withdraw(units, pin=pin)
    assert await stage.ask() == 0
    assert await stage.one("SELECT count(*) FROM payment") == "0"
    assert await stage.money() == (START, START)


async def test_the_days_limit_counts_what_is_on_its_way(stage: Stage) -> None:
    for number in range(3):
        await stage.report(await stage.asked_deposit(200_000 if number < 2 else 80_000, f"in {number}"), paid=True)
    await stage.withdraw(240_000, "a")
    await stage.withdraw(240_000, "b")
    with pytest.raises(OverDayLimit) as refusal:
        await stage.withdraw(20_001, "c")
    assert refusal.value.params["most"] == "KES 20,000"


async def test_a_thief_with_a_replaced_pin_cannot_send_the_money_to_mpesa(stage: Stage) -> None:
    with clock.at(NOW):
        await stage.change("UPDATE pin SET money_out_from = :until", until=NOW + timedelta(days=1))
        with pytest.raises(MoneyOutWaits):
            await stage.withdraw()
    assert await stage.money() == (START, START)


async def test_the_hold_outlasts_any_silence_and_a_late_answer_still_settles(stage: Stage) -> None:
    with clock.at(NOW):
        receipt = await stage.withdraw()
        payment_id = await stage.asked()
    with clock.at(NOW + timedelta(minutes=5)):
        assert sorted(await asyncio.gather(stage.give_up(), stage.give_up())) == [0, 1]
    with clock.at(NOW + timedelta(days=300)):
        assert [await holds.expire(stage.runtime.database, stage.runtime.poster), await stage.give_up(), await stage.ask()] == [
            0,
            0,
            0,
        ]
        assert await stage.money() == (START, START - 52_900)
        await stage.report(payment_id, paid=True)
    assert await stage.money() == (START - 52_900, START - 52_900)
    silence, paid = await stage.inbox()
    assert silence.startswith(f"{receipt.reference}: M-Pesa has not answered yet about your KES 500. Your money is safe.")
    assert paid.startswith(f"{receipt.reference} confirmed.")
    assert await stage.findings() == []


async def test_a_payment_out_is_settled_years_later_and_the_office_hears_of_it_every_day_until_then(stage: Stage) -> None:
    with clock.at(NOW):
        await stage.withdraw()
        payment_id = await stage.asked()
        await stage.deposit(key="in")
    told = []
    for hours in (23, 25, 26, 48, 50):
        with clock.at(NOW + timedelta(hours=hours)), capture_logs() as logs:
            assert sorted(await asyncio.gather(*(unanswered.tell_office(stage.runtime) for _ in range(2)))) in ([0, 0], [0, 1])
        told += [(hours, line["payment"], line["days"]) for line in logs if "no final report" in line["event"]]
    # Noon in Nairobi: the 50th hour is in the same day as the 48th.
    assert told == [(25, str(payment_id), 1), (48, str(payment_id), 2)]
    with clock.at(NOW + timedelta(days=4_000)):
        assert await holds.expire(stage.runtime.database, stage.runtime.poster) == 0
        await stage.report(payment_id, paid=True)
        assert await unanswered.tell_office(stage.runtime) == 0
    assert await stage.money() == (START - 52_900, START - 52_900)
    assert await stage.findings() == []


async def test_an_account_stays_open_while_its_money_is_on_the_way(stage: Stage) -> None:
    with clock.at(NOW):
        await stage.asked_withdrawal()
    with clock.at(NOW + timedelta(minutes=6)):
        await stage.give_up()
        with pytest.raises(AccountInUse):
            await closing.close(stage.runtime, stage.asha, pins.RIGHT, ENDINGS)


async def test_a_late_refusal_gives_the_money_back(stage: Stage) -> None:
    with clock.at(NOW):
        payment_id = await stage.asked_withdrawal()
    with clock.at(NOW + timedelta(minutes=6)):
        await stage.give_up()
        await stage.report(payment_id, paid=False)
    assert await stage.money() == (START, START)
    assert await stage.findings() == []
