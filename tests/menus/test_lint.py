"""The menu lint: every fault that could reach a customer is planted here once, and must be found."""

from dataclasses import dataclass, replace

import pytest

from core import features
from core.errors import BadAmount
from menus import approvals, lint
from menus.engine.dsl import Ask, Choice, End, Option, Outcome, Screen, ok, outcomes
from menus.engine.session import Step
from menus.lint import Catalogues


@outcomes("ok", BadAmount)
async def order(_: Step) -> Outcome:
    return ok()


@outcomes("ok", "empty")
async def look(_: Step) -> Outcome:
    return ok()


HOME = Choice(
    "home",
    "Tea shop",
    options=(Option("1", "Order", goto="order"), Option("2", "Price", do=look, goto={"ok": "price", "empty": "home"})),
)
ORDER = Ask("order", "How many cups?", do=order, goto={"ok": "done", "bad_amount": "order"})
PRICE = Choice("price", "A cup is {amount}.")
DONE = End("done", "Thank you, {name}.")
SWAHILI = {
    "Tea shop": "Duka la chai",
    "Order": "Agiza",
    "Price": "Bei",
    "How many cups?": "Vikombe vingapi?",
    "A cup is {amount}.": "Kikombe ni {amount}.",
    "Thank you, {name}.": "Asante, {name}.",
}


@dataclass(frozen=True)
class Menu:
    """The shop's screens and their Swahili, with a fault in either."""

    screens: tuple[Screen, ...] = (HOME, ORDER, PRICE, DONE)
    swahili: tuple[tuple[str, str], ...] = ()

    def findings(self) -> list[str]:
        texts: Catalogues = {"sw": {**lint.catalogues()["sw"], **SWAHILI, **dict(self.swahili)}}
        return lint.lint(self.screens, {"sw": {message: text for message, text in texts["sw"].items() if text}})


def with_home(*options: Option, text: str = HOME.text) -> Menu:
    return Menu((replace(HOME, text=text, options=options), ORDER, PRICE, DONE))


FIRST, SECOND = HOME.options
ASK = {"ok": "done", "bad_amount": "order"}

PLANTED: dict[str, tuple[Menu, str]] = {
    "a destination that is missing": (
        with_home(FIRST, SECOND, Option("3", "Price", goto="prices")),
        "3 leads to prices, which does not",
    ),
    "an outcome's destination that is missing": (
        Menu((HOME, replace(ORDER, goto={**ASK, "ok": "dome"}), PRICE)),
        "ok leads to dome",
    ),
    "a screen nobody can reach": (Menu((HOME, ORDER, PRICE, DONE, End("lost", "Price"))), "lost: cannot be reached"),
    "screens that only reach each other": (
        Menu(
            (
                HOME,
                ORDER,
                PRICE,
                DONE,
                Choice("a", "Price", (Option("1", "Order", "b"),)),
                Choice("b", "Price", (Option("1", "Order", "a"),)),
            )
        ),
        "b: cannot be reached",
    ),
    "a question without an exit": (
        Menu((HOME, replace(ORDER, goto={"ok": "order", "bad_amount": "order"}), PRICE)),
        "order: cannot be left but by going back",
    ),
    "an outcome that leads nowhere": (
        Menu((HOME, replace(ORDER, goto={"ok": "done"}), PRICE, DONE)),
        "order: the handler may end in bad_amount",
    ),
    "an option's outcome that leads nowhere": (
        with_home(FIRST, replace(SECOND, goto={"ok": "price"})),
        "home 2: the handler may end in empty",
    ),
    "a destination for what never happens": (
        Menu((HOME, replace(ORDER, goto={**ASK, "wrong_pin": "order"}), PRICE, DONE)),
        "order: goes somewhere on wrong_pin, which the handler has not declared",
    ),
    "an option 0": (with_home(FIRST, SECOND, Option("0", "Price", goto="price")), "the option 0 takes a number that means back"),
    "an option 00": (with_home(FIRST, SECOND, Option("00", "Price", goto="price")), "the option 00 takes a number"),
    "an option 98": (with_home(FIRST, SECOND, Option("98", "Price", goto="price")), "the option 98 takes a number"),
    "an option that is a letter": (
        with_home(FIRST, SECOND, Option("A", "Price", goto="price")),
        "the option 'A' is not a number",
    ),
    "two options with one number": (
        with_home(FIRST, SECOND, Option("2", "Price", goto="price")),
        "two options share the number 2",
    ),
    "two screens with one name": (Menu((HOME, ORDER, PRICE, DONE, DONE)), "two screens share a name: done"),
    "a released number that changed its meaning": (
        with_home(FIRST, replace(SECOND, label="Order")),
        "customers know 2 as 'Price', it is now 'Order'",
    ),
    "a released number that went away": (
        with_home(FIRST, replace(SECOND, key="3")),
        "customers know 2 as 'Price', it is now None",
    ),
    "a text that is not translated": (Menu(swahili=(("Order", ""),)), "sw: 'Order' is not translated"),
    "a refusal that is not translated": (Menu(swahili=((BadAmount.sentence, ""),)), "is not translated"),
    "a placeholder lost in translation": (Menu(swahili=(("Thank you, {name}.", "Asante."),)), "has other placeholders"),
    "a placeholder renamed in translation": (
        Menu(swahili=(("Thank you, {name}.", "Asante, {jina}."),)),
        "has other placeholders",
    ),
    "a character outside GSM 03.38": (with_home(FIRST, SECOND, text="Tea shop \u2022"), "is outside GSM 03.38"),
    "a character outside GSM 03.38 in Swahili": (
        Menu(swahili=(("Order", "Agiza\u00a0sasa"),)),
        "sw: 'Agiza\\xa0sasa': '\\xa0' is outside GSM",
    ),
    "a screen that is too long": (
        Menu((HOME, replace(ORDER, text="How many? " * 16), PRICE, DONE)),
        "en: order: 177 septets at worst, 160 fit",
    ),
    "a screen that is too long in Swahili only": (Menu(swahili=(("How many cups?", "Vikombe " * 19),)), "sw: order: 171 septets"),
    "a screen that is too long below a refusal only": (
        Menu(swahili=(("How many cups?", "Vikombe " * 15),)),
        "sw: order below bad_amount:",
    ),
    "a screen that is too long for a long name only": (
        Menu((HOME, ORDER, PRICE, replace(DONE, text="{name} " * 4))),
        "en: done: 164 septets",
    ),
    "a placeholder of unknown length": (
        Menu((HOME, ORDER, replace(PRICE, text="A {cup} is {amount}."), DONE)),
        "nobody has said how long cup can be",
    ),
}


@pytest.fixture(autouse=True)
def _released(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lint, "RELEASED", {"home": {"1": "Order", "2": "Price"}})


def test_a_menu_without_a_fault_has_no_finding() -> None:
    assert Menu().findings() == []


@pytest.mark.parametrize("fault", PLANTED)
def test_the_lint_finds(fault: str) -> None:
    menu, finding = PLANTED[fault]
    found = menu.findings()
    assert any(finding in line for line in found), found


@pytest.mark.parametrize("fault", [name for name in PLANTED if "long" not in name and "translated" not in name])
def test_a_fault_in_one_place_is_told_in_few_lines(fault: str) -> None:
    assert len(PLANTED[fault][0].findings()) <= 4


@pytest.mark.parametrize(
    "option",
    [Option("3", "Price", do=look, goto="price"), Option("3", "Price", goto={"ok": "price"})],
    ids=["a handler whose outcomes go nowhere", "outcomes without a handler"],
)
def test_the_lint_finds_an_option_whose_key_would_break_the_hop(option: Option) -> None:
    assert any("home 3" in line for line in with_home(FIRST, SECOND, option).findings())


@pytest.mark.parametrize("translation", ["Asante, {name.", "Asante, name}.", "Asante, {}."])
def test_the_lint_finds_a_translators_broken_brace(translation: str) -> None:
    assert any("Asante" in line for line in Menu(swahili=(("Thank you, {name}.", translation),)).findings())


def test_the_real_menus_have_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert lint.lint() == []


def test_every_kind_of_approval_has_a_screen_that_asks_for_it() -> None:
    assert approvals.OFFERED.keys() == features.CARRIERS.keys()
