"""What a screen says of money is read when it is said: it may have moved since she was asked."""

import re
from collections.abc import Callable

import pytest

from core.agents import cash, directory, floats
from core.customers import profiles, wallet
from core.money import Money
from core.runtime import Runtime
from core.savings import goals, opening
from core.sending import transfers
from menus.engine.dsl import Ask, Choice
from menus.screens import SCREENS
from tests import pins
from tests.phone import Phone

ASHA, BARAKA, NJERI = "+254711000001", "+254722000002", "+254733000003"
SHORT = "Not enough money. You need KES 529.\n"
MakePhone = Callable[[str], Phone]
_MONEY = re.compile(r"\{(balance|kept|commission)\}")


async def spend(runtime: Runtime, shillings: int = 12_300) -> None:
    """Money leaves by another channel while the PIN screen waits. KES 100 of 12,500 stay."""
    asha = await profiles.find(runtime, ASHA)
    assert asha is not None
    await transfers.send(
        runtime,
        sender=asha,
        recipient_phone=BARAKA,
        amount=Money(shillings * 100, "KES"),
        pin=pins.RIGHT,
        key=f"elsewhere {shillings}",
    )


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("*384*96*4*0722000002*500#", "Not enough money. You need KES 507.\nHow much to Baraka Otieno? You have KES 100."),
        ("*384*96*4*0722000111*500#", "Not enough money. You need KES 507.\nHow much to 0722000111? You have KES 100."),
        ("*384*96*3*2*500#", f"{SHORT}How much to M-Pesa 0711000001? You have KES 100."),
        (
            "*384*96*3*1*{agent}*500#",
            "Not enough money. You need KES 529.\nHow much cash from Mama Njeri Shop? You have KES 100.",
        ),
    ],
    ids=["send", "invite", "M-Pesa", "agent"],
)
async def test_a_refusal_at_the_pin_tells_the_balance_of_now(phone: MakePhone, runtime: Runtime, code: str, shown: str) -> None:
    asha, njeri = phone(ASHA), await profiles.find(runtime, NJERI)
    assert njeri is not None
    agent = await directory.get_by_customer(runtime, njeri)
    assert "Enter PIN" in (await asha.dial(code.format(agent=agent.number))).text
    await spend(runtime)
    assert (await asha.type(pins.RIGHT)).text.startswith(shown)


async def test_saving_and_taking_out_tell_what_there_is_now(phone: MakePhone, runtime: Runtime) -> None:
    customer = await profiles.find(runtime, ASHA)
    assert customer is not None
    goal = await opening.open_goal(
        runtime, customer, name="Fees", target=Money(900_000, "KES"), due=None, is_locked=False, key="goal"
    )
    await goals.save(runtime, customer, goal.id, Money(10_000, "KES"), pin=pins.RIGHT, key="save")
    asha = phone(ASHA)
    assert "Enter PIN" in (await asha.dial("*384*96*5*4*100#")).text
    await goals.withdraw(runtime, customer, goal.id, Money(6_000, "KES"), pin=pins.RIGHT, key="take")
    assert "How much to take out of Fees? It has KES 40." in (await asha.type(pins.RIGHT)).text
    assert "Enter PIN" in (await asha.dial("*384*96*5*3*500#")).text
    await spend(runtime, 12_200)
    assert "How much to save to Fees? You have KES 160." in (await asha.type(pins.RIGHT)).text


async def test_an_agent_reads_the_float_of_now(phone: MakePhone, runtime: Runtime) -> None:
    njeri = await profiles.find(runtime, NJERI)
    assert njeri is not None
    agent = await directory.get_by_customer(runtime, njeri)
    before = await floats.get_balance(runtime, agent)
    counter = phone(NJERI)
    assert f"Float: {before}." in (await counter.dial("*384*96*10*1*0711000001#")).text
    amount, key = Money(30_000, "KES"), "elsewhere"
    await cash.top_up(runtime, agent=agent, customer_phone=BARAKA, amount=amount, pin=pins.RIGHT, key=key, customer_id=None)
    assert f"Float: {before - amount}." in (await counter.type("x")).text


@pytest.mark.parametrize("way", [["0"], ["500"], ["x"]], ids=["back", "too much", "unreadable"])
async def test_a_question_that_is_shown_again_tells_the_balance_of_now(
    phone: MakePhone, runtime: Runtime, way: list[str]
) -> None:
    asha = phone(ASHA)
    await asha.dial("*384*96*4*0722000002#")
    if way == ["0"]:
        await asha.type("500")
    await spend(runtime)
    assert "You have KES 100." in (await asha.type(*way)).text


async def test_what_is_continued_tells_the_balance_of_now(phone: MakePhone, runtime: Runtime) -> None:
    asha = phone(ASHA)
    await asha.dial("*384*96*4*0722000002#")
    await asha.dial()
    await spend(runtime)
    assert (await asha.type("1")).text.startswith("How much to Baraka Otieno? You have KES 100.")


async def test_a_number_that_is_not_on_the_list_under_a_balance_tells_the_one_of_now(phone: MakePhone, runtime: Runtime) -> None:
    asha = phone(ASHA)
    await asha.dial("*384*96*1#")
    await spend(runtime)
    assert "Your balance is KES 100." in (await asha.type("7")).text


@pytest.mark.parametrize("error", [TimeoutError, OSError, RuntimeError])
async def test_what_cannot_be_read_anew_costs_nobody_the_answer_and_shows_no_money_of_before(
    phone: MakePhone, runtime: Runtime, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    async def away(*_: object) -> None:
        raise error

    asha = phone(ASHA)
    assert "You have KES 12,500." in (await asha.dial("*384*96*4*0722000002#")).text
    with monkeypatch.context() as patched:
        patched.setattr(wallet, "get_balance", away)
        unreadable = await asha.type("abc")
        assert unreadable.text.startswith("Write the amount in whole numbers")
        assert "You have ***." in unreadable.text
        assert unreadable.is_open
    assert "Enter PIN" in (await asha.type("500")).text
    await spend(runtime)
    monkeypatch.setattr(wallet, "get_balance", away)
    assert (await asha.type(pins.RIGHT)).text.startswith(
        "Not enough money. You need KES 507.\nHow much to Baraka Otieno? You have ***."
    )


@pytest.mark.parametrize("code", ["*384*96*5*1#", "*384*96*5*3#", "*384*96*5*4#"], ids=["goals", "save", "take out"])
async def test_a_list_that_is_shown_again_tells_what_the_goals_have_now(phone: MakePhone, runtime: Runtime, code: str) -> None:
    customer = await profiles.find(runtime, ASHA)
    assert customer is not None
    for name in ("Fees", "Roof"):
        goal = await opening.open_goal(
            runtime, customer, name=name, target=Money(10_000, "KES"), due=None, is_locked=False, key=name
        )
    asha = phone(ASHA)
    assert "Roof: KES 0 (0%)" in (await asha.dial(code)).text
    await goals.save(runtime, customer, goal.id, Money(4_000, "KES"), pin=pins.RIGHT, key="save")
    assert "Roof: KES 40 (40%)" in (await asha.type("7")).text


@pytest.mark.parametrize("screen", [screen for screen in SCREENS if isinstance(screen, Ask | Choice)], ids=lambda it: it.name)
def test_a_screen_that_may_be_shown_again_reads_the_money_in_its_text_anew(screen: Ask | Choice) -> None:
    assert not _MONEY.search(screen.text) or screen.fresh is not None
