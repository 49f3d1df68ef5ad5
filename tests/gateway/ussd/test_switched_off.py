"""What a caller sees of switches and of the banner."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from core import clock
from core.errors import Busy
from core.i18n import LANGUAGES
from core.operations import board, switches
from core.operations.board import Banner
from core.runtime import Runtime
from core.septets import SCREEN_SEPTETS, count
from gateway.app import connect_redis
from gateway.ussd.failing import MAYBE_DONE
from gateway.ussd.hop import Hop
from gateway.ussd.road import Road
from gateway.ussd.sessions import Sessions
from menus import home
from menus.engine import machine
from menus.engine.machine import Engine
from menus.screens import SCREENS
from tests.conftest import forget_sessions
from tests.core.operations.turning import refresh, turn_off, turn_on
from tests.pins import RIGHT

ASHA, BARAKA, NJERI, STRANGER = "+254711000001", "+254722000002", "+254733000003", "+254799000123"


class Caller:
    """One session on a road whose switches the test turns."""

    def __init__(self, road: Road, phone: str = ASHA) -> None:
        self.road, self.phone, self.inputs = road, phone, list[str]()
        Caller.count += 1
        self.session = f"switched-{Caller.count}"

    count = 0

    async def dial(self) -> str:
        return (await self.road.take(Hop(self.session, self.phone, "*".join(self.inputs)))).body

    async def type(self, *inputs: str) -> str:
        body = ""
        for typed in inputs:
            self.inputs.append(typed)
            body = await self.dial()
            assert count(body[4:]) <= SCREEN_SEPTETS
        return body


@pytest.fixture
async def road(runtime: Runtime, redis_url: str) -> AsyncIterator[Road]:
    forget_sessions(redis_url)
    redis = connect_redis(redis_url)
    yield Road(runtime, Sessions(redis), Engine(SCREENS))
    await redis.aclose()


async def test_an_entry_that_is_off_keeps_its_number_and_says_so_at_once(road: Road, runtime: Runtime) -> None:
    await turn_off(runtime, "send")
    caller = Caller(road)
    assert "4. Send Money" in await caller.dial()
    assert "CON Sending money is off for now. Your money is safe. Other services go on.\nJasho" in await caller.type("4")
    assert "Your balance is KES 12,500" in await caller.type("1")


async def test_switched_off_before_the_pin_nothing_moves_and_she_is_at_home(road: Road, runtime: Runtime) -> None:
    caller = Caller(road)
    await caller.dial()
    assert "PIN" in await caller.type("4", "0722000002", "500")
    await turn_off(runtime, "send")
    assert (await caller.type(RIGHT)).startswith("CON Sending money is off for now.")
    assert "KES 12,500" in await caller.type("1")
    await turn_on(runtime, "send")
    assert "confirmed" in await caller.type("00", "4", "0722000002", "500", RIGHT)


async def test_a_stranger_reads_it_before_she_tells_who_she_is(road: Road, runtime: Runtime) -> None:
    await turn_off(runtime, "registration")
    caller = Caller(road, STRANGER)
    await caller.dial()
    assert (await caller.type("2")).startswith("END Akaunti mpya haziwezi kufunguliwa kwa sasa.")


async def test_a_menu_that_is_off_ends_in_words_and_what_was_begun_may_be_continued(road: Road, runtime: Runtime) -> None:
    caller = Caller(road, BARAKA)
    await caller.dial()
    await caller.type("4", "0711000001", "500")
    await turn_off(runtime, switches.USSD)
    off = await caller.type(RIGHT)
    assert off == "END Menyu yetu imesimama kwa muda. Pesa zako ziko salama. Tafadhali piga tena baadaye."
    assert await caller.dial() == off, "a hop that the network repeats"
    both = await Caller(road, BARAKA).dial()
    assert both.startswith("END Our menu is off for a while.")
    assert "Menyu yetu" in both
    assert count(both[4:]) <= SCREEN_SEPTETS
    await turn_on(runtime, switches.USSD)
    assert "1. Endelea" in await Caller(road, BARAKA).dial()


async def test_a_menu_that_was_off_has_ended_no_doubt_about_a_payment(
    road: Road, runtime: Runtime, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(*_: object) -> None:
        raise Busy

    caller = Caller(road)
    await caller.dial()
    await caller.type("4", "0722000002", "500")
    async with Redis.from_url(redis_url) as redis:
        await redis.set(f"ussd:{{{ASHA}}}:begun", b"a hop that died", ex=60)
    await turn_off(runtime, switches.USSD)
    assert (await caller.type(RIGHT)).startswith("END Our menu is off")
    assert (await Caller(road).dial()).startswith("END Our menu is off")
    await turn_on(runtime, switches.USSD)
    again = Caller(road)
    assert "1. Continue" in await again.dial()
    await again.type("1")
    monkeypatch.setattr(machine, "_take_input", busy)
    assert await again.type(RIGHT) == f"END {MAYBE_DONE}"


async def test_a_hop_repeated_after_the_menu_went_off_still_gets_its_receipt(road: Road, runtime: Runtime) -> None:
    caller = Caller(road)
    await caller.dial()
    receipt = await caller.type("4", "0722000002", "500", RIGHT)
    assert "confirmed" in receipt
    await turn_off(runtime, switches.USSD)
    assert await caller.dial() == receipt


async def test_the_banner_stands_above_the_first_menu_alone_and_until_its_time(road: Road, runtime: Runtime) -> None:
    texts = {"en": "M-Pesa is slow today.", "sw": "M-Pesa ni polepole leo."}
    await board.set_banner(runtime.database, Banner(texts, clock.now() + timedelta(hours=1)))
    refresh(runtime.switches)
    caller = Caller(road, BARAKA)
    first = await caller.dial()
    assert first.startswith("CON M-Pesa ni polepole leo.\nJasho\n1. ")
    assert "polepole" not in await caller.type("5")
    assert (await caller.type("00")) == first
    with clock.at(clock.now() + timedelta(hours=2)):
        assert "polepole" not in await caller.type("00")
    await board.set_banner(runtime.database, None)
    refresh(runtime.switches)
    assert "polepole" not in await caller.type("00")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_longest_banner_leaves_the_first_entries_on_the_first_page(language: str) -> None:
    longest = max(length for length in range(1, 161) if home.find_fault("M" * length, language) is None)
    assert longest >= 40
    fault = home.find_fault("M" * (longest + 1), language)
    assert fault is not None
    assert f"{longest} fit" in fault


@pytest.mark.parametrize(
    "banner", ["", "  ", "two\nlines", "tab\there", "Habari 😀", "ŵ", "x" * 161, "\r", "1. Send money", " 98 ) More", "0.Back"]
)
def test_a_banner_that_no_phone_shows_is_refused(banner: str) -> None:
    assert home.find_fault(banner, "en") is not None


@pytest.mark.parametrize("banner", ["24/12: closed", "1 May: closed", "100% safe {name} 12.30 {}", "~^|[]{}\\€"])
def test_a_banner_that_only_looks_odd_is_shown_as_it_is(banner: str) -> None:
    assert home.find_fault(banner, "en") is None


async def test_a_rail_that_is_off_says_so_and_the_agent_keeps_his_number(road: Road, runtime: Runtime) -> None:
    await turn_off(runtime, switches.rail("local"))
    caller = Caller(road)
    await caller.dial()
    shown = await caller.type("2", "1")
    assert shown.startswith("CON M-Pesa cannot be reached now. Nothing was done.\nDeposit")
    assert "2. At an agent" in shown


async def test_a_direct_dial_into_a_feature_that_is_off_moves_nothing_and_says_so(road: Road, runtime: Runtime) -> None:
    await turn_off(runtime, "send")
    caller = Caller(road)
    caller.inputs = ["4", "0722000002", "500"]
    assert (await caller.dial()).startswith("CON Sending money is off for now.")
