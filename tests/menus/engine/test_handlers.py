"""Handlers and the move: money is moved first, the screen changes after, and a fault in between is seen as what it is."""

import asyncio

import pytest

from core.errors import BadAmount
from menus.engine import machine
from menus.engine.dsl import Ask, End, Outcome, ok
from menus.engine.machine import Engine, UndeclaredOutcome
from menus.engine.session import Step
from tests.menus.engine import shop
from tests.menus.engine.shop import session, step

ENGINE = Engine(shop.SCREENS)


async def test_a_handler_acts_before_the_screen_changes() -> None:
    shop.seen.clear()
    at = session("order")
    await ENGINE.step(step(at, "5"))
    assert shop.seen == [("order", "5")]
    assert at.screen == "pay"


async def test_a_handler_that_breaks_leaves_the_customer_where_she_was() -> None:
    at = session("order", cups="2")
    at.stack = ["home"]
    with pytest.raises(ZeroDivisionError):
        await ENGINE.step(step(at, "broken"))
    assert (at.screen, at.stack, at.slots, at.confirmed) == ("order", ["home"], {"cups": "2"}, 0)


async def test_an_outcome_without_a_destination_is_a_bug_and_never_a_wrong_screen() -> None:
    at = session("order")
    with pytest.raises(UndeclaredOutcome, match="screen order has no destination for surprise"):
        await ENGINE.step(step(at, "surprise"))
    assert at.screen == "order"


async def test_a_refusal_without_a_destination_is_a_bug_and_never_a_wrong_screen() -> None:
    at = session("pay")
    with pytest.raises(UndeclaredOutcome, match="screen pay has no destination for unknown_recipient"):
        await ENGINE.step(step(at, "nobody"))
    assert at.screen == "pay"


async def test_a_handler_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(_: Step) -> Outcome:
        await asyncio.Event().wait()
        return ok()

    monkeypatch.setattr(machine, "HANDLER_SECONDS", 0)
    slow = Engine([Ask("home", "Well?", do=never, goto={"ok": "done"}), End("done", "Done.")])
    at = session()
    with pytest.raises(TimeoutError):
        await slow.step(step(at, "5"))
    assert at.screen == "home"


async def test_a_pin_reaches_its_handler_and_stays_nowhere_in_the_session() -> None:
    at = session("pay", cups="5")
    assert ENGINE.expects_secret(at)
    await ENGINE.step(step(at, "1111"))
    assert shop.seen[-1] == ("pay", "1111")
    assert "1111" not in repr(at)


async def test_a_payment_that_was_confirmed_is_counted_so_that_the_next_one_has_a_key_of_its_own() -> None:
    at = session("pay", cups="5")
    with_refusal = await ENGINE.step(step(at, "bad"))
    assert isinstance(with_refusal, BadAmount)
    assert at.confirmed == 0
    await ENGINE.step(step(at, "1111"))
    assert at.confirmed == 1
    assert ENGINE.has_ended(at)


def test_a_direct_dial_can_see_where_a_pin_is_asked_for() -> None:
    assert ENGINE.expects_secret(session("pay"))
    assert not ENGINE.expects_secret(session("order"))
    assert not ENGINE.expects_secret(session("home"))


def test_a_screen_that_a_release_took_away_is_noticed() -> None:
    assert ENGINE.is_known(session("home"))
    assert not ENGINE.is_known(session("a screen of last year"))


def test_one_engine_serves_every_session_without_mixing_them() -> None:
    one, other = session("order"), session("home")
    assert ENGINE.show(one)[0] == "How many cups?"
    assert ENGINE.show(other)[0].startswith("Tea shop\n1. Teas")


async def test_sessions_that_move_at_the_same_time_do_not_move_each_other() -> None:
    sessions = [session("order") for _ in range(50)]
    inputs = [str(number) if number % 2 else "poor" for number in range(50)]
    await asyncio.gather(*(ENGINE.step(step(at, text)) for at, text in zip(sessions, inputs, strict=True)))
    assert [at.screen for at in sessions] == ["pay" if number % 2 else "kitchen" for number in range(50)]
