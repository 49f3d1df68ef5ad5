"""Money sent to somebody who is not registered leaves its sender once, and within bounds."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from core import clock
from core.credentials.refusals import MoneyOutWaits, WrongPin
from core.customers.refusals import OwnNumber
from core.errors import KeyConflict, Refusal
from core.features import ENDINGS
from core.ledger.refusals import AccountNotEmpty, NotEnoughMoney, OverBalanceLimit
from core.membership import closing
from core.membership.refusals import AccountInUse
from core.money import Money
from core.runtime import Runtime
from core.sending import invitations, transfers
from core.sending.invitations import InvitationReceipt
from core.sending.refusals import TooManyWaiting
from tests import pins
from tests.core.sending.invited import (
    AMOUNT,
    ASHA,
    ASHA_MINOR,
    BARAKA,
    FEE,
    NEEMA,
    NJERI,
    balance_minor,
    check_books,
    invite,
    paid_in,
    person,
    register,
    states,
    told,
)


async def test_the_money_leaves_the_sender_once_and_waits_under_its_receipt(runtime: Runtime) -> None:
    with clock.at(clock.now()):
        promise = await invite(runtime)
        assert isinstance(promise, InvitationReceipt)
        assert (promise.phone, promise.amount, promise.fee) == (NEEMA, AMOUNT, FEE)
        assert promise.until == clock.now() + timedelta(days=7)
    assert promise.balance.minor == await balance_minor(runtime, ASHA) == ASHA_MINOR - 50_700
    assert (await told(runtime, ASHA))[0].startswith(f"{promise.reference} confirmed. KES 500 waits for 0722000111 until ")
    assert (await told(runtime, NEEMA))[0].startswith("Asha Wanjiku 0711000001 sent you KES 500. Dial *384*96#")
    await check_books(runtime)


async def test_a_repeated_request_gets_the_first_receipt_and_takes_nothing_again(runtime: Runtime) -> None:
    first = await invite(runtime, key="once")
    assert await invite(runtime, key="once") == first
    racing = await asyncio.gather(*(invite(runtime, key="race") for _ in range(3)))
    assert len(set(racing)) == 1
    assert await balance_minor(runtime, ASHA) == ASHA_MINOR - 2 * 50_700
    assert len(await told(runtime, NEEMA)) == 2
    await check_books(runtime)


async def test_a_repeated_request_is_not_paid_again_after_she_has_registered(runtime: Runtime) -> None:
    first = await invite(runtime, key="once")
    await register(runtime)
    assert await invite(runtime, key="once") == first
    assert await balance_minor(runtime, NEEMA) == 50_000
    await check_books(runtime)


@pytest.mark.parametrize("other", [{"phone": "+254722000112"}, {"amount": Money(60_000, "KES")}], ids=["number", "amount"])
async def test_another_request_under_the_same_key_is_refused_and_takes_nothing(
    runtime: Runtime, other: dict[str, object]
) -> None:
    await invite(runtime, key="once")
    with pytest.raises(KeyConflict):
        await invite(runtime, key="once", **other)  # type: ignore[arg-type]
    assert await balance_minor(runtime, ASHA) == ASHA_MINOR - 50_700


async def test_where_she_has_registered_meanwhile_it_is_an_ordinary_send(runtime: Runtime) -> None:
    neema = await register(runtime)
    receipt = await invite(runtime)
    assert isinstance(receipt, transfers.SendReceipt)
    assert receipt.recipient == neema
    assert await balance_minor(runtime, NEEMA) == 50_000
    assert await states(runtime) == []


async def test_a_refused_request_takes_nothing_and_tells_nobody(runtime: Runtime) -> None:
    refused: list[tuple[dict[str, object], type[Refusal]]] = [
        ({"pin": pins.WRONG}, WrongPin),
        ({"amount": Money(ASHA_MINOR, "KES")}, NotEnoughMoney),
        ({"phone": ASHA}, OwnNumber),
    ]
    for request, refusal in refused:
        with pytest.raises(refusal):
            await invite(runtime, **request)  # type: ignore[arg-type]
    async with runtime.database.autocommit() as connection:
        await connection.execute(text("UPDATE pin SET money_out_from = :at"), {"at": clock.now() + timedelta(hours=1)})
    with pytest.raises(MoneyOutWaits):
        await invite(runtime)
    assert await balance_minor(runtime, ASHA) == ASHA_MINOR
    assert await told(runtime, NEEMA) == []


async def test_one_sender_cannot_have_more_than_ten_payments_waiting_however_fast_she_is(runtime: Runtime) -> None:
    asked = [invite(runtime, phone=f"+2547220004{number:02d}", amount=Money(1_000, "KES")) for number in range(12)]
    for one in asked[:9]:
        await one
    answers = await asyncio.gather(*asked[9:], return_exceptions=True)
    assert sum(isinstance(answer, InvitationReceipt) for answer in answers) == 1
    assert sum(isinstance(answer, TooManyWaiting) for answer in answers) == 2
    assert await balance_minor(runtime, ASHA) == ASHA_MINOR - invitations.MOST_FROM_ONE_SENDER * 1_000
    with pytest.raises(TooManyWaiting):
        await invitations.quote(runtime, await person(runtime, ASHA), NEEMA, AMOUNT)
    await check_books(runtime)


async def test_one_number_is_not_flooded_with_more_than_twenty(runtime: Runtime) -> None:
    await paid_in(runtime, NJERI, 100_000)
    small = Money(1_000, "KES")
    for _ in range(9):
        await asyncio.gather(invite(runtime, amount=small), invite(runtime, sender=BARAKA, amount=small))
    await invite(runtime, amount=small)
    last = await asyncio.gather(*(invite(runtime, sender=who, amount=small) for who in (BARAKA, NJERI)), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in last) == ["InvitationReceipt", "TooManyWaiting"]
    await register(runtime)
    assert await balance_minor(runtime, NEEMA) == 20 * 1_000


async def test_no_more_waits_for_a_number_than_a_new_wallet_may_hold(runtime: Runtime) -> None:
    await paid_in(runtime, ASHA, 60_000_000)
    for _ in range(2):
        await invite(runtime, amount=Money.of_units(250_000, "KES"))
    with pytest.raises(OverBalanceLimit):
        await invite(runtime, sender=BARAKA, amount=Money(1_000, "KES"))
    await register(runtime)
    assert await balance_minor(runtime, NEEMA) == 50_000_000


async def test_closing_an_account_while_its_last_money_is_sent_blocks_neither_and_loses_nothing(runtime: Runtime) -> None:
    phones = [f"+2547220005{number:02d}" for number in range(16)]
    for phone in phones:
        sender = await register(runtime, phone)
        await paid_in(runtime, phone, 10_000)
        answers = await asyncio.gather(
            invite(runtime, sender=phone, amount=Money(10_000, "KES"), pin=pins.NEW),
            closing.close(runtime, sender, pins.NEW, ENDINGS),
            return_exceptions=True,
        )
        assert isinstance(answers[0], InvitationReceipt)
        assert isinstance(answers[1], AccountInUse | AccountNotEmpty)
    await check_books(runtime)
