"""Cash over an agent's counter: it moves once, earns what it should, and nobody is out of pocket."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from core import clock
from core.agents import cash, directory, floats
from core.agents.cash import CashReceipt
from core.credentials.refusals import MoneyOutWaits, WrongPin
from core.customers.refusals import OwnNumber, UnknownRecipient
from core.errors import KeyConflict, Refusal, UnknownAgent
from core.ledger import tariffs
from core.ledger.refusals import AmountTooSmall, NotEnoughMoney, OverBalanceLimit, OverDayLimit, OverLimit
from core.money import Money
from core.runtime import Runtime
from core.staff import Staff
from tests import pins
from tests.core.counter import ASHA, BARAKA, NJERI, NUMBER, change, check_books, held, kes, one, person, received, shop

FLOAT = 10_000_000
# More right PINs at the same moment would look like guessing.
AT_ONCE = 3


async def top_up(runtime: Runtime, shillings: int, key: str, *, phone: str = BARAKA, pin: str = pins.RIGHT) -> CashReceipt:
    agent = await shop(runtime)
    return await cash.top_up(runtime, agent=agent, customer_phone=phone, amount=kes(shillings), pin=pin, key=key)


async def withdraw(runtime: Runtime, shillings: int, key: str, *, number: str = NUMBER, pin: str = pins.RIGHT) -> CashReceipt:
    customer = await person(runtime, ASHA)
    return await cash.withdraw(runtime, customer=customer, agent_number=number, amount=kes(shillings), pin=pin, key=key)


async def test_a_top_up_moves_float_to_the_customer_and_pays_the_agent_her_commission(runtime: Runtime) -> None:
    receipt = await top_up(runtime, 1_000, "k")
    assert (receipt.balance, receipt.fee) == (Money(FLOAT - 100_000, "KES"), kes(0))
    assert await held(runtime, BARAKA) == 320_000 + 100_000
    assert await held(runtime, NJERI, "float") == FLOAT - 100_000
    assert await held(runtime, NJERI, "commission") == 500
    assert await received(runtime, NJERI, "You earned KES 5. Float KES 99,000.") == 1
    assert await received(runtime, BARAKA, "Umewekewa KES 1,000 na wakala Mama Njeri Shop 200100. Salio KES 4,200.") == 1
    await check_books(runtime)


@pytest.mark.parametrize("parts", [[2_500, 2_500], [10] * 10, [100, 400, 1, 4_999], [250_000]], ids=str)
async def test_a_deposit_in_parts_earns_the_agent_what_one_whole_would(runtime: Runtime, parts: Sequence[int]) -> None:
    agent = await shop(runtime)
    await floats.buy(runtime, agent, kes(300_000), reference="bank", by=Staff("Office"))
    done = [shillings for shillings in parts if shillings >= 10]
    for number, shillings in enumerate(done):
        await top_up(runtime, shillings, f"part {number}")
    whole = tariffs.fee("cash_in_commission", kes(sum(done))).total
    assert await held(runtime, NJERI, "commission") == whole.minor
    await check_books(runtime)


async def test_parts_deposited_at_the_same_moment_earn_no_more_than_the_whole(runtime: Runtime) -> None:
    for round_number in range(3):
        await asyncio.gather(*(top_up(runtime, 500, f"part {round_number} {number}") for number in range(AT_ONCE)))
    assert await held(runtime, NJERI, "commission") == tariffs.fee("cash_in_commission", kes(4_500)).total.minor
    assert await held(runtime, BARAKA) == 320_000 + 450_000
    await check_books(runtime)


async def test_two_customers_and_two_days_earn_apart(runtime: Runtime) -> None:
    noon = datetime(2026, 6, 1, 9, tzinfo=UTC)
    with clock.at(noon):
        await top_up(runtime, 1_000, "a", phone=ASHA)
        await top_up(runtime, 1_000, "b", phone=BARAKA)
    with clock.at(noon + timedelta(days=1)):
        await top_up(runtime, 1_000, "c", phone=BARAKA)
    assert await held(runtime, NJERI, "commission") == 3 * 500


async def test_more_in_a_day_than_the_tariff_knows_earns_the_most_it_knows(runtime: Runtime) -> None:
    agent = await shop(runtime)
    await floats.buy(runtime, agent, kes(900_000), reference="bank", by=Staff("Office"))
    await top_up(runtime, 250_000, "a")
    await top_up(runtime, 240_000, "b")
    assert await held(runtime, NJERI, "commission") == 10_000


def test_an_agent_and_a_friend_who_send_cash_around_in_a_circle_earn_nothing() -> None:
    for kind in ("cash_in_commission", "cash_out_commission", "withdraw"):
        for band in tariffs.current(kind, "KES").bands:
            if band.to >= tariffs.current("withdraw", "KES").least:
                earned = tariffs.fee("cash_in_commission", band.to).total + tariffs.fee("cash_out_commission", band.to).total
                assert earned < tariffs.fee("withdraw", band.to).net, band


async def test_the_same_key_tops_up_once_and_earns_once_however_late_it_comes(runtime: Runtime) -> None:
    first = await top_up(runtime, 1_000, "k")
    await top_up(runtime, 3_000, "another")
    assert await top_up(runtime, 1_000, "k") == first
    with clock.at(clock.now() + timedelta(days=1)):
        assert await top_up(runtime, 1_000, "k") == first
    assert await held(runtime, BARAKA) == 320_000 + 400_000
    assert await held(runtime, NJERI, "commission") == 1_400
    assert await one(runtime, "SELECT sum(deposited) FROM agent_day") == "400000"
    assert await received(runtime, BARAKA, "Umewekewa") == 2
    with pytest.raises(KeyConflict):
        await top_up(runtime, 999, "k")
    await check_books(runtime)


async def test_the_same_key_at_the_same_moment_moves_once(runtime: Runtime) -> None:
    receipts = await asyncio.gather(*(top_up(runtime, 1_000, "k") for _ in range(AT_ONCE)))
    assert len({receipt.reference for receipt in receipts}) == 1
    withdrawals = await asyncio.gather(*(withdraw(runtime, 1_000, "k") for _ in range(AT_ONCE)))
    assert len({receipt.reference for receipt in withdrawals}) == 1
    assert await held(runtime, BARAKA) == 320_000 + 100_000
    assert await held(runtime, ASHA) == 1_250_000 - 102_900
    assert await one(runtime, "SELECT sum(deposited) FROM agent_day") == "100000"
    await check_books(runtime)


async def test_a_withdrawal_pays_the_agent_for_the_cash_and_the_service_its_fee(runtime: Runtime) -> None:
    receipt = await withdraw(runtime, 2_000, "k")
    assert (receipt.fee, receipt.balance) == (kes(29), kes(10_471))
    assert await held(runtime, NJERI, "float") == FLOAT + 200_000
    assert await held(runtime, NJERI, "commission") == 1_200
    fees = "SELECT sum(balance) FROM account WHERE owner IS NULL AND kind IN ('fees', 'excise')"
    assert await one(runtime, fees) == "2900"
    assert await received(runtime, NJERI, "Pay KES 2,000 in cash to Asha Wanjiku 0711000001.") == 1
    await check_books(runtime)


@pytest.mark.parametrize(
    ("shillings", "phone", "pin", "refusal"),
    [
        (1_000, BARAKA, pins.WRONG, WrongPin),
        (1_000, NJERI, pins.RIGHT, OwnNumber),
        (1_000, "+254799999999", pins.RIGHT, UnknownRecipient),
        (9, BARAKA, pins.RIGHT, AmountTooSmall),
        (250_001, BARAKA, pins.RIGHT, OverLimit),
        (100_001, BARAKA, pins.RIGHT, NotEnoughMoney),
    ],
)
async def test_a_top_up_that_is_refused_moves_and_counts_nothing(
    runtime: Runtime, shillings: int, phone: str, pin: str, refusal: type[Refusal]
) -> None:
    with pytest.raises(refusal):
        await top_up(runtime, shillings, "k", phone=phone, pin=pin)
    assert await held(runtime, NJERI, "float") == FLOAT
    assert await held(runtime, NJERI, "commission") == 0
    assert await one(runtime, "SELECT count(*) FROM agent_day") == "0"


async def test_a_wallet_takes_no_more_cash_than_it_may_hold(runtime: Runtime) -> None:
    await floats.buy(runtime, await shop(runtime), kes(900_000), reference="bank", by=Staff("Office"))
    await top_up(runtime, 250_000, "a")
    with pytest.raises(OverBalanceLimit):
        await top_up(runtime, 246_801, "b")
    await top_up(runtime, 246_800, "c")
    assert await held(runtime, BARAKA) == 50_000_000
    assert await one(runtime, "SELECT sum(deposited) FROM agent_day") == "49680000"


@pytest.mark.parametrize(
    ("shillings", "number", "pin", "refusal"),
    [
        (1_000, NUMBER, pins.WRONG, WrongPin),
        (1_000, "999999", pins.RIGHT, UnknownAgent),
        (1_000, "Njeri", pins.RIGHT, UnknownAgent),
        (49, NUMBER, pins.RIGHT, AmountTooSmall),
        (250_001, NUMBER, pins.RIGHT, OverLimit),
        (12_400, NUMBER, pins.RIGHT, NotEnoughMoney),
    ],
)
async def test_a_withdrawal_that_is_refused_moves_nothing(
    runtime: Runtime, shillings: int, number: str, pin: str, refusal: type[Refusal]
) -> None:
    with pytest.raises(refusal):
        await withdraw(runtime, shillings, "k", number=number, pin=pin)
    assert await held(runtime, ASHA) == 1_250_000
    assert await held(runtime, NJERI, "float") == FLOAT


async def test_an_agent_cannot_stand_at_her_own_counter(runtime: Runtime) -> None:
    agent = await shop(runtime)
    with pytest.raises(OwnNumber):
        await cash.withdraw(runtime, customer=agent.customer, agent_number=NUMBER, amount=kes(100), pin=pins.RIGHT, key="k")
    assert await held(runtime, NJERI, "float") == FLOAT


async def test_a_days_limit_holds_at_every_counter_together(runtime: Runtime) -> None:
    await floats.buy(runtime, await shop(runtime), kes(900_000), reference="bank", by=Staff("Office"))
    for number in range(3):
        await top_up(runtime, 240_000, f"in {number}", phone=ASHA)
        if number < 2:
            await withdraw(runtime, 240_000, f"out {number}")
    with pytest.raises(OverDayLimit) as refused:
        await withdraw(runtime, 20_001, "out")
    assert refused.value.params["most"] == "KES 20,000"


async def test_after_a_forgotten_pin_neither_side_can_empty_an_account(runtime: Runtime) -> None:
    await change(runtime, "UPDATE pin SET money_out_from = :later", later=clock.now() + timedelta(hours=1))
    with pytest.raises(MoneyOutWaits):
        await top_up(runtime, 100, "k")
    with pytest.raises(MoneyOutWaits):
        await withdraw(runtime, 100, "k")
    assert await held(runtime, NJERI, "float") == FLOAT


async def test_the_day_says_what_went_over_the_counter_since_midnight_at_home(runtime: Runtime) -> None:
    agent = await shop(runtime)
    before_midnight = datetime(2027, 5, 31, 20, 59, tzinfo=UTC)
    with clock.at(before_midnight):
        await top_up(runtime, 700, "yesterday")
    with clock.at(before_midnight + timedelta(minutes=2)):
        assert await directory.get_today(runtime, agent) == directory.CounterDay(0, kes(0), 0, kes(0), kes(0))
        await top_up(runtime, 1_000, "a")
        await top_up(runtime, 500, "b", phone=ASHA)
        await withdraw(runtime, 2_000, "c")
        await floats.take_commission(runtime, agent=agent, amount=kes(3), pin=pins.RIGHT, key="d")
        assert await directory.get_today(runtime, agent) == directory.CounterDay(2, kes(1_500), 1, kes(2_000), kes(5 + 3 + 12))


async def test_commission_moves_to_the_float_once_and_never_more_than_was_earned(runtime: Runtime) -> None:
    agent = await shop(runtime)
    await top_up(runtime, 1_000, "k")
    takes = [floats.take_commission(runtime, agent=agent, amount=kes(5), pin=pins.RIGHT, key="take") for _ in range(AT_ONCE)]
    assert {receipt.balance for receipt in await asyncio.gather(*takes)} == {kes(99_005)}
    with pytest.raises(NotEnoughMoney):
        await floats.take_commission(runtime, agent=agent, amount=kes(1), pin=pins.RIGHT, key="more")
    with pytest.raises(WrongPin):
        await floats.take_commission(runtime, agent=agent, amount=kes(1), pin=pins.WRONG, key="wrong")
    assert await floats.get_commission(runtime, agent) == kes(0)
    assert await floats.get_balance(runtime, agent) == kes(99_005)
    await check_books(runtime)
