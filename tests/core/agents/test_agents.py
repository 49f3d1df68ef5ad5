"""Who is an agent, how customers find one, and how an agent's float is bought and sold."""

import asyncio
import secrets
from collections.abc import Callable

import pytest

from core.agents import directory, floats
from core.agents.refusals import NoAgentNear
from core.customers import profiles
from core.customers.profiles import Customer
from core.customers.refusals import UnknownRecipient
from core.errors import BadText, KeyConflict, NotPermitted, Refusal, UnknownAgent
from core.ledger.refusals import NotEnoughMoney, OverLimit
from core.membership import registration
from core.membership.refusals import AlreadyRegistered
from core.money import Money
from core.runtime import Runtime
from core.staff import Staff
from tests import pins
from tests.core.counter import ASHA, BARAKA, NJERI, NUMBER, change, check_books, held, kes, one, person, received, shop
from tests.phone import Phone

FLOAT_WITHOUT_A_NUMBER = (
    "INSERT INTO account (id, owner, kind, currency, floor, created_at) SELECT gen_random_uuid(), id, "
    "'float', 'KES', 0, created_at FROM customer WHERE phone = :phone"
)


async def test_an_agent_made_twice_or_at_the_same_moment_is_one_agent_with_one_float(runtime: Runtime) -> None:
    made = await asyncio.gather(*(directory.add(runtime, ASHA, "Asha's Kiosk", "Thika Rd.") for _ in range(4)))
    assert len({(agent.number, agent.float_account, agent.commission_account) for agent in made}) == 1
    again = await directory.add(runtime, ASHA, "Another Name", "Elsewhere")
    assert (again.number, again.name, again.place) == (made[0].number, "Asha's Kiosk", "Thika Rd.")
    assert made[0].number.isdecimal()
    assert len(made[0].number) == 6
    assert (await person(runtime, ASHA)).is_agent
    assert await one(runtime, "SELECT count(*) FROM account WHERE kind IN ('float', 'commission')") == "4"
    assert await received(runtime, ASHA, f"Your agent number is {made[0].number}.") == 1


async def test_a_float_from_before_agents_had_numbers_is_kept(runtime: Runtime) -> None:
    await change(runtime, FLOAT_WITHOUT_A_NUMBER, phone=ASHA)
    before = await one(
        runtime,
        "SELECT a.id FROM account a JOIN customer c ON c.id = a.owner WHERE a.kind = 'float' AND c.phone = :phone",
        phone=ASHA,
    )
    assert str((await directory.add(runtime, ASHA, "Kiosk")).float_account) == before


async def test_no_two_agents_share_a_number(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([int(NUMBER) - 100_000, int(NUMBER) - 100_000, 7])
    monkeypatch.setattr(secrets, "randbelow", lambda _: next(drawn))
    assert (await directory.add(runtime, ASHA, "Kiosk")).number == "100007"
    with pytest.raises(ValueError, match="200100 is taken"):
        await directory.add(runtime, BARAKA, "Kiosk", number=NUMBER)
    assert (await person(runtime, BARAKA)).is_agent is False


@pytest.mark.parametrize(
    ("phone", "name", "place", "refusal"),
    [
        ("+254799999999", "Kiosk", "Thika", UnknownRecipient),
        (ASHA, "", "Thika", BadText),
        (ASHA, "{balance}", "Thika", BadText),
        (ASHA, "K" * 41, "Thika", BadText),
        (ASHA, "Kiosk\x00", "Thika", BadText),
        (ASHA, "Kiosk", "T" * 21, BadText),
        (ASHA, "Kiosk", "<b>", BadText),
    ],
)
async def test_a_shop_without_a_proper_name_is_none(
    runtime: Runtime, phone: str, name: str, place: str, refusal: type[Refusal]
) -> None:
    with pytest.raises(refusal):
        await directory.add(runtime, phone, name, place)
    assert await one(runtime, "SELECT count(*) FROM agent") == "1"


async def test_somebody_who_closes_her_account_meanwhile_is_made_no_agent(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = profiles.find

    async def find_just_before_she_closes(runtime: Runtime, phone: str) -> Customer | None:
        customer = await find(runtime, phone)
        await change(runtime, "UPDATE customer SET status = 'closed' WHERE phone = :phone", phone=phone)
        return customer

    monkeypatch.setattr(profiles, "find", find_just_before_she_closes)
    with pytest.raises(UnknownRecipient):
        await directory.add(runtime, ASHA, "Kiosk")
    assert await one(runtime, "SELECT count(*) FROM agent") == "1"
    assert await received(runtime, ASHA, "Your agent number is") == 0


@pytest.mark.parametrize("typed", ["200100", " 200 100 ", "200-100"])
async def test_an_agent_is_found_by_the_number_however_it_is_spaced(runtime: Runtime, typed: str) -> None:
    assert (await directory.get_by_number(runtime, typed)).name == "Mama Njeri Shop"


@pytest.mark.parametrize("typed", ["", "20010", "2001000", "njeri", "٢٠٠١٠٠", "200100\x00", "x" * 182])
async def test_a_number_that_is_no_agents_is_refused(runtime: Runtime, typed: str) -> None:
    with pytest.raises(UnknownAgent):
        await directory.get_by_number(runtime, typed)


async def test_a_customer_who_is_no_agent_has_no_counter(runtime: Runtime) -> None:
    with pytest.raises(NotPermitted):
        await directory.get_by_customer(runtime, await person(runtime, ASHA))
    assert (await directory.get_by_customer(runtime, await person(runtime, NJERI))).number == NUMBER


@pytest.mark.parametrize("choice", ["2", "3", "4"])
async def test_a_float_from_before_agents_had_numbers_opens_no_counter_and_breaks_none(
    runtime: Runtime, phone: Callable[[str], Phone], choice: str
) -> None:
    await change(runtime, FLOAT_WITHOUT_A_NUMBER, phone=ASHA)
    asha = phone(ASHA)
    assert "10. Agent" in (await asha.dial()).text + (await asha.type("98")).text
    shown = await asha.type("10", choice)
    assert shown.text.startswith("That is not for you to do.\n")
    assert shown.is_open


@pytest.mark.parametrize("typed", ["Kibera", "kib", "KIBERA", "  ki  ", "bera", "mama njeri", "shop", "Kibera, Nairobi"])
async def test_an_agent_is_found_by_what_people_call_the_place_or_the_shop(runtime: Runtime, typed: str) -> None:
    assert await directory.list_near(runtime, typed) == [directory.Shop(NUMBER, "Mama Njeri Shop", "Kibera")]


@pytest.mark.parametrize("typed", ["", " ", "k", "Lodwar", "%", "__", "%%%", "\x00\x00", "ki\\", "x" * 182, "🙂🙂"])
async def test_where_no_agent_is_known_she_is_told_so(runtime: Runtime, typed: str) -> None:
    with pytest.raises(NoAgentNear):
        await directory.list_near(runtime, typed)


async def test_the_list_begins_with_the_place_itself_and_ends_somewhere(runtime: Runtime) -> None:
    for number in range(directory.MOST_NEAR + 3):
        phone = f"+2547110010{number:02}"
        try:
            await registration.register(
                runtime, phone=phone, name="Shop Keeper", national_id="12345678", language="en", pin=pins.RIGHT
            )
        except AlreadyRegistered:
            continue
        await directory.add(
            runtime, phone, "To Kibera Shuttle" if number == 0 else "Duka", "Toi" if number == 0 else "Kibera West"
        )
    found = await directory.list_near(runtime, "kibera")
    assert len(found) == directory.MOST_NEAR
    assert {shop.place for shop in found} == {"Kibera", "Kibera West"}


async def test_a_shop_that_has_closed_is_not_found(runtime: Runtime) -> None:
    await change(runtime, "UPDATE customer SET status = 'closed' WHERE phone = :phone", phone=NJERI)
    with pytest.raises(NoAgentNear):
        await directory.list_near(runtime, "kibera")
    with pytest.raises(UnknownAgent):
        await directory.get_by_number(runtime, NUMBER)


async def test_a_bank_reference_is_worked_off_once_whoever_asks_and_for_whichever_agent(runtime: Runtime) -> None:
    agent, other = await shop(runtime), await directory.add(runtime, ASHA, "Kiosk")
    bought = await asyncio.gather(*(floats.buy(runtime, agent, kes(5_000), reference="FT1", by=Staff("Amina")) for _ in range(4)))
    assert sorted(receipt.is_new for receipt in bought) == [False, False, False, True]
    assert {receipt.balance for receipt in bought} == {kes(105_000)}
    with pytest.raises(KeyConflict):
        await floats.buy(runtime, other, kes(5_000), reference="FT1", by=Staff("Amina"))
    with pytest.raises(KeyConflict):
        await floats.buy(runtime, agent, kes(6_000), reference="FT1", by=Staff("Amina"))
    assert await held(runtime, ASHA, "float") == 0
    assert await one(runtime, "SELECT string_agg(kind || ' ' || reference || ' ' || done_by, ',') FROM float_trade") == (
        "float_buy FT1 Amina"
    )
    await check_books(runtime)


async def test_float_that_is_not_there_is_not_bought_back(runtime: Runtime) -> None:
    agent = await shop(runtime)
    with pytest.raises(NotEnoughMoney):
        await floats.sell(runtime, agent, kes(100_001), reference="FT1", by=Staff("Amina"))
    sold = await floats.sell(runtime, agent, kes(100_000), reference="FT1", by=Staff("Amina"))
    assert (sold.balance, sold.is_new) == (kes(0), True)
    with pytest.raises(OverLimit):
        await floats.buy(runtime, agent, Money(100_000_000_000, "KES"), reference="FT2", by=Staff("Amina"))
    for reference in ("", "FT\x00", "F" * 41):
        with pytest.raises(BadText):
            await floats.buy(runtime, agent, kes(1), reference=reference, by=Staff("Amina"))
    assert await held(runtime, NJERI, "float") == 0
    await check_books(runtime)
