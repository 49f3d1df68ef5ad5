"""The engine that walks the menus, on a menu small enough to see through."""

from collections.abc import Iterator

import pytest

from core.errors import BadAmount, BadChoice, Busy, TooLong
from core.ledger.refusals import NotEnoughMoney
from menus.engine.dsl import Choice
from menus.engine.machine import MOST_BACK, MOST_INPUT_CHARACTERS, Engine
from menus.engine.session import Session
from tests.menus.engine import shop
from tests.menus.engine.shop import session, step

ENGINE = Engine(shop.SCREENS)


@pytest.fixture(autouse=True)
def _nothing_seen() -> Iterator[None]:
    shop.seen.clear()
    yield
    shop.seen.clear()


async def play(at: Session, *inputs: str) -> str:
    """Types the inputs and returns the text of the last screen."""
    shown = ""
    for text in inputs:
        shown, _ = ENGINE.show(at, await ENGINE.step(step(at, text)))
    return shown


@pytest.mark.parametrize(
    ("inputs", "screen"),
    [
        (["1"], "teas"),
        ([" 1 "], "teas"),
        (["2"], "price"),
        (["3"], "order"),
        (["10"], "gone"),
        (["3", "5"], "pay"),
        (["3", "5", "1111"], "paid"),
        (["1", "0"], "home"),
        (["3", "5", "0"], "order"),
        (["3", "5", "0", "0"], "home"),
        (["3", "5", "00"], "home"),
        (["0"], "home"),
        (["00"], "home"),
        (["1", "0", "0"], "home"),
    ],
)
async def test_a_key_leads_where_the_menu_says(inputs: list[str], screen: str) -> None:
    at = session()
    await play(at, *inputs)
    assert at.screen == screen


async def test_what_a_handler_found_out_is_on_the_next_screen() -> None:
    assert await play(session(), "2") == "A cup is KES 20.\n0. Back 00. Home"


async def test_another_outcome_leads_to_another_screen() -> None:
    assert await play(session(empty="yes"), "2") == "No tea today.\n0. Back 00. Home"


async def test_home_forgets_what_was_typed_on_the_way() -> None:
    at = session()
    await play(at, "3", "5", "00")
    assert (at.stack, at.slots, at.refusals, at.page) == ([], {}, {}, 0)


async def test_somebody_without_an_account_starts_at_the_welcome_screen() -> None:
    at = session()
    at.customer = None
    ENGINE.go_home(at)
    assert at.screen == "register_language"


async def test_back_returns_the_way_one_came_however_often_one_went_round() -> None:
    at = session(is_agent=True)
    await play(at, "4", "1", "poor", "1")
    assert (at.screen, at.stack) == ("order", ["home", "kitchen"])
    await play(at, "0", "0")
    assert at.screen == "home"


async def test_the_way_back_is_bounded() -> None:
    at = session("order")
    at.stack = [f"screen {number}" for number in range(MOST_BACK)]
    await play(at, "5")
    assert len(at.stack) == MOST_BACK
    assert at.stack[-1] == "order"


async def test_more_shows_every_page_of_a_long_list_and_back_turns_them_back() -> None:
    at = session()
    pages = [await play(at, "1")]
    while pages[-1].endswith("98. More\n0. Back 00. Home"):
        pages.append(await play(at, "98"))
    assert "".join(pages).count("Tea number") == 10
    assert await play(at, "0") == pages[-2]
    assert at.screen == "teas"


async def test_more_is_refused_where_there_is_no_more() -> None:
    at = session()
    assert await play(at, "98") == "Choose a number below.\n" + await play(session(), "0")


@pytest.mark.parametrize("typed", ["5", "x", "", "1.", "01", "१", "home", "4"])
async def test_what_is_no_option_is_refused_and_nothing_moves(typed: str) -> None:
    at = session()
    assert isinstance(await ENGINE.step(step(at, typed)), BadChoice)
    assert (at.screen, at.stack) == ("home", [])


async def test_a_hidden_option_can_only_be_chosen_by_those_who_see_it() -> None:
    at = session(is_agent=True)
    assert await ENGINE.step(step(at, "4")) is None
    assert at.screen == "kitchen"


async def test_a_wrong_key_on_a_later_page_is_answered_with_what_was_wrong() -> None:
    assert (await play(session(), "1", "98", "7")).startswith("Choose a number below.\nTea number 1,")


@pytest.mark.parametrize("first", [[], ["bad"]], ids=["at once", "after a refusal"])
async def test_ninety_eight_is_an_answer_where_a_question_has_no_more_to_show(first: list[str]) -> None:
    assert await play(session("order"), *first, "98") == "98 cups. PIN?\n0. Back 00. Home"


async def test_more_that_is_shown_below_a_refusal_can_be_chosen() -> None:
    engine, at = Engine([Choice("home", "x" * 150)]), session()
    refused, _ = engine.show(at, await engine.step(step(at, "7")))
    assert refused.endswith("98. More")
    assert await engine.step(step(at, "98")) is None


@pytest.mark.parametrize("typed", ["bad", "x" * (MOST_INPUT_CHARACTERS + 1)], ids=["refused", "too long"])
async def test_the_third_refusal_on_a_screen_ends_the_session(typed: str) -> None:
    at = session("order")
    for number in (1, 2, 3):
        refusal = await ENGINE.step(step(at, typed))
        assert isinstance(refusal, BadAmount | TooLong)
        text, is_over = ENGINE.show(at, refusal)
        assert is_over is (number == 3)
    assert text.endswith("Please dial again when you are ready.")


async def test_a_customer_who_was_refused_twice_can_still_go_on() -> None:
    assert await play(session("order"), "bad", "bad", "5") == "5 cups. PIN?\n0. Back 00. Home"


async def test_a_refusal_may_lead_to_another_screen_and_stands_above_it() -> None:
    at = session("order")
    refusal = await ENGINE.step(step(at, "poor"))
    assert isinstance(refusal, NotEnoughMoney)
    assert at.screen == "kitchen"
    assert ENGINE.show(at, refusal)[0].startswith("Not enough money. You need KES 50.\nThe kitchen")


async def test_a_refusal_that_leads_to_an_end_says_why_it_ended() -> None:
    at = session("order")
    assert ENGINE.show(at, await ENGINE.step(step(at, "nobody"))) == ("0722000111 is not on Jasho yet.\nNobody is here.", True)


async def test_an_input_too_long_for_the_network_never_reaches_a_handler() -> None:
    assert isinstance(await ENGINE.step(step(session("order"), "5" * 183)), TooLong)
    assert shop.seen == []


async def test_busy_ends_the_session_at_once_and_says_that_nothing_was_done() -> None:
    at = session("pay", cups="5")
    refusal = await ENGINE.step(step(at, "busy"))
    assert isinstance(refusal, Busy)
    text, is_over = ENGINE.show(at, refusal)
    assert (text, is_over) == ("We are very busy. Nothing was done.\nPlease dial again when you are ready.", True)
    assert at.screen == "pay"
