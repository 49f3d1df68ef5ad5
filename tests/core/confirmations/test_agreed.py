"""Nobody pays more than she was shown before her yes, and nobody else gets the money than whom she was shown."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from core import clock
from core.agents import approval as agent_approval
from core.agents import cash
from core.approvals import consent
from core.credentials import codes
from core.credentials.refusals import CodeEnded
from core.customers import profiles
from core.customers.profiles import Customer
from core.customers.refusals import NewOwner, UnknownRecipient
from core.errors import Refusal
from core.features import CARRIERS, ENDINGS
from core.hashing import code_digits
from core.insurance import covers
from core.insurance.covers import Terms
from core.insurance.refusals import OfferChanged
from core.ledger import tariffs
from core.ledger.refusals import FeeRose, NotEnoughMoney
from core.membership import closing, registration
from core.money import Money
from core.orders import sms_orders
from core.orders.sms_orders import DoneOrder, PlacedOrder
from core.payments import requests
from core.runtime import Runtime
from core.sending import approval as send_approval
from core.sending import invitations, transfers
from tests import pins
from tests.core.counter import ASHA, BARAKA, NUMBER, change, check_books, held, kes, one, person, received, shop

NEEMA = "+254722000111"
START = 1_250_000
Pay = Callable[[Runtime, Money], Awaitable[Any]]


def with_fees(change_fee: Callable[[Money], Money]) -> tuple[tariffs.Tariff, ...]:
    """The tariffs with other fees."""
    return tuple(
        replace(tariff, bands=tuple(replace(band, fee=change_fee(band.fee)) for band in tariff.bands))
        for tariff in tariffs._tariffs()
    )


async def _send(runtime: Runtime, agreed_fee: Money) -> Any:
    asha = await person(runtime, ASHA)
    return await transfers.send(
        runtime, sender=asha, recipient_phone=BARAKA, amount=kes(1_000), pin=pins.RIGHT, key="k", agreed_fee=agreed_fee
    )


async def _invite(runtime: Runtime, agreed_fee: Money) -> Any:
    asha = await person(runtime, ASHA)
    return await invitations.send(
        runtime, sender=asha, phone=NEEMA, amount=kes(1_000), pin=pins.RIGHT, key="k", agreed_fee=agreed_fee
    )


async def _withdraw(runtime: Runtime, agreed_fee: Money) -> Any:
    asha = await person(runtime, ASHA)
    return await cash.withdraw(
        runtime, customer=asha, agent_number=NUMBER, amount=kes(1_000), pin=pins.RIGHT, key="k", agreed_fee=agreed_fee
    )


async def _pay_out(runtime: Runtime, agreed_fee: Money) -> Any:
    asha = await person(runtime, ASHA)
    return await requests.withdraw(runtime, asha, kes(1_000), pin=pins.RIGHT, key="k", agreed_fee=agreed_fee)


async def _approve(runtime: Runtime, agreed_fee: Money) -> Any:
    asha = await person(runtime, ASHA)
    waiting = await send_approval.ask(runtime, asha, BARAKA, kes(1_000), "k")
    return await consent.approve(runtime, asha, waiting, pins.RIGHT, CARRIERS, agreed_fee=agreed_fee)


PAYING: dict[str, tuple[Pay, int]] = {
    "send": (_send, 13),
    "invite": (_invite, 13),
    "withdraw": (_withdraw, 29),
    "pay out": (_pay_out, 29),
    "approve": (_approve, 13),
}


@pytest.mark.parametrize(("pay", "fee"), PAYING.values(), ids=PAYING)
async def test_a_fee_that_was_confirmed_is_the_most_that_is_taken(runtime: Runtime, pay: Pay, fee: int) -> None:
    with pytest.raises(FeeRose) as refused:
        await pay(runtime, kes(fee) - Money(1, "KES"))
    assert refused.value.fee == kes(fee)
    assert (await held(runtime, ASHA), await one(runtime, "SELECT sum(tries) FROM pin")) == (START, "0")
    receipt = await pay(runtime, kes(fee))
    assert receipt.fee == kes(fee)
    assert receipt.balance.minor == START - 100_000 - fee * 100
    await check_books(runtime)


@pytest.mark.parametrize(("pay", "fee"), PAYING.values(), ids=PAYING)
async def test_a_fee_that_has_gone_down_is_taken_as_it_is(
    runtime: Runtime, pay: Pay, fee: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = with_fees(lambda fee: fee - fee)
    monkeypatch.setattr(tariffs, "_tariffs", lambda: free)
    assert (await pay(runtime, kes(fee))).fee == kes(0)


@pytest.mark.parametrize(
    "shown",
    [Terms(kes(149), kes(10_000), 30), Terms(kes(150), kes(10_001), 30), Terms(kes(150), kes(10_000), 31)],
    ids=["dearer now", "pays less now", "shorter now"],
)
async def test_a_cover_that_is_worse_than_she_was_shown_is_not_sold_and_not_renewed(runtime: Runtime, shown: Terms) -> None:
    asha = await person(runtime, ASHA)
    with pytest.raises(OfferChanged):
        await covers.buy(runtime, asha, "hospital_cash", pins.RIGHT, "k", agreed=shown)
    assert (await held(runtime, ASHA), await one(runtime, "SELECT sum(tries) FROM pin")) == (START, "0")
    bought = await covers.buy(runtime, asha, "hospital_cash", pins.RIGHT, "k")
    await covers.stop_renewal(runtime, asha, bought.policy.id)
    with pytest.raises(OfferChanged):
        await covers.start_renewal(runtime, asha, bought.policy.id, pins.RIGHT, agreed=shown)
    assert await one(runtime, "SELECT renews FROM policy") == "False"


async def test_a_cover_that_is_better_than_she_was_shown_is_sold_at_the_price_of_now(runtime: Runtime) -> None:
    asha = await person(runtime, ASHA)
    bought = await covers.buy(runtime, asha, "hospital_cash", pins.RIGHT, "k", agreed=Terms(kes(200), kes(9_000), 28))
    assert bought.policy.price == kes(150)


async def joins(runtime: Runtime, phone: str = NEEMA, name: str = "Neema Achieng") -> Customer:
    return await registration.register(runtime, phone=phone, name=name, national_id="22345678", language="sw", pin=pins.RIGHT)


async def passes_on(runtime: Runtime, phone: str = NEEMA) -> Customer:
    """The number's owner leaves, and it gets another one."""
    before = await profiles.find(runtime, phone)
    assert before is not None
    await closing.close(runtime, before, pins.RIGHT, ENDINGS)
    return await joins(runtime, phone, "Juma Hassan")


async def _send_to(runtime: Runtime, shown: UUID) -> Any:
    asha = await person(runtime, ASHA)
    return await transfers.send(
        runtime, sender=asha, recipient_phone=NEEMA, recipient_id=shown, amount=kes(700), pin=pins.RIGHT, key="k"
    )


async def _top_up(runtime: Runtime, shown: UUID) -> Any:
    agent = await shop(runtime)
    return await cash.top_up(
        runtime, agent=agent, customer_phone=NEEMA, customer_id=shown, amount=kes(700), pin=pins.RIGHT, key="k"
    )


async def _ask_for(runtime: Runtime, shown: UUID) -> Any:
    agent = await shop(runtime)
    return await agent_approval.ask(
        runtime, agent=agent, customer_phone=NEEMA, customer_id=shown, amount=kes(700), pin=pins.RIGHT, key="k"
    )


@pytest.mark.parametrize("give", [_send_to, _top_up, _ask_for])
async def test_a_number_that_has_passed_on_gets_nothing_that_was_meant_for_its_owner_before(
    runtime: Runtime, give: Callable[[Runtime, UUID], Awaitable[Any]]
) -> None:
    neema = await joins(runtime)
    juma = await passes_on(runtime)
    with pytest.raises(NewOwner):
        await give(runtime, neema.id)
    assert (await held(runtime, ASHA), await one(runtime, "SELECT count(*) FROM approval")) == (START, "0")
    assert await one(runtime, "SELECT balance FROM account WHERE id = :id", id=juma.wallet) == "0"
    await give(runtime, juma.id)
    await check_books(runtime)


@pytest.mark.parametrize("is_of_release_before", [False, True])
async def test_a_send_that_waits_for_a_yes_goes_to_nobody_but_whom_it_was_asked_for(
    runtime: Runtime, is_of_release_before: bool
) -> None:
    asha, neema = await person(runtime, ASHA), await joins(runtime)
    waiting = await send_approval.ask(runtime, asha, NEEMA, kes(700), "sms")
    if is_of_release_before:
        await change(runtime, "UPDATE approval SET recipient_id = NULL")
        [shown] = await consent.list_waiting(runtime, asha, CARRIERS)
        assert shown.other == "Neema Achieng"
    juma = await passes_on(runtime)
    [shown] = await consent.list_waiting(runtime, asha, CARRIERS)
    assert shown.other == ("0722000111" if is_of_release_before else "Neema Achieng")
    with pytest.raises(NewOwner):
        await consent.approve(runtime, asha, waiting, pins.RIGHT, CARRIERS)
    assert await held(runtime, ASHA) == START
    assert juma.id != neema.id


async def test_a_send_that_waits_for_a_yes_goes_to_whom_it_was_asked_for(runtime: Runtime) -> None:
    asha, neema = await person(runtime, ASHA), await joins(runtime)
    waiting = await send_approval.ask(runtime, asha, NEEMA, kes(700), "sms")
    await change(runtime, "UPDATE approval SET recipient_id = NULL")
    await consent.approve(runtime, asha, waiting, pins.RIGHT, CARRIERS)
    assert await one(runtime, "SELECT balance FROM account WHERE id = :id", id=neema.wallet) == "70000"


async def place(runtime: Runtime, shillings: int = 700) -> tuple[Customer, str]:
    """Asha's order by SMS to send money to Neema's number, and its code."""
    asha = await person(runtime, ASHA)
    return asha, code_of(runtime, await sms_orders.place_send(runtime, asha, NEEMA, kes(shillings), "sms"))


def code_of(runtime: Runtime, placed: object) -> str:
    assert isinstance(placed, PlacedOrder)
    assert placed.code_id is not None
    return code_digits(runtime.settings.pin_pepper, placed.code_id, codes.SMS)


@pytest.mark.parametrize("is_of_release_before", [False, True])
async def test_an_order_by_sms_pays_nobody_but_whom_the_sms_has_named(runtime: Runtime, is_of_release_before: bool) -> None:
    await joins(runtime)
    asha, code = await place(runtime)
    if is_of_release_before:
        await change(runtime, "UPDATE sms_order SET recipient_id = NULL, fee = NULL")
    juma = await passes_on(runtime)
    with pytest.raises(NewOwner):
        await sms_orders.confirm(runtime, asha, code)
    assert (await held(runtime, ASHA), await one(runtime, "SELECT count(*) FROM transfer WHERE kind = 'send'")) == (START, "0")
    assert await one(runtime, "SELECT balance FROM account WHERE id = :id", id=juma.wallet) == "0"


async def test_an_order_by_sms_that_costs_more_by_now_waits_for_a_new_code(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    await joins(runtime)
    asha, code = await place(runtime)
    dear = with_fees(lambda fee: fee + Money(500, fee.currency))
    monkeypatch.setattr(tariffs, "_tariffs", lambda: dear)
    again = await sms_orders.confirm(runtime, asha, code)
    assert isinstance(again, PlacedOrder)
    assert (again.fee, await held(runtime, ASHA)) == (kes(18), START)
    done = await sms_orders.confirm(runtime, asha, code_of(runtime, again))
    assert isinstance(done, DoneOrder)
    assert await held(runtime, ASHA) == START - 70_000 - 1_800
    assert await one(runtime, "SELECT count(*) FROM transfer WHERE kind = 'send'") == "1"
    await check_books(runtime)


async def test_a_process_that_dies_before_it_has_asked_again_at_the_new_price_leaves_the_order_to_another(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    class DiedError(Exception):
        pass

    async def die(*_: object) -> None:
        raise DiedError

    await joins(runtime)
    asha, code = await place(runtime)
    dear = with_fees(lambda fee: fee + Money(500, fee.currency))
    monkeypatch.setattr(tariffs, "_tariffs", lambda: dear)
    for step in ("_place_send", "_finish"):
        with monkeypatch.context() as fault:
            fault.setattr(sms_orders, step, die)
            with pytest.raises(DiedError):
                await sms_orders.confirm(runtime, asha, code)
    again = await sms_orders.confirm(runtime, asha, code)
    assert isinstance(again, PlacedOrder)
    assert isinstance(await sms_orders.confirm(runtime, asha, code_of(runtime, again)), DoneOrder)
    assert await held(runtime, ASHA) == START - 70_000 - 1_800


async def test_a_new_price_that_she_cannot_pay_ends_the_order(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    await joins(runtime)
    asha, code = await place(runtime, 4_900)
    dear = with_fees(lambda fee: fee + Money(1_000_000, fee.currency))
    monkeypatch.setattr(tariffs, "_tariffs", lambda: dear)
    with pytest.raises(NotEnoughMoney):
        await sms_orders.confirm(runtime, asha, code)
    assert await one(runtime, "SELECT count(*) FROM sms_order WHERE done_at IS NULL") == "0"
    monkeypatch.undo()
    with pytest.raises(CodeEnded):
        await sms_orders.confirm(runtime, asha, code)
    assert await held(runtime, ASHA) == START


@pytest.mark.usefixtures("contrived")
async def test_an_order_by_sms_that_was_done_is_never_told_as_not_done(runtime: Runtime) -> None:
    """Its process has died between the money and the order's end; then its PIN is locked, and the recipient leaves."""
    neema = await joins(runtime)
    asha, code = await place(runtime)
    first = await sms_orders.confirm(runtime, asha, code)
    assert isinstance(first, DoneOrder)
    await change(runtime, "UPDATE sms_order SET done_at = NULL")
    await change(runtime, "UPDATE pin SET failures = 3, locked_at = changed_at")
    await change(runtime, "UPDATE customer SET status = 'closed' WHERE id = :id", id=neema.id)
    for _ in range(2):
        assert await sms_orders.confirm(runtime, asha, code) == replace(first, is_new=False)
    assert await one(runtime, "SELECT count(*) FROM sms_order WHERE done_at IS NULL") == "0"
    assert await received(runtime, ASHA, "sent to Neema Achieng") == 1
    with clock.at(clock.now() + timedelta(hours=23)):
        assert await sms_orders.confirm(runtime, asha, code) == replace(first, is_new=False)
    with clock.at(clock.now() + timedelta(hours=25)), pytest.raises(Refusal):
        await sms_orders.confirm(runtime, asha, code)


async def test_who_has_left_and_whose_number_nobody_has_gets_nothing(runtime: Runtime) -> None:
    neema = await joins(runtime)
    await closing.close(runtime, neema, pins.RIGHT, ENDINGS)
    with pytest.raises(UnknownRecipient):
        await _send_to(runtime, neema.id)
