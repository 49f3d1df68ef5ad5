"""Sends that are rounded up into a goal: the difference is saved, a send never fails for it, and one send is one send."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import text

from core.countries import CURRENCIES
from core.errors import KeyConflict
from core.ledger import reversals
from core.ledger.refusals import AccountClosed, NotEnoughMoney
from core.money import Money
from core.runtime import Runtime
from core.savings import goals, opening, rules
from core.savings.goals import Goal
from core.sending import round_ups, transfers
from core.sending.transfers import SendReceipt
from core.staff import Staff
from tests import pins
from tests.core.savings.saver import BARAKA, Saver, findings, kes


@pytest.fixture
def asha(runtime: Runtime) -> Saver:
    return Saver(runtime)


@pytest.fixture
def baraka(runtime: Runtime) -> Saver:
    return Saver(runtime, BARAKA)


async def rounding_up(saver: Saver, name: str = "Cow") -> Goal:
    goal = await saver.goal(name)
    await rules.round_up_into(saver.runtime, await saver.customer(), goal.id)
    return goal


async def send(saver: Saver, units: int, key: str = "key") -> SendReceipt:
    return await transfers.send(
        saver.runtime, sender=await saver.customer(), recipient_phone=BARAKA, amount=kes(units), pin=pins.RIGHT, key=key
    )


async def test_a_send_is_rounded_up_and_every_shilling_of_it_is_somewhere(asha: Saver, baraka: Saver, runtime: Runtime) -> None:
    goal = await rounding_up(asha)
    receipt = await send(asha, 500)
    assert (receipt.amount, receipt.fee, receipt.saved, receipt.balance) == (kes(500), kes(7), kes(43), kes(11_950))
    assert (await asha.balance(), await asha.balance(goal.id), await baraka.balance()) == (11_950, 43, 3_700)
    assert (await asha.read())[-1].endswith(
        ": KES 500 sent to Baraka Otieno 0722000002. Fee KES 7. Saved KES 43. Balance KES 11,950."
    )
    assert (await baraka.read())[-1].endswith("Umepokea KES 500 kutoka kwa Asha Wanjiku 0711000001. Salio KES 3,700.")
    assert await findings(runtime) == []


async def test_what_is_saved_counts_against_no_limit_of_the_day(asha: Saver) -> None:
    await rounding_up(asha)
    await send(asha, 500)
    assert await asha.one("SELECT spent FROM account WHERE id = :id", id=(await asha.customer()).wallet) == 50_000


@pytest.mark.parametrize(("units", "saved"), [(50, None), (43, 7), (93, 7), (443, None), (501, 36), (1, 49), (2_250, 17)])
async def test_the_difference_to_the_next_fifty_is_saved_and_nothing_where_there_is_none(
    asha: Saver, units: int, saved: int | None
) -> None:
    await rounding_up(asha)
    assert (await send(asha, units)).saved == (None if saved is None else kes(saved))
    assert await asha.balance() % 50 == 0


async def test_a_send_with_cents_goes_out_as_it_is_because_no_phone_could_take_cents_out_of_a_goal(asha: Saver) -> None:
    goal, customer = await rounding_up(asha), await asha.customer()
    receipt = await transfers.send(
        asha.runtime,
        sender=await asha.customer(),
        recipient_phone=BARAKA,
        amount=Money(50_050, "KES"),
        pin=pins.RIGHT,
        key="key",
    )
    assert (receipt.saved, await asha.balance(goal.id)) == (None, 0)
    assert await round_ups.find_due(asha.runtime, customer, Money(50_050, "KES")) is None


@pytest.mark.parametrize("left", [0, 30])
async def test_a_send_goes_out_even_where_too_little_is_left_to_round_it_up(asha: Saver, baraka: Saver, left: int) -> None:
    goal = await rounding_up(asha)
    await asha.paid_in(6 + left)
    receipt = await send(asha, 12_406)
    assert (receipt.saved, receipt.balance, await asha.balance(goal.id)) == (None, kes(left), 0)
    assert await baraka.balance() == 3_200 + 12_406


async def test_a_send_that_she_cannot_pay_is_refused_for_its_own_price(asha: Saver) -> None:
    goal = await rounding_up(asha)
    with pytest.raises(NotEnoughMoney) as refusal:
        await send(asha, 12_450)
    assert refusal.value.params["needed"] == "KES 12,550"
    assert (await asha.balance(), await asha.balance(goal.id)) == (12_500, 0)


async def test_a_goal_that_was_closed_gets_nothing_and_stops_no_send(asha: Saver, baraka: Saver) -> None:
    goal = await rounding_up(asha)
    before = await asha.customer()
    await opening.close_goal(asha.runtime, before, goal.id)
    # What an old session still thinks of her.
    receipt = await transfers.send(
        asha.runtime, sender=before, recipient_phone=BARAKA, amount=kes(500), pin=pins.RIGHT, key="key"
    )
    assert (receipt.saved, await asha.balance(goal.id), await baraka.balance()) == (None, 0, 3_700)


async def test_a_goal_whose_account_alone_is_closed_gets_nothing_and_stops_no_send(asha: Saver) -> None:
    goal = await rounding_up(asha)
    async with asha.runtime.database.autocommit() as connection:
        await connection.execute(text("UPDATE account SET status = 'closed' WHERE id = :id"), {"id": goal.id})
    assert (await send(asha, 500)).saved is None
    assert (await asha.balance(), await asha.balance(goal.id)) == (11_993, 0)


async def test_money_never_goes_into_the_goal_of_somebody_else(asha: Saver, baraka: Saver) -> None:
    foreign = await baraka.goal()
    async with asha.runtime.database.autocommit() as connection:
        row = {"goal": foreign.id, "id": (await asha.customer()).id}
        await connection.execute(text("UPDATE customer SET round_up_goal = :goal WHERE id = :id"), row)
    assert (await send(asha, 500)).saved is None
    assert await asha.balance(foreign.id) == 0


async def test_a_send_to_a_closed_account_is_refused_rounded_up_or_not(asha: Saver, baraka: Saver) -> None:
    goal = await rounding_up(asha)
    async with asha.runtime.database.autocommit() as connection:
        row = {"id": (await baraka.customer()).wallet}
        await connection.execute(text("UPDATE account SET status = 'closed' WHERE id = :id"), row)
    with pytest.raises(AccountClosed):
        await send(asha, 500)
    assert (await asha.balance(), await asha.balance(goal.id)) == (12_500, 0)


async def test_sends_repeated_at_once_are_one_send_and_one_saving(asha: Saver, baraka: Saver, runtime: Runtime) -> None:
    goal = await rounding_up(asha)
    receipts = await asyncio.gather(*(send(asha, 500) for _ in range(3)))
    assert receipts == [receipts[0]] * 3
    assert (await asha.balance(), await asha.balance(goal.id), await baraka.balance()) == (11_950, 43, 3_700)
    assert await findings(runtime) == []


@pytest.mark.parametrize("now", ["off", "another goal", "the same goal"])
async def test_a_send_that_was_rounded_up_is_known_again_whatever_is_rounded_up_now(asha: Saver, baraka: Saver, now: str) -> None:
    cow = await rounding_up(asha, "Cow")
    first = await send(asha, 500)
    if now == "off":
        await rules.stop_rounding_up(asha.runtime, await asha.customer())
    elif now == "another goal":
        await rounding_up(asha, "Hen")
    assert await send(asha, 500) == first
    assert (await asha.balance(), await asha.balance(cow.id), await baraka.balance()) == (11_950, 43, 3_700)


async def test_a_send_that_was_not_rounded_up_is_known_again_when_sends_are(asha: Saver, baraka: Saver) -> None:
    first = await send(asha, 500)
    goal = await rounding_up(asha)
    assert await send(asha, 500) == first
    assert (await asha.balance(), await asha.balance(goal.id), await baraka.balance()) == (11_993, 0, 3_700)


async def test_a_send_that_there_was_nothing_left_to_round_up_is_known_again_when_there_is(asha: Saver) -> None:
    goal = await rounding_up(asha)
    first = await send(asha, 12_400)
    assert first.saved is None
    await asha.paid_in(1_000)
    again = await send(asha, 12_400)
    assert (again.reference, again.saved) == (first.reference, None)
    assert (await asha.balance(), await asha.balance(goal.id)) == (1_000, 0)


async def test_another_send_under_a_key_that_was_used_stays_a_conflict(asha: Saver) -> None:
    goal = await rounding_up(asha)
    await send(asha, 500)
    for units in (501, 540, 543):
        with pytest.raises(KeyConflict):
            await send(asha, units)
    assert (await asha.balance(), await asha.balance(goal.id)) == (11_950, 43)


async def test_only_one_goal_at_a_time_is_rounded_up_into(asha: Saver) -> None:
    await rounding_up(asha, "Cow")
    await rounding_up(asha, "Hen")
    mine = await goals.list_goals(asha.runtime, await asha.customer())
    assert [(goal.name, goal.rounds_up) for goal in mine] == [("Cow", False), ("Hen", True)]


@pytest.mark.parametrize(("is_spent", "back"), [(False, 500), (True, 200)])
async def test_a_send_to_the_wrong_number_can_be_undone_in_part_and_what_was_saved_of_it_stays(
    asha: Saver, baraka: Saver, runtime: Runtime, is_spent: bool, back: int
) -> None:
    goal = await rounding_up(asha)
    await send(asha, 500)
    if is_spent:
        karo = (await goals.list_goals(runtime, await baraka.customer()))[0]
        await goals.save_confirmed(runtime, await baraka.customer(), karo.id, kes(3_500), "spent")
    sent = await sent_id(runtime)
    await reversals.reverse(
        runtime.database, sent, country="KE", reason="wrong number", requested_by=Staff("Otieno"), as_much_as_there=True
    )
    assert (await asha.balance(), await asha.balance(goal.id)) == (11_950 + back, 43)
    assert await findings(runtime) == []


async def test_a_send_that_is_undone_whole_gives_back_what_it_saved_too(asha: Saver, baraka: Saver, runtime: Runtime) -> None:
    goal = await rounding_up(asha)
    await send(asha, 500)
    await reversals.reverse(
        runtime.database, await sent_id(runtime), country="KE", reason="our mistake", requested_by=Staff("Otieno")
    )
    assert (await asha.balance(), await asha.balance(goal.id), await baraka.balance()) == (12_500, 0, 3_200)


async def sent_id(runtime: Runtime) -> UUID:
    """The one send there was."""
    async with runtime.database.autocommit() as connection:
        return UUID(str(await connection.scalar(text("SELECT id FROM transfer WHERE kind = 'send'"))))


def test_every_currency_has_a_round_sum_and_no_saving_is_longer_than_its_sms_has_room_for() -> None:
    for currency, known in CURRENCIES.items():
        assert len(str(Money.of_units(known.round_up_units - 1, currency))) <= len("TZS 999")
