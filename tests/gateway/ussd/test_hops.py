"""Hops that are repeated, overtaken, interleaved or cut off: nothing is done twice and nothing is lost."""

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest
import redis.asyncio
from sqlalchemy import text

from core.customers import profiles, wallet
from core.messaging import notices
from core.runtime import Runtime
from core.sending import transfers
from core.settings import Settings
from gateway import worker
from gateway.ussd.sessions import TTL_SECONDS
from tests import pins
from tests.conftest import running_client
from tests.phone import Phone

ASHA, BARAKA, NEW = "+254711000001", "+254722000002", "+254722000111"
MakePhone = Callable[[str], Phone]


@pytest.fixture(params=["valkey", "redis-server"])
def redis_url(request: pytest.FixtureRequest, redis_url: str) -> str:
    """Both servers that a session may live in: the embedded one, and Redis as Debian ships it."""
    return redis_url if request.param == "valkey" else str(request.getfixturevalue("debian_redis"))


async def balance_minor(runtime: Runtime, phone: str) -> int:
    customer = await profiles.find(runtime, phone)
    assert customer is not None
    return (await wallet.get_balance(runtime, customer)).minor


async def test_a_repeated_hop_gets_the_same_screen_and_moves_nothing_twice(phone: MakePhone, runtime: Runtime) -> None:
    asha = phone(ASHA)
    await asha.dial("*384*96*4*0722000002*500#")
    receipt = await asha.type(pins.RIGHT)
    assert [await asha.send_again() for _ in range(3)] == [receipt] * 3
    assert await balance_minor(runtime, ASHA) == 1_250_000 - 50_700
    assert await balance_minor(runtime, BARAKA) == 320_000 + 50_000


async def test_the_receipt_can_be_repeated_even_after_something_was_typed_behind_it(phone: MakePhone) -> None:
    asha = phone(ASHA)
    await asha.dial("*384*96*4*0722000002*500#")
    receipt = await asha.type(pins.RIGHT)
    behind = await asha.post(text=f"{asha.text}*1")
    assert behind.text == "END This session is over. Please dial again."
    assert await asha.send_again() == receipt


async def test_a_hop_repeated_while_the_first_is_at_work_waits_and_gets_its_answer(phone: MakePhone, runtime: Runtime) -> None:
    asha = phone(ASHA)
    await asha.dial("*384*96*4*0722000002*500#")
    asha.text += f"*{pins.RIGHT}"
    screens = await asyncio.gather(*(asha.send_again() for _ in range(5)))
    assert len(set(screens)) == 1
    assert "KES 500 sent" in screens[0].text
    assert await balance_minor(runtime, ASHA) == 1_250_000 - 50_700


async def test_a_repeated_wrong_pin_counts_once(phone: MakePhone) -> None:
    asha = phone(ASHA)
    await asha.dial("*384*96*4*0722000002*500#")
    first = await asha.type(pins.WRONG)
    assert "Tries left: 2" in first.text
    assert [await asha.send_again() for _ in range(4)] == [first] * 4


async def test_a_late_repetition_of_an_older_hop_changes_nothing(phone: MakePhone) -> None:
    asha = phone(ASHA)
    await asha.dial()
    await asha.type("4")
    current = await asha.type("0722000002")
    late = await asha.post(text="4")
    assert late.text == f"CON {current.text}"
    assert "Send KES 500" in (await asha.type("500")).text


async def test_a_second_session_of_the_same_phone_begins_anew(phone: MakePhone, runtime: Runtime) -> None:
    asha = phone(ASHA)
    await asha.dial("*384*96*4*0722000002*500#")
    assert (await asha.dial()).text.startswith("Continue where you left off?\n")
    assert (await asha.type("2")).text.startswith("Jasho\n")
    assert "Your balance is KES 12,500." in (await asha.type("1")).text
    assert await balance_minor(runtime, ASHA) == 1_250_000


async def test_two_sessions_paying_at_once_cannot_spend_the_same_money(phone: MakePhone, runtime: Runtime) -> None:
    sessions = [phone(ASHA), phone(ASHA)]
    await sessions[0].dial("*384*96*4*0722000002*12000#")
    first = await sessions[0].type(pins.RIGHT)
    second = await sessions[1].dial("*384*96*4*0722000002*12000#")
    assert "sent to Baraka" in first.text
    assert "Not enough money" in second.text
    assert await balance_minor(runtime, ASHA) == 1_250_000 - 1_210_000


async def test_money_spent_elsewhere_between_quote_and_pin_is_refused_and_nothing_moves(
    phone: MakePhone, runtime: Runtime
) -> None:
    asha = phone(ASHA)
    await asha.dial("*384*96*4*0722000002*12000#")
    sender = await profiles.find(runtime, ASHA)
    assert sender is not None
    from core.money import Money

    await transfers.send(
        runtime, sender=sender, recipient_phone=BARAKA, amount=Money(500_000, "KES"), pin=pins.RIGHT, key="elsewhere"
    )
    screen = await asha.type(pins.RIGHT)
    assert screen.is_open
    assert screen.text.startswith("Not enough money. You need KES 12,100.\nHow much to Baraka Otieno?")
    assert await balance_minor(runtime, BARAKA) == 320_000 + 500_000


async def test_redis_emptied_after_the_payment_gets_its_receipt_and_never_a_second_payment(
    phone: MakePhone, runtime: Runtime, redis_url: str
) -> None:
    asha = phone(ASHA)
    await asha.dial("*384*96*4*0722000002*500#")
    receipt = await asha.type(pins.RIGHT)
    async with redis.asyncio.Redis.from_url(redis_url) as server:
        await server.flushdb()
    again = await asha.send_again()
    assert again.text == f"This is done already:\n{receipt.text[:10]} -KES 507 Baraka Otieno"
    assert not (await asha.type(pins.RIGHT)).is_open
    assert await balance_minor(runtime, ASHA) == 1_250_000 - 50_700


async def test_a_session_lives_two_minutes_after_its_last_hop_in_one_slot_and_holds_no_pin(
    phone: MakePhone, redis_url: str
) -> None:
    asha = phone(ASHA)
    await asha.dial("*384*96*4*0722000002*500#")
    await asha.type(pins.WRONG)
    async with redis.asyncio.Redis.from_url(redis_url) as server:
        kept = await server.get(f"ussd:{{{ASHA}}}:session")
        assert 0 < await server.ttl(f"ussd:{{{ASHA}}}:session") <= TTL_SECONDS == 120
        assert kept is not None
        assert pins.WRONG.encode() not in kept
        assert not await server.exists(f"ussd:{{{ASHA}}}:turn"), "the phone's next hop would wait"


async def test_a_session_on_a_screen_that_a_deploy_removed_starts_at_home(phone: MakePhone, redis_url: str) -> None:
    asha = phone(ASHA)
    await asha.dial()
    async with redis.asyncio.Redis.from_url(redis_url) as server:
        key = f"ussd:{{{ASHA}}}:session"
        kept = await server.get(key)
        assert isinstance(kept, bytes)
        await server.set(key, kept.replace(b"\xa4home", b"\xa4gone"), ex=60)
    assert (await asha.type("1")).text.startswith("The menu has changed. Please choose again.\nJasho\n1. Check Balance")
    async with redis.asyncio.Redis.from_url(redis_url) as server:
        await server.set(key, b"written by another release", ex=60)
    assert (await asha.type("1")).is_open


async def test_registration_is_done_once_however_often_its_last_hop_arrives(phone: MakePhone, runtime: Runtime) -> None:
    new = phone(NEW)
    await new.dial()
    await new.type("1", "Neema Achieng", "22345678", pins.NEW)
    new.text += f"*{pins.NEW}"
    screens = await asyncio.gather(*(new.send_again() for _ in range(4)))
    assert {screen.text for screen in screens} == {"Welcome, Neema Achieng! Your Jasho account is open. Dial *384*96# to use it."}
    async with runtime.database.autocommit() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM customer WHERE phone = :phone"), {"phone": NEW}) == 1
        sealed = await connection.scalar(text("SELECT national_id FROM customer WHERE phone = :phone"), {"phone": NEW})
    assert b"22345678" not in sealed


async def test_both_sides_are_told_in_the_same_transaction_and_once(phone: MakePhone, runtime: Runtime) -> None:
    asha = phone(ASHA)
    await asha.dial("*384*96*4*0722000002*500#")
    await asha.type(pins.RIGHT)
    await asha.send_again()
    drained = await asyncio.gather(worker.drain(runtime), worker.drain(runtime))
    assert sum(drained) == 6, "three welcomes, an agent's number and two notices"
    [to_asha, *_] = await notices.list_inbox(runtime, ASHA)
    [to_baraka, *_] = await notices.list_inbox(runtime, BARAKA)
    assert "KES 500 sent to Baraka Otieno 0722000002. Fee KES 7. Balance KES 11,993." in to_asha.body
    assert "Umepokea KES 500 kutoka kwa Asha Wanjiku 0711000001. Salio KES 3,700." in to_baraka.body


async def test_a_pin_locked_in_one_session_is_locked_in_another_process(phone: MakePhone, settings: Settings) -> None:
    asha = phone(ASHA)
    await asha.dial("*384*96*4*0722000002*500#")
    await asha.type(pins.WRONG, pins.OTHER_WRONG, pins.WRONG)
    async with running_client(settings) as other:
        elsewhere = Phone(other, ASHA)
        await elsewhere.dial("*384*96*4*0722000002*500#")
        screen = await elsewhere.type(pins.RIGHT)
    assert not screen.is_open
    assert "Your PIN is locked" in screen.text


@pytest.mark.parametrize("guesses", [20])
async def test_guesses_sent_all_at_once_get_no_more_tries_than_three(runtime: Runtime, guesses: int) -> None:
    """Three are compared at once; who finds no place is asked to come again, which says nothing about a PIN."""
    from core.credentials.pins import check
    from core.credentials.refusals import PinLocked, WrongPin
    from core.errors import Busy

    asha = await profiles.find(runtime, ASHA)
    assert asha is not None
    results = await asyncio.gather(*(check(runtime, asha.id, pins.WRONG) for _ in range(guesses)), return_exceptions=True)
    said = Counter(type(result) for result in results)
    assert said[WrongPin] == 2
    assert said[PinLocked] >= 1
    assert said[WrongPin] + said[PinLocked] + said[Busy] == guesses
    with pytest.raises(PinLocked):
        await check(runtime, asha.id, pins.RIGHT)


async def test_a_hop_that_died_is_remembered_for_as_long_as_what_it_may_have_done_can_be_continued(
    phone: MakePhone, redis_url: str
) -> None:
    asha, begun = phone(ASHA), f"ussd:{{{ASHA}}}:begun"
    await asha.dial("*384*96*4*0722000002*500#")
    async with redis.asyncio.Redis.from_url(redis_url) as server:
        await server.set(begun, b"a hop that died", ex=600)
        for _ in range(2):
            assert (await asha.dial()).text.startswith("Continue where you left off?")
            assert 500 < await server.ttl(begun) <= 600
            assert await server.get(begun) != b"a hop that died", "it could still close over the newer session"
        await asha.type("1")
        assert not await server.exists(begun)
