"""A session that one release has begun and another goes on with: she reads where she stands, and nothing is done twice."""

from collections.abc import Callable, Iterator

import msgspec
import pytest
import redis as redis_client
from redis import Redis

from core.customers import profiles, wallet
from core.runtime import Runtime
from gateway.ussd.sessions import StoredSession
from tests import pins
from tests.phone import Phone

ASHA = "+254711000001"
SEND = "*384*96*4*0722000002*500#"
BEFORE_MINOR, SENT_MINOR = 1_250_000, 50_700
CHANGED = "The menu has changed. Please choose again.\nJasho\n1. Check Balance"
MakePhone = Callable[[str], Phone]
SESSION, RESUME = f"ussd:{{{ASHA}}}:session", f"ussd:{{{ASHA}}}:resume"


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with redis_client.Redis.from_url(redis_url) as server:
        yield server


def left_by_another_release(redis: Redis, change: Callable[[StoredSession], object], *names: str) -> None:
    """What a process whose menu is another one would have kept."""
    for name in names or (SESSION, RESUME):
        kept = redis.get(name)
        assert isinstance(kept, bytes)
        stored = msgspec.msgpack.decode(kept, type=StoredSession)
        change(stored)
        redis.set(name, msgspec.msgpack.encode(stored), keepttl=True)


def on_a_screen_of_its_own(stored: StoredSession) -> None:
    stored.session.screen = "send_confirm_of_last_year"


def with_other_answers(stored: StoredSession) -> None:
    stored.session.slots = {"payee": "0722000002"}


def without_what_was_shown(stored: StoredSession) -> None:
    """As the release before kept it: the number and the amount, and neither whose number it was nor the fee."""
    for name in ("recipient_id", "fee_minor"):
        stored.session.slots.pop(name)


async def balance_minor(runtime: Runtime) -> int:
    customer = await profiles.find(runtime, ASHA)
    assert customer is not None
    return (await wallet.get_balance(runtime, customer)).minor


@pytest.mark.parametrize("change", [on_a_screen_of_its_own, with_other_answers, without_what_was_shown])
async def test_a_session_of_another_menu_goes_home_with_a_word_and_moves_nothing(
    phone: MakePhone, runtime: Runtime, redis: Redis, change: Callable[[StoredSession], object]
) -> None:
    asha = phone(ASHA)
    await asha.dial(SEND)
    left_by_another_release(redis, change)
    screen = await asha.type(pins.RIGHT)
    assert (screen.text.startswith(CHANGED), screen.is_open) == (True, True)
    assert (await asha.send_again()).text == screen.text
    assert await balance_minor(runtime) == BEFORE_MINOR
    assert "Send KES 500" in (await asha.type("4", "0722000002", "500")).text
    assert "sent to Baraka Otieno" in (await asha.type(pins.RIGHT)).text
    assert await balance_minor(runtime) == BEFORE_MINOR - SENT_MINOR


@pytest.mark.parametrize("change", [on_a_screen_of_its_own, with_other_answers, without_what_was_shown])
async def test_a_payment_whose_process_was_replaced_before_it_said_so_is_told_of_and_the_next_one_is_another(
    phone: MakePhone, runtime: Runtime, redis: Redis, change: Callable[[StoredSession], object]
) -> None:
    asha = phone(ASHA)
    await asha.dial(SEND)
    before = {name: redis.get(name) or b"" for name in (SESSION, RESUME)}
    await asha.type(pins.RIGHT)
    for name, value in before.items():
        redis.set(name, value)
    left_by_another_release(redis, change)
    screen = await asha.send_again()
    assert screen.text.startswith("This is done already:\n")
    assert "-KES 507 Baraka Otieno\nJasho\n1. Check Balance" in screen.text
    assert await balance_minor(runtime) == BEFORE_MINOR - SENT_MINOR
    await asha.type("4", "0722000002", "500", pins.RIGHT)
    assert await balance_minor(runtime) == BEFORE_MINOR - 2 * SENT_MINOR


async def test_a_session_of_another_menu_that_is_continued_goes_home_and_is_not_offered_again(
    phone: MakePhone, runtime: Runtime, redis: Redis
) -> None:
    asha = phone(ASHA)
    await asha.dial(SEND)
    left_by_another_release(redis, with_other_answers)
    assert (await asha.dial()).text.startswith("Continue where you left off?")
    assert (await asha.type("1")).text.startswith(CHANGED)
    assert (await asha.dial()).text.startswith("Jasho\n1. Check Balance")
    assert await balance_minor(runtime) == BEFORE_MINOR


async def test_back_passes_over_the_screens_of_another_menu(phone: MakePhone, redis: Redis) -> None:
    asha = phone(ASHA)
    await asha.dial()
    await asha.type("4", "0722000002", "500")
    left_by_another_release(redis, lambda stored: stored.session.stack.append("a screen of last year"))
    assert (await asha.type("0")).text.startswith("How much to Baraka Otieno?")


async def test_a_session_is_continued_although_a_screen_on_its_way_is_gone(phone: MakePhone, redis: Redis) -> None:
    asha = phone(ASHA)
    await asha.dial()
    await asha.type("4", "0722000002", "500")
    left_by_another_release(redis, lambda stored: stored.session.stack.append("a screen of last year"))
    await asha.dial()
    assert (await asha.type("1")).text.startswith("Send KES 500 to Baraka Otieno")
    assert (await asha.type("0")).text.startswith("How much to Baraka Otieno?")
