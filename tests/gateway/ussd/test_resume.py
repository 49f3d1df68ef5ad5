"""A line that drops loses nothing: what was begun can go on, what was done is told, and nothing is done twice."""

from collections.abc import Callable, Iterator

import pytest
import redis as redis_client
from redis import Redis
from sqlalchemy import text

from core import clock
from core.customers import profiles, wallet
from core.membership import registration
from core.money import Money
from core.runtime import Runtime
from core.sending import transfers
from core.settings import Settings
from gateway.ussd.past import first_origin
from gateway.ussd.sessions import RESUME_SECONDS, TTL_SECONDS
from tests import pins
from tests.core.jobs.market import broken
from tests.phone import Phone
from tests.pins import found_in

ASHA, BARAKA, NEW = "+254711000001", "+254722000002", "+254722000111"
ASHA_MINOR, SENT_MINOR = 1_250_000, 50_700
SEND = "*384*96*4*0722000002*500#"
OFFER = "Continue where you left off?\n1. Continue\n2. Main menu"
MakePhone = Callable[[str], Phone]


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with redis_client.Redis.from_url(redis_url) as server:
        yield server


def key(phone: str, what: str) -> str:
    return f"ussd:{{{phone}}}:{what}"


async def balance_minor(runtime: Runtime, phone: str = ASHA) -> int:
    customer = await profiles.find(runtime, phone)
    assert customer is not None
    return (await wallet.get_balance(runtime, customer)).minor


def died_between_commit_and_reply(redis: Redis, before: dict[str, bytes]) -> None:
    """Puts Redis back to what it held before the last hop: the gateway paid, and died before it could keep or say so."""
    for name in (key(ASHA, "session"), key(ASHA, "resume")):
        redis.set(name, before[name], keepttl=True)


def kept(redis: Redis) -> dict[str, bytes]:
    return {name.decode(): redis.get(name) or b"" for name in redis.scan_iter()}  # type: ignore[misc]


async def test_the_next_dial_goes_on_where_the_line_dropped(phone: MakePhone) -> None:
    asha = phone(ASHA)
    await asha.dial()
    await asha.type("4", "0722000002", "500")
    assert (await asha.dial()).text == OFFER
    assert (await asha.type("1")).text.startswith("Send KES 500 to Baraka Otieno, fee KES 7. Enter PIN")
    assert (await asha.type("0")).text.startswith("How much to Baraka Otieno?")
    assert (await asha.type("0")).text.startswith("Send money to which number?")
    assert (await asha.type("0722000002", "500", pins.RIGHT)).text.endswith("Balance KES 11,993.")


async def test_a_gateway_that_died_after_the_payment_tells_its_outcome_on_the_next_dial_and_pays_once(
    phone: MakePhone, runtime: Runtime, redis: Redis
) -> None:
    asha = phone(ASHA)
    await asha.dial(SEND)
    before = kept(redis)
    receipt = await asha.type(pins.RIGHT)
    died_between_commit_and_reply(redis, before)
    again = await asha.dial()
    assert again.text.startswith(f"This is done already:\n{receipt.text[:10]} -KES 507 Baraka Otieno\nJasho\n")
    assert await balance_minor(runtime) == ASHA_MINOR - SENT_MINOR


async def test_a_payment_of_which_nobody_knew_the_outcome_goes_on_under_its_own_key_and_pays_once(
    phone: MakePhone, runtime: Runtime, settings: Settings
) -> None:
    asha = phone(ASHA)
    await asha.dial(SEND)
    with broken(settings.database_url, "posting"):
        assert (await asha.type(pins.RIGHT)).text.startswith("Sorry, this takes too long. It may have been done.")
    assert (await asha.dial()).text == OFFER
    assert "Enter PIN" in (await asha.type("1")).text
    receipt = await asha.type(pins.RIGHT)
    assert receipt.text.endswith("Balance KES 11,993.")
    assert (await asha.dial()).text.startswith(f"This is done already:\n{receipt.text[:10]} -KES 507")
    assert await balance_minor(runtime) == ASHA_MINOR - SENT_MINOR


async def test_a_payment_that_was_done_after_the_customer_was_told_to_look_is_what_the_next_dial_shows(
    phone: MakePhone, runtime: Runtime, settings: Settings
) -> None:
    asha = phone(ASHA)
    await asha.dial(SEND)
    with broken(settings.database_url, "posting"):
        await asha.type(pins.RIGHT)
    sender = await profiles.find(runtime, ASHA)
    assert sender is not None
    # The commit that the gateway did not live to see.
    own_key = f"ussd:{first_origin(asha.session_id, clock.today(settings.country))}:0"
    amount = Money(50_000, "KES")
    done = await transfers.send(runtime, sender=sender, recipient_phone=BARAKA, amount=amount, pin=pins.RIGHT, key=own_key)
    shown = await asha.dial()
    assert shown.text.startswith(f"This is done already:\n{done.reference} -KES 507 Baraka Otieno\nJasho\n")
    assert await balance_minor(runtime) == ASHA_MINOR - SENT_MINOR


async def test_the_network_that_repeats_the_pin_to_another_gateway_gets_the_same_receipt_and_no_second_payment(
    phone: MakePhone, runtime: Runtime, redis: Redis
) -> None:
    asha = phone(ASHA)
    await asha.dial(SEND)
    before = kept(redis)
    receipt = await asha.type(pins.RIGHT)
    died_between_commit_and_reply(redis, before)
    assert await asha.send_again() == receipt
    assert await balance_minor(runtime) == ASHA_MINOR - SENT_MINOR


@pytest.mark.usefixtures("contrived")
async def test_a_receipt_that_was_lost_is_read_again_after_the_recipient_has_left_and_the_pin_is_locked(
    phone: MakePhone, runtime: Runtime, redis: Redis
) -> None:
    asha = phone(ASHA)
    await asha.dial(SEND)
    before = kept(redis)
    receipt = await asha.type(pins.RIGHT)
    died_between_commit_and_reply(redis, before)
    async with runtime.database.autocommit() as connection:
        await connection.execute(text("UPDATE pin SET failures = 3, locked_at = changed_at"))
        await connection.execute(text("UPDATE customer SET status = 'closed' WHERE phone = :phone"), {"phone": BARAKA})
    assert await asha.send_again() == receipt
    assert await balance_minor(runtime) == ASHA_MINOR - SENT_MINOR


async def test_whoever_continues_while_the_payment_is_still_under_way_does_not_pay_a_second_time(
    phone: MakePhone, runtime: Runtime, redis: Redis
) -> None:
    asha = phone(ASHA)
    await asha.dial(SEND)
    assert (await asha.dial()).text == OFFER
    assert "Enter PIN" in (await asha.type("1")).text
    continued = kept(redis)
    first = await asha.type(pins.RIGHT)
    # The same once more from where she continued, and from a dial that continues what was continued.
    died_between_commit_and_reply(redis, continued)
    assert await asha.send_again() == first
    died_between_commit_and_reply(redis, continued)
    redis.delete(key(ASHA, "session"))
    assert (await asha.dial()).text.startswith("This is done already:")
    assert await balance_minor(runtime) == ASHA_MINOR - SENT_MINOR


@pytest.mark.parametrize("times", [1, 2, 3])
async def test_continued_however_often_it_keeps_the_first_sessions_key(
    phone: MakePhone, runtime: Runtime, redis: Redis, times: int
) -> None:
    asha = phone(ASHA)
    await asha.dial(SEND)
    first_hop = (asha.session_id, asha.text)
    at_the_pin = kept(redis)
    for _ in range(times):
        assert (await asha.dial()).text == OFFER
        await asha.type("1")
    receipt = await asha.type(pins.RIGHT)
    # The very first session was at its PIN all the time, perhaps: its hop comes late, and finds what was done.
    died_between_commit_and_reply(redis, at_the_pin)
    asha.session_id, asha.text = first_hop
    assert await asha.type(pins.RIGHT) == receipt
    assert await balance_minor(runtime) == ASHA_MINOR - SENT_MINOR


async def test_a_second_payment_after_a_continued_one_is_a_second_payment(phone: MakePhone, runtime: Runtime) -> None:
    asha = phone(ASHA)
    for _ in range(2):
        await asha.dial(SEND)
        await asha.dial()
        await asha.type("1", pins.RIGHT)
    assert await balance_minor(runtime) == ASHA_MINOR - 2 * SENT_MINOR


async def test_nothing_is_offered_after_a_quarter_of_an_hour(phone: MakePhone, redis: Redis) -> None:
    asha = phone(ASHA)
    await asha.dial(SEND)
    assert 0 < redis.pttl(key(ASHA, "session")) <= TTL_SECONDS * 1000 == 120_000
    assert TTL_SECONDS * 1000 < redis.pttl(key(ASHA, "resume")) <= RESUME_SECONDS * 1000 == 900_000
    redis.pexpire(key(ASHA, "session"), 0)
    assert (await asha.dial()).text == OFFER, "two minutes are over, fifteen are not"
    redis.pexpire(key(ASHA, "session"), 0)
    redis.pexpire(key(ASHA, "resume"), 0)
    assert (await asha.dial()).text.startswith("Jasho\n1. Check Balance")


async def test_an_offer_that_was_not_answered_is_made_again_and_one_that_was_declined_is_not(phone: MakePhone) -> None:
    asha = phone(ASHA)
    await asha.dial(SEND)
    for _ in range(2):
        assert (await asha.dial()).text == OFFER
    for declined in ("2", "0", "00"):
        assert (await asha.dial()).text == OFFER
        assert (await asha.type(declined)).text.startswith("Jasho\n1. Check Balance")
        assert (await asha.dial()).text.startswith("Jasho\n1. Check Balance")
        await asha.dial(SEND)


async def test_a_registration_that_broke_off_goes_on_in_its_language_and_asks_for_both_pins(
    phone: MakePhone, runtime: Runtime, redis: Redis
) -> None:
    neema = phone(NEW)
    await neema.dial()
    await neema.type("2", "Neema Achieng", "22345678", pins.NEW)
    assert found_in(b"".join(kept(redis).values())) == []
    assert (await neema.dial()).text.startswith("Endelea ulipoachia?")
    assert (await neema.type("1")).text.startswith("Chagua PIN ya tarakimu 4.")
    assert (await neema.type(pins.NEW, pins.NEW)).text.startswith("Karibu, Neema Achieng!")
    customer = await profiles.find(runtime, NEW)
    assert customer is not None
    assert customer.language == "sw"


async def test_a_number_that_has_broken_off_its_registration_may_also_begin_again(phone: MakePhone) -> None:
    neema = phone(NEW)
    await neema.dial()
    await neema.type("2", "Neema Achieng")
    await neema.dial()
    assert (await neema.type("2")).text.startswith("Karibu Jasho. Welcome to Jasho.")


async def test_what_broke_off_before_registration_is_not_offered_to_a_customer(phone: MakePhone, runtime: Runtime) -> None:
    neema = phone(NEW)
    await neema.dial()
    await neema.type("1", "Neema Achieng")
    await registration.register(runtime, phone=NEW, name="Neema Achieng", national_id="22345678", language="en", pin=pins.NEW)
    assert (await neema.dial()).text.startswith("Jasho\n1. Check Balance")


async def test_a_direct_dial_goes_where_it_says_whatever_was_left_open(phone: MakePhone) -> None:
    asha = phone(ASHA)
    await asha.dial(SEND)
    assert (await asha.dial("*384*96*1#")).text == "Your balance is KES 12,500.\nReply 0 for menu."
    assert (await asha.type("0")).text.startswith("Jasho\n1. Check Balance")


async def test_no_pin_is_in_what_may_be_continued(phone: MakePhone, redis: Redis) -> None:
    asha = phone(ASHA)
    await asha.dial(SEND)
    await asha.type(pins.WRONG)
    await asha.dial()
    await asha.type("1", pins.OTHER_WRONG, pins.RIGHT)
    everything = kept(redis)
    assert everything[key(ASHA, "resume")]
    assert found_in(b"\n".join(everything.values())) == []


async def test_what_an_earlier_session_has_done_is_not_told_as_the_last_thing_that_was_done(
    phone: MakePhone, runtime: Runtime
) -> None:
    """Money may have left since, by SMS or in a newer session."""
    asha = phone(ASHA)
    await asha.dial(SEND)
    receipt = await asha.type(pins.RIGHT)
    sender = await profiles.find(runtime, ASHA)
    assert sender is not None
    amount = Money(30_000, "KES")
    await transfers.send(runtime, sender=sender, recipient_phone=BARAKA, amount=amount, pin=pins.RIGHT, key="elsewhere")
    shown = await asha.dial()
    assert shown.text.startswith(f"This is done already:\n{receipt.text[:10]} -KES 507 Baraka Otieno\n")
    assert "last" not in shown.text
