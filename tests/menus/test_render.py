"""Screens as their readers see them: never longer than a phone shows, and nothing lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadChoice
from core.i18n import LANGUAGES
from core.ledger.refusals import NotEnoughMoney
from core.septets import SCREEN_SEPTETS, count, foreign
from menus import screens
from menus.engine.dsl import LONGEST, Ask, Choice, End, Option, Screen
from menus.engine.screen import give_up, has_navigation, paginate, render, sentence
from tests.menus.engine.shop import is_agent, order, session

BELOW, MORE = "0. Back 00. Home", "98. More"
LINES = st.lists(
    st.text(alphabet="abcdefghijKLM 0123,.?'äñ{}[]€~|", max_size=400) | st.sampled_from(["", " ", "x" * 161, "{" * 81]),
    max_size=12,
)
ASK = Ask("order", "How many cups?", do=order, goto={"ok": "order"})


def said(text: str) -> str:
    """A text without its spaces and line ends, which may differ where a page is cut."""
    return "".join(text.split())


@given(LINES, st.sampled_from([[], [BELOW]]))
def test_no_page_is_longer_than_a_phone_shows_whatever_is_on_it(lines: list[str], below: list[str]) -> None:
    assert all(count(page) <= SCREEN_SEPTETS for page in paginate(lines, below, MORE))


@given(LINES, st.sampled_from([[], [BELOW]]))
def test_nothing_is_lost_from_page_to_page(lines: list[str], below: list[str]) -> None:
    pages = paginate(lines, below, MORE)
    feet = ["\n".join([MORE, *below])] * (len(pages) - 1) + ["\n".join(below)]
    assert all(page.endswith(foot) for page, foot in zip(pages, feet, strict=True))
    shown = "".join(page.removesuffix(foot) for page, foot in zip(pages, feet, strict=True))
    assert said(shown) == said("".join(lines))


@given(st.lists(st.text(alphabet="abcdef ", min_size=1, max_size=30), max_size=20))
def test_a_line_that_fits_is_never_torn(lines: list[str]) -> None:
    shown = "\n".join(paginate(lines, [BELOW], MORE)).split("\n")
    assert [line for line in shown if line not in (MORE, BELOW)] == lines


def test_a_long_line_is_cut_between_words() -> None:
    words = " ".join(["chai"] * 60)
    first, *_ = paginate([words], [], MORE)
    assert first.removesuffix(f"\n{MORE}").split(" ") == ["chai"] * first.count("chai")


def test_a_screen_of_exactly_160_septets_is_one_page() -> None:
    assert paginate(["x" * 160], [], MORE) == ["x" * 160]
    assert len(paginate(["x" * 161], [], MORE)) == 2


def test_a_refusal_stands_above_the_screen_it_leads_to() -> None:
    shown = render(ASK, session("order"), NotEnoughMoney(needed="KES 507"))
    assert shown.text == "Not enough money. You need KES 507.\nHow many cups?"


def test_a_refusal_is_said_in_the_customers_language() -> None:
    assert sentence(NotEnoughMoney(needed="KES 507"), "sw") == "Salio halitoshi. Unahitaji KES 507."


def test_the_last_words_say_what_was_wrong_and_what_to_do() -> None:
    assert give_up(session(), BadChoice()) == "Choose a number below.\nPlease dial again when you are ready."


def test_a_name_from_outside_the_alphabet_does_not_cut_the_screen() -> None:
    shown = render(End("done", "Sent to {name}."), session("done", name="Wanjikũ ’Gĩthĩnji’"))
    assert shown.text == "Sent to Wanjiku 'Githinji'."


def test_braces_in_a_name_are_shown_and_not_filled_in() -> None:
    shown = render(End("done", "Sent to {name}."), session("done", name="{balance}", balance="KES 1"))
    assert shown.text == "Sent to {balance}."


def test_a_customer_does_not_see_what_is_not_for_her() -> None:
    screen = Choice("home", "Shop", options=(Option("1", "Tea", goto="home"), Option("2", "Kitchen", goto="home", when=is_agent)))
    assert render(screen, session()).text == "Shop\n1. Tea"
    assert render(screen, session(is_agent=True)).text == "Shop\n1. Tea\n2. Kitchen"


def test_the_way_back_is_shown_where_there_is_one() -> None:
    further = session("order")
    further.stack = ["home"]
    assert render(ASK, further).text == f"How many cups?\n{BELOW}"
    assert render(ASK, session("order")).text == "How many cups?"
    assert not has_navigation(End("paid", "Thanks."), further)
    assert not has_navigation(Choice("price", "KES 20. Reply 0 for menu.", navigation=False), further)


def test_a_page_beyond_the_last_shows_the_last() -> None:
    screen, at = Choice("teas", "tea " * 100), session("teas")
    pages = paginate([("tea " * 100).rstrip("\n")], [], MORE)
    for page, text in enumerate(pages):
        at.page = page
        assert render(screen, at).text == text
        assert render(screen, at).has_more is (page < len(pages) - 1)
    at.page = 99
    assert render(screen, at).text == pages[-1]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("screen", screens.SCREENS, ids=lambda screen: screen.name)
def test_every_screen_fits_and_can_be_shown_at_the_worst_that_names_and_amounts_can_be(screen: Screen, language: str) -> None:
    at = session(
        screen.name,
        is_agent=True,
        language=language,
        **LONGEST | {"lines": "\n".join(["31/12 -KES 999,999,999.99 " + "M" * 40] * 5)},
    )
    at.stack = ["home"]
    shown = ""
    for at.page in range(9):
        page = render(screen, at)
        assert count(page.text) <= SCREEN_SEPTETS
        assert not foreign(page.text)
        shown += page.text
        if not page.has_more:
            break
    assert not page.has_more
    assert "{" not in shown
