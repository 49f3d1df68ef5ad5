"""What a customer reads when her hop fails is true: "nothing was done" only where nothing can have been."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace

import httpx2
import pytest
import redis as redis_client
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy import text

from core.customers import profiles, wallet
from core.errors import Busy
from core.hashing import PinHasher
from core.i18n import LANGUAGES, translate
from core.ledger.refusals import ClockWrong
from core.money import Money
from core.runtime import Runtime
from core.sending import approval
from core.septets import SCREEN_SEPTETS, count, foreign
from core.settings import Settings
from gateway.ussd import failing
from gateway.ussd.failing import LOOK_FIRST, MAYBE_DONE, NOTHING_DONE
from gateway.ussd.redis_batches import Batches
from gateway.ussd.sessions import Sessions
from menus.engine import machine
from tests import pins
from tests.conftest import forget_sessions, running_client
from tests.core.jobs.market import broken
from tests.crash.proxy import Proxy, line
from tests.phone import Phone

ASHA = "+254711000001"
SEND = "*384*96*4*0722000002*500#"
AWAY = RedisConnectionError("cut")


async def busy(*_: object) -> None:
    raise Busy


@pytest.fixture
async def proxied(settings: Settings, redis_url: str) -> AsyncIterator[tuple[Proxy, httpx2.AsyncClient]]:
    """The application with a line to its database that can be cut."""
    forget_sessions(redis_url)
    async with line(settings.database_url) as (proxy, address), running_client(replace(settings, database_url=address)) as client:
        yield proxy, client


async def balance_minor(runtime: Runtime, phone: str = ASHA) -> int:
    customer = await profiles.find(runtime, phone)
    assert customer is not None
    return (await wallet.get_balance(runtime, customer)).minor


@pytest.mark.parametrize(
    ("code", "typed", "commits", "counted"),
    [
        ("*384*96*2*1#", "700", 1, "SELECT count(*) FROM payment WHERE direction = 'in'"),
        ("*384*96*6*1*1*1*1#", "1", 1, "SELECT count(*) FROM application"),
        ("*384*96*5*2*School fees*5000*2#", "1", 1, "SELECT count(*) FROM goal"),
    ],
    ids=["prompt", "application", "goal"],
)
async def test_a_commit_whose_answer_is_lost_is_not_told_as_nothing_done(
    proxied: tuple[Proxy, httpx2.AsyncClient], runtime: Runtime, code: str, typed: str, commits: int, counted: str
) -> None:
    proxy, client = proxied
    async with runtime.database.autocommit() as connection:
        before = await connection.scalar(text(counted))
    asha = Phone(client, ASHA)
    await asha.dial(code)
    proxy.commits_to_lose = commits
    screen = await asha.type(typed)
    async with runtime.database.autocommit() as connection:
        assert await connection.scalar(text(counted)) == before + 1
    assert proxy.lost == commits
    assert screen.text == MAYBE_DONE
    assert await asha.send_again() == screen


async def test_a_withdrawal_whose_commit_got_no_answer_shows_its_receipt_and_the_next_one_is_another(
    proxied: tuple[Proxy, httpx2.AsyncClient], runtime: Runtime
) -> None:
    proxy, client = proxied
    asha = Phone(client, ASHA)
    await asha.dial("*384*96*3*2*700#")
    proxy.commits_to_lose = 2  # the counted try's, which is asked again, and the withdrawal's
    screen = await asha.type(pins.RIGHT)
    assert screen.text.startswith("This is done already:\n")
    assert "-KES 729 To M-Pesa" in screen.text
    assert await asha.send_again() == screen
    assert (await asha.dial()).text.startswith(screen.text)
    assert await balance_minor(runtime) == 1_250_000 - 72_900


async def test_a_statement_that_never_left_is_told_as_nothing_done(proxied: tuple[Proxy, httpx2.AsyncClient]) -> None:
    proxy, client = proxied
    asha = Phone(client, ASHA)
    await asha.dial(SEND)
    proxy.requests_to_lose = 10_000
    screen = await asha.type(pins.RIGHT)
    proxy.requests_to_lose = 0
    assert screen.text == NOTHING_DONE
    assert (await asha.dial()).text.startswith("Continue where you left off?")
    await asha.type("1")
    assert "confirmed" in (await asha.type(pins.RIGHT)).text


@pytest.mark.parametrize("way", ["by the poster", "in a transaction"])
async def test_work_that_goes_on_after_its_time_does_nothing_where_she_was_told_that_nothing_was_done(
    phone: Callable[[str], Phone], runtime: Runtime, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """A driver may forget that its task was cancelled."""
    ended = asyncio.Event()

    async def forget_the_cancellation(*_: object) -> bool:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        asyncio.get_running_loop().call_later(0.3, ended.set)
        return True

    asha = phone(ASHA)
    await asha.dial(SEND if way == "by the poster" else "*384*96*3*2*700#")
    with monkeypatch.context() as patched:
        patched.setattr(machine, "HANDLER_SECONDS", 0.2)
        patched.setattr(PinHasher, "matches", forget_the_cancellation)
        assert (await asha.type(pins.RIGHT)).text == NOTHING_DONE
        await ended.wait()
    assert await balance_minor(runtime) == 1_250_000
    assert (await asha.dial()).text.startswith("Continue where you left off?")


@pytest.mark.parametrize("error", [TimeoutError(), Busy(), ClockWrong()], ids=["away", "busy", "clock"])
async def test_a_hop_that_cannot_be_kept_does_not_say_that_nothing_was_done_since_its_copy_may_do_it(
    phone: Callable[[str], Phone], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def fail(*_: object) -> None:
        raise error

    async def away(*_: object, **__: object) -> None:
        raise AWAY

    asha = phone(ASHA)
    await asha.dial(SEND)
    with monkeypatch.context() as patched:
        patched.setattr(machine, "_take_input", fail)
        patched.setattr(Sessions, "_run_last", away)
        assert (await asha.type(pins.RIGHT)).text == MAYBE_DONE
    assert "confirmed" in (await asha.send_again()).text


async def test_a_repetition_whose_first_copy_died_is_not_told_that_nothing_was_done(
    proxied: tuple[Proxy, httpx2.AsyncClient], redis_url: str
) -> None:
    proxy, client = proxied
    asha = Phone(client, ASHA)
    await asha.dial(SEND)
    with redis_client.Redis.from_url(redis_url) as redis:
        at_the_pin = redis.get(f"ussd:{{{ASHA}}}:session") or b""
        await asha.type(pins.RIGHT)
        # The gateway was killed before it could close the hop.
        redis.set(f"ussd:{{{ASHA}}}:session", at_the_pin, ex=60)
        redis.set(f"ussd:{{{ASHA}}}:begun", b"the first", ex=60)
    proxy.requests_to_lose = 10_000
    screen = await asha.send_again()
    proxy.requests_to_lose = 0
    assert screen.text == MAYBE_DONE


async def test_a_wrong_pin_whose_hop_is_repeated_because_its_answer_was_lost_costs_one_try(
    proxied: tuple[Proxy, httpx2.AsyncClient], redis_url: str
) -> None:
    _, client = proxied
    asha = Phone(client, ASHA)
    await asha.dial(SEND)
    with redis_client.Redis.from_url(redis_url) as redis:
        at_the_pin = redis.get(f"ussd:{{{ASHA}}}:session") or b""
        screen = await asha.type(pins.WRONG)
        for _ in range(3):
            # The gateway was killed before it could close the hop.
            redis.set(f"ussd:{{{ASHA}}}:session", at_the_pin, ex=60)
            assert await asha.send_again() == screen
    assert "Tries left: 2" in screen.text
    assert "Tries left: 1" in (await asha.type(pins.OTHER_WRONG)).text
    assert "confirmed" in (await asha.type(pins.RIGHT)).text


async def test_a_redial_that_fails_after_a_payment_does_not_say_that_nothing_was_done(
    proxied: tuple[Proxy, httpx2.AsyncClient],
) -> None:
    proxy, client = proxied
    asha = Phone(client, ASHA)
    await asha.dial(SEND)
    receipt = await asha.type(pins.RIGHT)
    proxy.requests_to_lose = 10_000
    for _ in range(3):
        assert (await asha.dial()).text == "\n".join(translate(LOOK_FIRST, language) for language in LANGUAGES)
    proxy.requests_to_lose = 0
    assert (await asha.dial()).text.startswith(f"This is done already:\n{receipt.text[:10]} -KES 507")


@pytest.mark.parametrize(("pays", "sentence"), [(True, LOOK_FIRST), (False, NOTHING_DONE)])
async def test_a_direct_dial_that_fails_on_its_way_says_the_same(
    phone: Callable[[str], Phone], monkeypatch: pytest.MonkeyPatch, *, pays: bool, sentence: str
) -> None:
    async def away(*_: object) -> None:
        raise TimeoutError

    asha = phone(ASHA)
    if pays:
        await asha.dial(SEND)
        await asha.type(pins.RIGHT)
    monkeypatch.setattr(wallet, "get_balance", away)
    assert (await asha.dial("*384*96*1#")).text == "\n".join(translate(sentence, language) for language in LANGUAGES)


@pytest.mark.usefixtures("contrived")
async def test_a_receipt_that_is_looked_up_can_be_shown_by_every_phone(
    phone: Callable[[str], Phone], runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with runtime.database.autocommit() as connection:
        await connection.execute(text("UPDATE customer SET name = 'Baraka N\u02bcgoti\u0113no' WHERE phone = '+254722000002'"))
    asha = phone(ASHA)
    await asha.dial(SEND)
    await asha.type(pins.RIGHT)

    async def away(*_: object) -> None:
        raise AWAY

    monkeypatch.setattr(Batches, "run", away)
    shown = (await asha.send_again()).text
    assert "-KES 507 Baraka" in shown
    assert foreign(shown) == ""


async def test_a_first_dial_that_fails_says_that_nothing_was_done(proxied: tuple[Proxy, httpx2.AsyncClient]) -> None:
    proxy, client = proxied
    proxy.requests_to_lose = 10_000
    screen = await Phone(client, ASHA).dial()
    proxy.requests_to_lose = 0
    assert screen.text.startswith(NOTHING_DONE)


@pytest.mark.parametrize("error", [AWAY, OSError("no route"), redis_client.OutOfMemoryError("full")])
async def test_a_pin_repeated_while_redis_is_away_or_full_gets_its_receipt(
    phone: Callable[[str], Phone], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    asha = phone(ASHA)
    await asha.dial(SEND)
    receipt = await asha.type(pins.RIGHT)

    async def away(*_: object) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(Batches, "run", away)
        again = await asha.send_again()
        elsewhere = await asha.dial(SEND)
        redialled = await asha.dial()
    assert again.text.startswith(f"This is done already:\n{receipt.text[:10]} -KES 507 Baraka Otieno")
    assert not again.is_open
    for screen in (elsewhere, redialled):
        assert screen.text == "\n".join(translate(LOOK_FIRST, language) for language in LANGUAGES)


async def test_a_copy_that_finds_redis_away_while_its_twin_is_at_work_does_not_say_that_nothing_was_done(
    phone: Callable[[str], Phone], runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    asha = phone(ASHA)
    await asha.dial(SEND)
    asha.text += f"*{pins.RIGHT}"
    run, calls = Batches.run, 0

    async def away_for_the_second(self: Batches, *commands: tuple[object, ...]) -> list[object]:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise AWAY
        return await run(self, *commands)

    monkeypatch.setattr(Batches, "run", away_for_the_second)
    screens = await asyncio.gather(asha.send_again(), asha.send_again())
    assert sorted("confirmed" in screen.text for screen in screens) == [False, True]
    assert not any("Nothing was done" in screen.text for screen in screens)
    assert await balance_minor(runtime) == 1_250_000 - 50_700


async def test_busy_is_not_told_as_nothing_done_where_an_earlier_copy_may_have_acted(
    phone: Callable[[str], Phone], redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asha = phone(ASHA)
    await asha.dial(SEND)
    async with Redis.from_url(redis_url) as redis:
        await redis.set(f"ussd:{{{ASHA}}}:begun", b"the first", ex=60)
    with monkeypatch.context() as patched:
        patched.setattr(machine, "_take_input", busy)
        assert (await asha.type(pins.RIGHT)).text == MAYBE_DONE
    await asha.dial(SEND)
    with monkeypatch.context() as patched:
        patched.setattr(machine, "_take_input", busy)
        assert (await asha.type(pins.RIGHT)).text.startswith("We are very busy. Nothing was done.")


@pytest.mark.parametrize("failure", ["busy", "cut off"])
@pytest.mark.parametrize("redials", [1, 2])
async def test_a_payment_that_may_have_been_done_is_not_told_as_nothing_done_where_it_is_continued(
    proxied: tuple[Proxy, httpx2.AsyncClient], settings: Settings, monkeypatch: pytest.MonkeyPatch, failure: str, redials: int
) -> None:
    proxy, client = proxied
    asha = Phone(client, ASHA)
    await asha.dial(SEND)
    with broken(settings.database_url, "posting"):
        assert (await asha.type(pins.RIGHT)).text == MAYBE_DONE
    for _ in range(redials):
        assert (await asha.dial()).text.startswith("Continue where you left off?")
    assert "Enter PIN" in (await asha.type("1")).text
    with monkeypatch.context() as patched:
        if failure == "busy":
            patched.setattr(machine, "_take_input", busy)
        else:
            proxy.requests_to_lose = 10_000
        assert (await asha.type(pins.RIGHT)).text == MAYBE_DONE
    proxy.requests_to_lose = 0


@pytest.mark.parametrize("between", [["", "2"], ["", "00"], ["*384*96*1#"], ["*384*96*1#", "0"]])
async def test_a_redial_that_fails_does_not_say_that_nothing_was_done_although_other_things_came_between(
    proxied: tuple[Proxy, httpx2.AsyncClient], settings: Settings, between: list[str]
) -> None:
    proxy, client = proxied
    asha = Phone(client, ASHA)
    await asha.dial(SEND)
    with broken(settings.database_url, "posting"):
        assert (await asha.type(pins.RIGHT)).text == MAYBE_DONE
    await asha.dial(*filter(None, between[:1]))
    for typed in between[1:]:
        await asha.type(typed)
    proxy.requests_to_lose = 10_000
    screen = await asha.dial()
    proxy.requests_to_lose = 0
    assert screen.text.startswith(LOOK_FIRST)


@pytest.mark.parametrize("sessions", [0, 3, 8])
async def test_a_late_pin_of_a_payment_that_was_made_is_not_told_as_nothing_done(
    proxied: tuple[Proxy, httpx2.AsyncClient], redis_url: str, sessions: int
) -> None:
    """Behind other sessions, or where Redis has forgotten them all."""
    proxy, client = proxied
    asha, others = Phone(client, ASHA), Phone(client, ASHA)
    await asha.dial(SEND)
    assert "confirmed" in (await asha.type(pins.RIGHT)).text
    for _ in range(sessions):
        await others.dial("*384*96*1#")
    if not sessions:
        forget_sessions(redis_url)
    proxy.requests_to_lose = 10_000
    late = await asha.send_again()
    proxy.requests_to_lose = 0
    assert "othing was done" not in late.text
    assert late.text.startswith("This session is over." if sessions else LOOK_FIRST)


async def test_a_late_pin_of_a_session_that_redis_has_forgotten_gets_its_receipt(
    client: httpx2.AsyncClient, redis_url: str
) -> None:
    asha = Phone(client, ASHA)
    await asha.dial(SEND)
    receipt = await asha.type(pins.RIGHT)
    forget_sessions(redis_url)
    assert (await asha.send_again()).text.startswith(f"This is done already:\n{receipt.text[:10]} -KES 507")


@pytest.mark.parametrize("between", ["an older hop repeated", "a redial", "two redials", "a late first hop"])
async def test_the_doubt_about_a_hop_that_died_outlives_what_comes_between(
    proxied: tuple[Proxy, httpx2.AsyncClient], redis_url: str, monkeypatch: pytest.MonkeyPatch, between: str
) -> None:
    _, client = proxied
    asha, other = Phone(client, ASHA), Phone(client, ASHA)
    await asha.dial(SEND)
    with redis_client.Redis.from_url(redis_url) as redis:
        redis.set(f"ussd:{{{ASHA}}}:begun", b"the first", ex=60)
    if between == "an older hop repeated":
        await asha.send_again()
    elif between == "a late first hop":
        await other.dial()
    else:
        for _ in range(1 + (between == "two redials")):
            assert (await asha.dial()).text.startswith("Continue where you left off?")
        await asha.type("1")
    with monkeypatch.context() as patched:
        patched.setattr(machine, "_take_input", busy)
        assert (await asha.type(pins.RIGHT)).text == MAYBE_DONE


async def test_a_doubt_that_is_settled_by_a_receipt_makes_no_later_hop_doubtful(
    phone: Callable[[str], Phone], redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asha = phone(ASHA)
    await asha.dial("*384*96*3*2*700#")
    async with Redis.from_url(redis_url) as redis:
        await redis.set(f"ussd:{{{ASHA}}}:begun", b"the first", ex=60)
    await asha.type(pins.RIGHT)
    await asha.dial(SEND)
    with monkeypatch.context() as patched:
        patched.setattr(machine, "_take_input", busy)
        assert (await asha.type(pins.RIGHT)).text.startswith("We are very busy. Nothing was done.")


async def test_the_doubt_about_a_request_that_was_approved_outlives_a_redial(
    phone: Callable[[str], Phone], runtime: Runtime, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = await profiles.find(runtime, ASHA)
    assert customer is not None
    await approval.ask(runtime, customer, "+254722000002", Money(900_000, "KES"), "by SMS")
    asha = phone(ASHA)
    assert (await asha.dial()).text.startswith("You asked to send KES 9,000")
    at_the_offer = asha.text
    await asha.type("1")
    async with Redis.from_url(redis_url) as redis:
        await redis.set(f"ussd:{{{ASHA}}}:begun", b"a hop with her PIN that died", ex=60)
    await asha.post(text=at_the_offer)
    assert (await asha.dial()).text.startswith("You asked to send KES 9,000")
    await asha.type("1")
    monkeypatch.setattr(machine, "_take_input", busy)
    assert (await asha.type(pins.RIGHT)).text == MAYBE_DONE


@pytest.mark.parametrize("text", ["1*4826", "1*4826#", "1* 4826 ", "1*\uff14\uff18\uff12\uff16", "1*4826\u200b"])
def test_a_pin_is_one_however_it_is_typed(text: str) -> None:
    assert failing._ends_with_pin(text)


@pytest.mark.parametrize("text", ["", "4826", "1*300", "1*0722000002", "1*", "1*48261", "1*" + " " * 60_000 + "x"])
def test_other_inputs_are_no_pin(text: str) -> None:
    assert not failing._ends_with_pin(text)


@pytest.mark.parametrize(("pays", "says"), [(True, LOOK_FIRST), (False, "We are very busy. Nothing was done.")])
async def test_a_busy_direct_dial_does_not_say_that_nothing_was_done_after_a_session_that_may_have_acted(
    phone: Callable[[str], Phone], monkeypatch: pytest.MonkeyPatch, *, pays: bool, says: str
) -> None:
    asha = phone(ASHA)
    if pays:
        await asha.dial(SEND)
        await asha.type(pins.RIGHT)
    monkeypatch.setattr(machine, "_take_input", busy)
    screen = await asha.dial(SEND)
    assert screen.text.startswith(says)
    assert not screen.is_open


async def test_what_is_typed_behind_a_last_screen_ends_no_doubt(
    phone: Callable[[str], Phone], redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asha = phone(ASHA)
    await asha.dial()
    assert not (await asha.type("x", "x", "x")).is_open
    async with Redis.from_url(redis_url) as redis:
        await redis.set(f"ussd:{{{ASHA}}}:begun", b"the first", ex=60)
    await asha.type("1")
    monkeypatch.setattr(machine, "_take_input", busy)
    assert (await asha.dial(SEND)).text.startswith(LOOK_FIRST)


@pytest.mark.parametrize("typed", ["300", "0", "0722000002"])
async def test_while_redis_is_away_only_a_pin_gets_the_receipt_of_what_was_done_last(
    phone: Callable[[str], Phone], monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    asha = phone(ASHA)
    await asha.dial(SEND)
    await asha.type(pins.RIGHT)

    async def away(*_: object) -> None:
        raise AWAY

    monkeypatch.setattr(Batches, "run", away)
    assert (await asha.type(typed)).text.startswith(LOOK_FIRST)


async def test_an_older_transaction_of_a_reused_id_is_nobodys_receipt(
    phone: Callable[[str], Phone], monkeypatch: pytest.MonkeyPatch
) -> None:
    asha = phone(ASHA)
    await asha.dial(SEND)
    await asha.type(pins.RIGHT)

    async def away(*_: object) -> None:
        raise AWAY

    monkeypatch.setattr(Batches, "run", away)
    monkeypatch.setattr(failing, "RESUME_SECONDS", -60)
    assert (await asha.send_again()).text.startswith(LOOK_FIRST)


def test_what_is_told_in_every_language_fits_one_screen() -> None:
    for message in (NOTHING_DONE, LOOK_FIRST):
        assert count("\n".join(translate(message, language) for language in LANGUAGES)) <= SCREEN_SEPTETS
