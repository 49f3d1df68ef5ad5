"""A phone's earlier sessions: their late hops displace nothing, and an id that comes again is no old receipt."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import redis as redis_client
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from core import clock
from core.customers import profiles, wallet
from core.errors import Busy
from core.runtime import Runtime
from gateway.ussd import past
from gateway.ussd.redis_batches import Batches
from gateway.ussd.transcript import Transcript
from menus.engine import machine
from tests import pins
from tests.phone import Phone, Screen

ASHA = "+254711000001"
ASHA_MINOR, SENT_MINOR = 1_250_000, 50_700
SEND = "*384*96*4*0722000002*500#"
OVER = Screen("This session is over. Please dial again.", is_open=False)
MakePhone = Callable[[str], Phone]


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with redis_client.Redis.from_url(redis_url) as server:
        yield server


def forget(redis: Redis, *names: str) -> None:
    redis.delete(*(f"ussd:{{{ASHA}}}:{name}" for name in names))


async def balance_minor(runtime: Runtime) -> int:
    customer = await profiles.find(runtime, ASHA)
    assert customer is not None
    return (await wallet.get_balance(runtime, customer)).minor


@pytest.mark.parametrize("late", ["", "4", "4*0722000002", "4*0722000002*500", f"4*0722000002*500*{pins.RIGHT}", "9", "4*0"])
async def test_a_late_hop_of_an_older_session_displaces_nothing_and_pays_nothing(
    phone: MakePhone, runtime: Runtime, late: str
) -> None:
    older, newer = phone(ASHA), phone(ASHA)
    await older.dial()
    await older.type("4", "0722000002")
    await newer.dial()
    await newer.type("2", "4", "0722000002")
    older.text = late
    assert await older.send_again() == OVER
    assert "Send KES 300" in (await newer.type("300")).text
    assert await older.send_again() == OVER
    assert (await newer.type(pins.RIGHT)).text.endswith("Balance KES 12,193.")
    assert await older.send_again() == OVER
    assert await balance_minor(runtime) == ASHA_MINOR - 30_700


async def test_a_late_repetition_of_an_older_sessions_pin_gets_its_receipt_and_leaves_the_newer_one(
    phone: MakePhone, runtime: Runtime
) -> None:
    older, newer = phone(ASHA), phone(ASHA)
    await older.dial(SEND)
    receipt = await older.type(pins.RIGHT)
    await newer.dial("*384*96*4*0722000002*300#")
    late = await older.send_again()
    assert late.text == f"This is done already:\n{receipt.text[:10]} -KES 507 Baraka Otieno"
    assert not late.is_open
    assert (await newer.type(pins.RIGHT)).text.endswith("Balance KES 11,686.")
    assert await balance_minor(runtime) == ASHA_MINOR - SENT_MINOR - 30_700


async def test_of_many_sessions_each_one_that_was_displaced_is_known(phone: MakePhone) -> None:
    phones = [phone(ASHA) for _ in range(4)]
    for each in phones:
        await each.dial(SEND)
    for each in phones[:-1]:
        assert await each.type(pins.RIGHT) == OVER
    assert "confirmed" in (await phones[-1].type(pins.RIGHT)).text


@pytest.mark.parametrize("how", ["dialled at once", "step by step"])
@pytest.mark.parametrize("lost", [["session"], ["session", "resume"]])
async def test_an_id_that_is_used_again_is_another_payment_and_no_old_receipt(
    phone: MakePhone, runtime: Runtime, redis: Redis, how: str, lost: list[str]
) -> None:
    asha = phone(ASHA)
    asha.session_id, references = "ATUid_again", set()
    for _ in range(3):
        if how == "dialled at once":
            asha.text = "4*0722000002*500"
            await asha.send_again()
        else:
            asha.text = ""
            await asha.send_again()
            await asha.type("4", "0722000002", "500")
        receipt = await asha.type(pins.RIGHT)
        assert "confirmed" in receipt.text
        assert await asha.send_again() == receipt
        references.add(receipt.text[:10])
        forget(redis, *lost)
    assert len(references) == 3
    assert await balance_minor(runtime) == ASHA_MINOR - 3 * SENT_MINOR


async def test_an_id_that_comes_again_on_another_day_is_new_although_redis_knows_nothing_of_it(
    phone: MakePhone, runtime: Runtime, redis: Redis
) -> None:
    asha = phone(ASHA)
    asha.session_id = "ATUid_again"
    for days in range(2):
        with clock.at(clock.now() + timedelta(days=days)):
            asha.text = "4*0722000002*500"
            await asha.send_again()
            assert "confirmed" in (await asha.type(pins.RIGHT)).text
        redis.flushdb()
    assert await balance_minor(runtime) == ASHA_MINOR - 2 * SENT_MINOR


async def test_a_pin_that_is_repeated_after_its_sessions_end_gets_its_receipt_and_needs_no_pin(
    phone: MakePhone, runtime: Runtime, redis: Redis
) -> None:
    asha = phone(ASHA)
    await asha.dial()
    await asha.type("4", "0722000002", "500")
    receipt = await asha.type(pins.RIGHT)
    forget(redis, "session", "resume")
    assert (await asha.send_again()).text == f"This is done already:\n{receipt.text[:10]} -KES 507 Baraka Otieno"
    assert await balance_minor(runtime) == ASHA_MINOR - SENT_MINOR


async def test_a_pin_that_comes_after_its_sessions_end_is_asked_for_again_and_pays_once(
    phone: MakePhone, runtime: Runtime, redis: Redis
) -> None:
    asha = phone(ASHA)
    await asha.dial()
    await asha.type("4", "0722000002", "500")
    forget(redis, "session", "resume")
    assert "Enter PIN" in (await asha.type(pins.RIGHT)).text
    at_the_pin = redis.get(f"ussd:{{{ASHA}}}:session") or b""
    receipt = await asha.type(pins.RIGHT)
    redis.set(f"ussd:{{{ASHA}}}:session", at_the_pin, ex=60)
    assert await asha.send_again() == receipt
    assert await balance_minor(runtime) == ASHA_MINOR - SENT_MINOR


@pytest.mark.parametrize("typed", [[], ["4"], ["4", "0722000002"]])
@pytest.mark.parametrize("lost", [[], ["past"], ["past", "resume"]])
async def test_a_late_first_hop_of_a_session_that_nobody_knows_takes_the_phone_from_nobody(
    phone: MakePhone, runtime: Runtime, redis: Redis, typed: list[str], lost: list[str]
) -> None:
    """Also where the release before has remembered no sessions."""
    asha, late = phone(ASHA), phone(ASHA)
    shown = await asha.dial()
    if typed:
        shown = await asha.type(*typed)
    await late.dial()
    if lost:
        forget(redis, *lost)
    assert await asha.send_again() == shown
    rest = ["4", "0722000002", "500"][len(typed) :]
    assert "Send KES 500 to Baraka Otieno" in (await asha.type(*rest)).text
    assert "confirmed" in (await asha.type(pins.RIGHT)).text
    assert await balance_minor(runtime) == ASHA_MINOR - SENT_MINOR
    if not lost:
        assert await late.type("1") == OVER


async def test_a_late_first_hop_of_a_session_that_is_forgotten_among_many_takes_the_phone_from_nobody(phone: MakePhone) -> None:
    phones = [phone(ASHA) for _ in range(past.MOST_LATE + 1)]
    for each in phones:
        await each.dial()
    await phones[0].send_again()
    assert (await phones[-1].type("4")).text.startswith("Send money to which number?")


@pytest.mark.parametrize("ago", [timedelta(minutes=5), timedelta(minutes=20)])
async def test_a_direct_dial_after_midnight_that_finds_us_busy_says_that_nothing_was_done(
    phone: MakePhone, monkeypatch: pytest.MonkeyPatch, ago: timedelta
) -> None:
    async def busy(*_: object) -> None:
        raise Busy

    monkeypatch.setattr(machine, "_take_input", busy)
    with clock.at(clock.now().replace(hour=21, minute=0) + ago):
        assert (await phone(ASHA).dial(SEND)).text.startswith("We are very busy. Nothing was done.")


async def test_a_session_that_is_over_gets_no_phone_back(phone: MakePhone) -> None:
    older, newer = phone(ASHA), phone(ASHA)
    await older.dial(SEND)
    await older.type(pins.RIGHT)
    await newer.dial()
    assert (await older.type("1")).text.startswith("This is done already:")
    assert (await newer.type("1")).text.startswith("Your balance is KES 11,993.")


async def test_an_id_that_is_dialled_again_right_after_its_receipt_is_another_session(phone: MakePhone, runtime: Runtime) -> None:
    asha = phone(ASHA)
    asha.session_id = "ATUid_again_at_once"
    for _ in range(2):
        asha.text = ""
        assert "1. Check Balance" in (await asha.send_again()).text
        assert "confirmed" in (await asha.type("4", "0722000002", "500", pins.RIGHT)).text
    assert await balance_minor(runtime) == ASHA_MINOR - 2 * SENT_MINOR


@pytest.mark.parametrize(
    ("first", "second"),
    [("4*0722000002*500", "4*0722000002*600"), ("4*0722000002*500", "4*0733000003"), ("", "4*0722000002*600*and more than it")],
)
async def test_an_id_that_comes_with_another_direct_dial_right_after_its_receipt_is_another_session(
    phone: MakePhone, runtime: Runtime, first: str, second: str
) -> None:
    asha = phone(ASHA)
    asha.session_id, asha.text = "ATUid_another_dial", first
    await asha.send_again()
    receipt = await asha.type(*("4", "0722000002", "500", pins.RIGHT)[0 if not first else 3 :])
    asha.text = second
    shown = await asha.send_again()
    assert shown.is_open
    assert receipt.text[:10] not in shown.text
    assert await asha.send_again() == shown
    assert await balance_minor(runtime) == ASHA_MINOR - SENT_MINOR


@pytest.mark.parametrize("late", ["4", "4*0722000002", "4*0722000002*500"])
async def test_a_late_hop_of_a_session_that_has_ended_is_no_other_session(phone: MakePhone, late: str) -> None:
    asha = phone(ASHA)
    asha.session_id, asha.text = "ATUid_ended", ""
    await asha.send_again()
    receipt = await asha.type("4", "0722000002", "500", pins.RIGHT)
    asha.text = late
    assert await asha.send_again() == receipt


async def test_a_late_repetition_of_a_pin_in_a_session_that_went_on_with_another_gets_its_receipt(phone: MakePhone) -> None:
    asha, newer = phone(ASHA), phone(ASHA)
    await asha.dial(SEND)
    await asha.dial()
    receipt = await asha.type("1", pins.RIGHT)
    await newer.dial("*384*96*1#")
    assert (await asha.send_again()).text == f"This is done already:\n{receipt.text[:10]} -KES 507 Baraka Otieno"


async def test_what_was_done_before_midnight_is_read_after_it_although_redis_has_lost_everything(
    phone: MakePhone, runtime: Runtime, redis: Redis
) -> None:
    asha, midnight = phone(ASHA), clock.now().replace(hour=21, minute=0, second=0)  # in Nairobi
    with clock.at(midnight - timedelta(seconds=20)):
        await asha.dial()
        await asha.type("4", "0722000002", "500")
        receipt = await asha.type(pins.RIGHT)
    redis.flushdb()
    with clock.at(midnight + timedelta(seconds=20)):
        assert (await asha.send_again()).text == f"This is done already:\n{receipt.text[:10]} -KES 507 Baraka Otieno"
    assert await balance_minor(runtime) == ASHA_MINOR - SENT_MINOR


async def test_while_redis_is_away_what_was_done_before_midnight_is_found_after_it(
    phone: MakePhone, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise RedisConnectionError

    asha, midnight = phone(ASHA), clock.now().replace(hour=21, minute=0, second=0)
    with clock.at(midnight - timedelta(seconds=20)):
        await asha.dial()
        await asha.type("4", "0722000002", "500")
        receipt = await asha.type(pins.RIGHT)
    monkeypatch.setattr(Batches, "run", away)
    with clock.at(midnight + timedelta(seconds=20)):
        assert (await asha.send_again()).text == f"This is done already:\n{receipt.text[:10]} -KES 507 Baraka Otieno"


def test_more_sessions_are_remembered_while_a_hop_of_theirs_may_still_come() -> None:
    def begin(number: int, at_ms: int) -> past.Begun:
        return past.begin(f"ATUid_{number}", Transcript("a").mark(""), at_ms, "KE", is_again=False)

    begun: list[past.Begun] = []
    for number in range(20):
        begun = past.remember(begun, begin(number, number))
    assert len(begun) == past.MOST_LATE
    assert len(past.remember(begun, begin(20, 3_600_000))) == past.MOST_REMEMBERED


def test_the_day_of_a_key_is_that_of_redis_and_of_no_process() -> None:
    before_midnight_ms = 1_767_214_799_000  # 2025-12-31 23:59:59 in Nairobi
    first = Transcript("a secret").mark("")
    begun = past.begin("ATUid_1", first, before_midnight_ms, "KE", is_again=False)
    assert begun.origin == "ATUid_1:251231"
    assert past.begin("ATUid_1", first, before_midnight_ms + 1_000, "KE", is_again=False).origin == "ATUid_1:260101"
    assert past.yesterdays_origin("ATUid_1", before_midnight_ms, "KE") is None
    assert past.yesterdays_origin("ATUid_1", before_midnight_ms + 1_000, "KE") == "ATUid_1:251231"
