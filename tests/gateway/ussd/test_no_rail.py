"""No network of money is connected, as in production today: nobody is offered or told to use one."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import httpx2
import pytest

from core.rail import NETWORKS, Rail
from core.runtime import Runtime
from core.settings import Settings
from core.support import questions
from core.support.answers import RULES
from gateway import wiring
from menus.deposit import can_collect
from menus.engine.dsl import Choice, End, Screen
from menus.engine.machine import edges
from menus.screens import SCREENS
from menus.withdraw import can_pay_out
from tests.conftest import forget_sessions, running_client
from tests.phone import Phone

ASHA = "+254711000001"
TITLES = [network.title for network in NETWORKS.values()]


@pytest.fixture
async def asha(settings: Settings, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Phone]:
    def no_rails(_: Settings) -> dict[str, Rail]:
        return {}

    monkeypatch.setattr(wiring, "rails", no_rails)
    forget_sessions(redis_url)
    async with running_client(settings) as client:
        yield Phone(client, ASHA)


@pytest.mark.parametrize(("menu", "kept", "gone"), [("2", "2. At an agent", "1"), ("3", "1. At an agent", "2")])
async def test_what_only_a_rail_can_do_is_not_on_the_menu_and_the_rest_keeps_its_number(
    asha: Phone, menu: str, kept: str, gone: str
) -> None:
    await asha.dial()
    screen = await asha.type(menu)
    assert kept in screen.text
    assert not [title for title in TITLES if title in screen.text]
    refused = await asha.type(gone)
    assert not [title for title in TITLES if title in refused.text]
    assert kept in refused.text, "she is asked again"


async def test_a_dialled_number_that_is_not_on_the_menu_leads_nowhere(asha: Phone) -> None:
    screen = await asha.dial("*384*96*2*1*500#")
    assert screen.is_open
    assert not [title for title in TITLES if title in screen.text]


def test_no_screen_that_can_be_reached_names_a_network() -> None:
    """A new screen that needs a rail is entered through an option that is hidden where there is none."""
    screens = {screen.name: screen for screen in SCREENS}
    reached, waiting = set(), ["home", "welcome"] if "welcome" in screens else ["home"]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += destinations(screens[name])
    assert reached > {"deposit", "withdraw", "deposit_agent", "help_answer"}
    naming = [name for name in sorted(reached) if any(title in text for title in TITLES for text in texts(screens[name]))]
    assert naming == []
    assert "deposit_amount" in screens.keys() - reached


def destinations(screen: Screen) -> list[str]:
    if not isinstance(screen, Choice):
        return [] if isinstance(screen, End) else [destination for _, destination in edges(screen)]
    shown = replace(screen, options=options_without_rails(screen))
    return [destination for _, destination in edges(shown)]


def options_without_rails(screen: Choice) -> tuple:  # type: ignore[type-arg]
    return tuple(option for option in screen.options if option.when not in (can_collect, can_pay_out))


def texts(screen: Screen) -> Sequence[str]:
    labels = [option.label for option in options_without_rails(screen)] if isinstance(screen, Choice) else []
    return [screen.text, *labels]


@pytest.mark.parametrize("question", ["how do I deposit money", "withdraw cash", "kuweka pesa", "nitoe pesa taslimu"])
@pytest.mark.parametrize("language", ["en", "sw"])
async def test_help_recommends_no_network_that_is_not_connected(runtime: Runtime, question: str, language: str) -> None:
    without = replace(runtime, rails={})
    given = await questions.answer(without, question, language)
    assert not [title for title in TITLES if title in given]
    assert "2" in given or "3" in given
    with_rail = await questions.answer(runtime, question, language)
    assert [title for title in TITLES if title in with_rail]


def test_every_answer_that_names_a_network_has_another_for_where_there_is_none() -> None:
    for rule in RULES:
        if any(title in rule.answer for title in TITLES):
            assert rule.needs is not None
            assert rule.answer_without
        assert not [title for title in TITLES if title in rule.answer_without]


async def test_with_a_rail_both_are_offered(client: httpx2.AsyncClient) -> None:
    phone = Phone(client, ASHA)
    await phone.dial()
    assert "1. M-Pesa" in (await phone.type("2")).text
