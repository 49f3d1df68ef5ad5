"""My Account: who may see the balance, what is told of a customer, and a changed PIN."""

import asyncio
from collections.abc import Callable

import pytest
from sqlalchemy import text

from core.credentials import pins
from core.credentials.refusals import BadPin, PinLocked, WeakPin, WrongPin
from core.customers import details, pin_change, profiles
from core.customers.profiles import Customer
from core.messaging import notices
from core.money import Money
from core.runtime import Runtime
from core.sending import transfers
from gateway import worker
from tests.phone import Phone
from tests.pins import NEW, OTHER_WRONG, RIGHT, WRONG

ASHA, BARAKA = "+254711000001", "+254722000002"
MakePhone = Callable[[str], Phone]


@pytest.fixture
async def asha(runtime: Runtime) -> Customer:
    found = await profiles.find(runtime, ASHA)
    assert found is not None
    return found


async def make_private(runtime: Runtime, asha: Customer) -> None:
    await profiles.set_balance_privacy(runtime, asha.id, asks_pin=True)


async def test_a_private_balance_is_shown_nowhere_before_the_pin(phone: MakePhone, runtime: Runtime, asha: Customer) -> None:
    await make_private(runtime, asha)
    snooper = phone(ASHA)
    ways = [
        "1",
        "1*98",
        "9",
        "9*1",
        "9*4",
        "9*5",
        "9*6",
        "3",
        "4*0722000002",
        "4*0722000002*999999",
        "4*0799999999",
        "3*1*200100",
    ]
    for way in ways:
        shown = await snooper.dial(f"*384*96*{way}#")
        assert "12,5" not in shown.text, f"{way} shows\n{shown.text}"
    assert "You have ***." in (await snooper.dial("*384*96*4*0722000002#")).text


async def test_a_private_balance_is_one_key_and_a_pin_away_and_back_leads_to_the_menu(
    phone: MakePhone, runtime: Runtime, asha: Customer
) -> None:
    await make_private(runtime, asha)
    owner = phone(ASHA)
    assert (await owner.dial("*384*96*1#")).text.startswith("Enter PIN to see your balance.")
    assert (await owner.type(RIGHT)).text == "Your balance is KES 12,500.\nReply 0 for menu."
    assert (await owner.type("0")).text.startswith("Jasho\n1. Check Balance")


async def test_wrong_pins_at_the_balance_lock_the_pin_everywhere(phone: MakePhone, runtime: Runtime, asha: Customer) -> None:
    await make_private(runtime, asha)
    snooper = phone(ASHA)
    await snooper.dial("*384*96*1#")
    last = await snooper.type(WRONG, OTHER_WRONG, WRONG)
    assert "Your PIN is locked" in last.text
    assert not last.is_open
    with pytest.raises(PinLocked):
        await pins.check(runtime, asha.id, RIGHT)


async def test_privacy_is_switched_on_by_a_key_and_off_by_the_pin_alone(phone: MakePhone, runtime: Runtime) -> None:
    owner = phone(ASHA)
    await owner.dial("*384*96*9*4#")
    await owner.type("1")
    assert (await owner.type("00", "9", "4")).text.startswith("Your balance is shown only after your PIN.")
    assert (await owner.type("1")).text.startswith("A PIN has 4 digits.")
    assert (await owner.type(WRONG)).text.startswith("Wrong PIN.")
    found = await profiles.find(runtime, ASHA)
    assert found is not None
    assert found.asks_pin_for_balance
    assert (await owner.type(RIGHT)).text.startswith("From now on your balance is shown without your PIN.")
    assert "KES 12,500" in (await phone(ASHA).dial("*384*96*1#")).text


async def test_details_show_the_end_of_the_id_number_and_no_more_of_it(
    phone: MakePhone, runtime: Runtime, asha: Customer
) -> None:
    known = await details.get(runtime, asha)
    assert (known.national_id_end, known.transfer_limit, known.day_limit) == (
        "601",
        Money(25_000_000, "KES"),
        Money(50_000_000, "KES"),
    )
    shown = await phone(ASHA).dial("*384*96*9*5#")
    assert "ID number ends in 601" in shown.text
    assert "2234" not in shown.text


async def test_details_of_somebody_who_has_given_no_id_number(phone: MakePhone, runtime: Runtime, asha: Customer) -> None:
    async with runtime.database.autocommit() as connection:
        await connection.execute(text("UPDATE customer SET national_id = NULL WHERE id = :id"), {"id": asha.id})
        await connection.execute(text("UPDATE account SET tier = 'unverified' WHERE id = :id"), {"id": asha.wallet})
    assert (await details.get(runtime, asha)).day_limit == Money(2_000_000, "KES")
    assert "ID number ends in -" in (await phone(ASHA).dial("*384*96*9*5#")).text


async def test_a_changed_pin_opens_and_the_old_one_does_not_and_she_is_told(runtime: Runtime, asha: Customer) -> None:
    with pytest.raises(WrongPin):
        await pins.check(runtime, asha.id, WRONG)
    await pin_change.change(runtime, asha, NEW)
    await pins.check(runtime, asha.id, NEW)
    with pytest.raises(WrongPin) as refused:
        await pins.check(runtime, asha.id, RIGHT)
    assert refused.value.params["tries_left"] == "2"
    while await worker.drain(runtime):
        pass
    assert (await notices.list_inbox(runtime, ASHA))[0].body.startswith("Your Jasho PIN was changed.")


@pytest.mark.parametrize(
    ("pin", "refusal"), [("1234", WeakPin), ("0001", WeakPin), ("12", BadPin), ("", BadPin), ("abcd", BadPin)]
)
async def test_a_weak_pin_or_none_replaces_nothing(runtime: Runtime, asha: Customer, pin: str, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        await pin_change.change(runtime, asha, pin)
    await pins.check(runtime, asha.id, RIGHT)


async def test_a_locked_pin_is_not_changed_by_a_session_that_was_open_before(phone: MakePhone, runtime: Runtime) -> None:
    thief = phone(ASHA)
    await thief.dial("*384*96*9*2#")
    await thief.type(RIGHT, NEW)
    found = await profiles.find(runtime, ASHA)
    assert found is not None
    for guess in (WRONG, OTHER_WRONG, WRONG):
        with pytest.raises((WrongPin, PinLocked)):
            await pins.check(runtime, found.id, guess)
    assert "Your PIN is locked" in (await thief.type(NEW)).text
    async with runtime.database.autocommit() as connection:
        told = await connection.scalar(text("SELECT count(*) FROM outbox WHERE body LIKE 'Your Jasho PIN%'"))
    assert told == 0


async def test_three_wrong_old_pins_lock_it(phone: MakePhone) -> None:
    thief = phone(ASHA)
    await thief.dial("*384*96*9*2#")
    last = await thief.type(WRONG, OTHER_WRONG, WRONG)
    assert last.text.startswith("Your PIN is locked after 3 wrong tries.")
    assert "7 Forgot PIN" in last.text


async def test_continuing_a_change_begins_with_the_old_pin(phone: MakePhone) -> None:
    owner = phone(ASHA)
    await owner.dial("*384*96*9*2#")
    await owner.type(RIGHT, NEW)
    await owner.dial()
    assert (await owner.type("1")).text.startswith("Enter the PIN that you have now.")
    assert not (await owner.type(RIGHT, NEW, NEW)).is_open


async def test_a_change_sent_again_by_the_network_is_one_change(phone: MakePhone, runtime: Runtime) -> None:
    owner = phone(ASHA)
    await owner.dial("*384*96*9*2#")
    await owner.type(RIGHT, NEW)
    owner.text += f"*{NEW}"
    screens = await asyncio.gather(*(owner.send_again() for _ in range(4)))
    assert {screen.text for screen in screens} == {"Your PIN was changed. Use the new one from now on."}
    async with runtime.database.autocommit() as connection:
        told = await connection.scalar(text("SELECT count(*) FROM outbox WHERE body LIKE 'Your Jasho PIN was changed%'"))
    assert told == 1


async def test_the_mini_statement_shows_the_newest_five_on_pages_of_whole_lines(
    phone: MakePhone, runtime: Runtime, asha: Customer
) -> None:
    for number in range(6):
        amount = Money(1_000_000 - number * 100_000, "KES")
        sender, to = (asha, BARAKA) if number % 2 == 0 else (await profiles.find(runtime, BARAKA), ASHA)
        assert sender is not None
        await transfers.send(runtime, sender=sender, recipient_phone=to, amount=amount, pin=RIGHT, key=f"statement {number}")
    owner = phone(ASHA)
    pages = [(await owner.dial("*384*96*9*1#")).text]
    while "98. More" in pages[-1]:
        pages.append((await owner.type("98")).text)
    lines = [line for page in pages for line in page.split("\n") if "Baraka" in line]
    assert len(pages) == 2
    assert [line.split("KES ")[1] for line in lines] == [
        "5,000 Baraka Otieno",
        "6,078 Baraka Otieno",
        "7,000 Baraka Otieno",
        "8,090 Baraka Otieno",
        "9,000 Baraka Otieno",
    ]
