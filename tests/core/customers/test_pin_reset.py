"""A forgotten PIN: the customer gets back in, a thief with her phone does not get her money."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
import redis.asyncio
from sqlalchemy import text

from core import clock
from core.credentials import pins
from core.credentials.refusals import (
    CodeEnded,
    MoneyOutWaits,
    PinLocked,
    TooManyTries,
    WeakPin,
    WrongCode,
    WrongNationalId,
    WrongPin,
)
from core.customers import pin_change, pin_reset, profiles
from core.customers.pin_reset import NextStep
from core.customers.profiles import Customer
from core.customers.refusals import BadNationalId
from core.messaging import notices
from core.money import Money
from core.runtime import Runtime
from core.sending import transfers
from gateway import worker
from tests.clocks import move_clock
from tests.phone import Phone
from tests.pins import NEW, OTHER_WRONG, RIGHT, WRONG

ASHA, BARAKA = "+254711000001", "+254722000002"
HER_ID, ANOTHER_ID = "22345601", "22345602"
MakePhone = Callable[[str], Phone]


@pytest.fixture
async def asha(runtime: Runtime) -> Customer:
    found = await profiles.find(runtime, ASHA)
    assert found is not None
    return found


async def told(runtime: Runtime) -> list[str]:
    """Every SMS that she has got so far, newest first."""
    while await worker.drain(runtime):
        pass
    return [message.body for message in await notices.list_inbox(runtime, ASHA)]


async def code_of(runtime: Runtime) -> str:
    """The one that she got last."""
    return next(body.split()[0] for body in await told(runtime) if "is your code" in body)


async def proven(runtime: Runtime, asha: Customer) -> None:
    """Her ID number and the code were right."""
    assert await pin_reset.prove_identity(runtime, asha, HER_ID) is NextStep.TYPE_CODE
    await pin_reset.prove_phone(runtime, asha, await code_of(runtime))


async def pay(runtime: Runtime, sender: Customer, pin: str, key: str) -> transfers.SendReceipt:
    amount = Money(10_000, "KES")
    return await transfers.send(runtime, sender=sender, recipient_phone=BARAKA, amount=amount, pin=pin, key=key)


@pytest.mark.parametrize("ahead_seconds", [-90_000, 90_000])
async def test_after_a_new_pin_no_money_leaves_for_a_day_whatever_the_clock_of_the_process_shows(
    runtime: Runtime, asha: Customer, monkeypatch: pytest.MonkeyPatch, ahead_seconds: int
) -> None:
    await proven(runtime, asha)
    with monkeypatch.context() as patched:
        move_clock(patched, ahead_seconds)
        money_out_from = await pin_reset.replace(runtime, asha, NEW)
    assert abs(money_out_from - clock.now() - timedelta(hours=24)) < timedelta(minutes=5)


async def test_a_new_pin_opens_the_account_at_once_and_lets_money_out_a_day_later(runtime: Runtime, asha: Customer) -> None:
    await proven(runtime, asha)
    begun = clock.now()
    money_out_from = await pin_reset.replace(runtime, asha, NEW)
    assert timedelta(hours=24) <= money_out_from - begun < timedelta(hours=24, minutes=1)
    await pins.check(runtime, asha.id, NEW)
    with pytest.raises(WrongPin):
        await pins.check(runtime, asha.id, RIGHT)
    with pytest.raises(MoneyOutWaits) as waits:
        await pay(runtime, asha, NEW, "too early")
    assert waits.value.params["moment"] == clock.moment_text(money_out_from, "KE")
    with clock.at(money_out_from):
        assert (await pay(runtime, asha, NEW, "in time")).balance == Money(1_240_000, "KES")
    assert any("PIN was replaced" in body and clock.moment_text(money_out_from, "KE") in body for body in await told(runtime))


async def test_a_wrong_pin_is_told_as_wrong_while_money_waits(runtime: Runtime, asha: Customer) -> None:
    await proven(runtime, asha)
    await pin_reset.replace(runtime, asha, NEW)
    with pytest.raises(WrongPin):
        await pay(runtime, asha, WRONG, "key")


async def test_a_new_pin_lifts_the_lock(runtime: Runtime, asha: Customer) -> None:
    for guess in (WRONG, OTHER_WRONG, WRONG):
        with pytest.raises((WrongPin, PinLocked)):
            await pins.check(runtime, asha.id, guess)
    await proven(runtime, asha)
    await pin_reset.replace(runtime, asha, NEW)
    await pins.check(runtime, asha.id, NEW)
    with pytest.raises(WrongPin) as refused:
        await pins.check(runtime, asha.id, WRONG)
    assert refused.value.params["tries_left"] == "2"


async def test_the_wait_is_not_ended_by_changing_the_pin(runtime: Runtime, asha: Customer) -> None:
    await proven(runtime, asha)
    await pin_reset.replace(runtime, asha, NEW)
    await pin_change.change(runtime, asha, OTHER_WRONG)
    with pytest.raises(MoneyOutWaits):
        await pay(runtime, asha, OTHER_WRONG, "key")


async def test_without_the_code_nobody_chooses_a_pin(runtime: Runtime, asha: Customer) -> None:
    with pytest.raises(CodeEnded):
        await pin_reset.replace(runtime, asha, NEW)
    await pin_reset.prove_identity(runtime, asha, HER_ID)
    with pytest.raises(CodeEnded):
        await pin_reset.replace(runtime, asha, NEW)
    code = await code_of(runtime)
    with pytest.raises(WrongCode):
        await pin_reset.prove_phone(runtime, asha, "000000" if code != "000000" else "000001")
    with pytest.raises(CodeEnded):
        await pin_reset.replace(runtime, asha, NEW)
    await pins.check(runtime, asha.id, RIGHT)


async def test_the_right_code_is_good_for_one_pin(runtime: Runtime, asha: Customer) -> None:
    await proven(runtime, asha)
    done = await asyncio.gather(*(pin_reset.replace(runtime, asha, pin) for pin in (NEW, NEW, NEW)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["CodeEnded", "CodeEnded", "datetime"]
    with pytest.raises(CodeEnded):
        await pin_reset.replace(runtime, asha, OTHER_WRONG)
    await pins.check(runtime, asha.id, NEW)


async def test_the_right_code_is_good_for_ten_minutes(runtime: Runtime, asha: Customer) -> None:
    await proven(runtime, asha)
    with clock.at(clock.now() + timedelta(minutes=10)), pytest.raises(CodeEnded):
        await pin_reset.replace(runtime, asha, NEW)


async def test_a_pin_changed_meanwhile_makes_an_old_code_worthless(runtime: Runtime, asha: Customer) -> None:
    await proven(runtime, asha)
    await pin_change.change(runtime, asha, NEW)
    with pytest.raises(CodeEnded):
        await pin_reset.replace(runtime, asha, OTHER_WRONG)


async def test_a_code_that_a_process_with_a_fast_clock_took_is_good_for_one_pin_too(runtime: Runtime, asha: Customer) -> None:
    noon = clock.now()
    assert await pin_reset.prove_identity(runtime, asha, HER_ID) is NextStep.TYPE_CODE
    with clock.at(noon + timedelta(minutes=2)):
        await pin_reset.prove_phone(runtime, asha, await code_of(runtime))
    await pin_reset.replace(runtime, asha, NEW)
    with pytest.raises(CodeEnded):
        await pin_reset.replace(runtime, asha, RIGHT)


async def test_a_right_code_is_good_where_a_process_with_a_fast_clock_set_the_pin_before_it(
    runtime: Runtime, asha: Customer
) -> None:
    with clock.at(clock.now() + timedelta(minutes=2)):
        await pin_change.change(runtime, asha, NEW)
    await proven(runtime, asha)
    await pin_reset.replace(runtime, asha, RIGHT)
    await pins.check(runtime, asha.id, RIGHT)


async def test_a_right_code_is_good_for_minutes_also_after_a_pin_that_a_clock_years_ahead_has_dated(
    runtime: Runtime, asha: Customer
) -> None:
    noon = clock.now()
    with clock.at(noon + timedelta(days=4_000)):
        await pin_change.change(runtime, asha, NEW)
    with clock.at(noon):
        await proven(runtime, asha)
    with clock.at(noon + timedelta(minutes=20)), pytest.raises(CodeEnded):
        await pin_reset.replace(runtime, asha, RIGHT)


async def test_a_weak_pin_is_refused_and_the_code_is_not_lost(runtime: Runtime, asha: Customer) -> None:
    await proven(runtime, asha)
    with pytest.raises(WeakPin):
        await pin_reset.replace(runtime, asha, "1111")
    await pin_reset.replace(runtime, asha, NEW)
    await pins.check(runtime, asha.id, NEW)


async def test_whoever_tries_id_numbers_is_stopped_for_the_day_the_right_one_included(runtime: Runtime, asha: Customer) -> None:
    for _ in range(5):
        with pytest.raises(WrongNationalId):
            await pin_reset.prove_identity(runtime, asha, ANOTHER_ID)
    with pytest.raises(TooManyTries):
        await pin_reset.prove_identity(runtime, asha, HER_ID)
    with clock.at(clock.now() + timedelta(days=1)):
        assert await pin_reset.prove_identity(runtime, asha, HER_ID) is NextStep.TYPE_CODE


async def test_id_numbers_tried_at_once_are_counted_one_by_one(runtime: Runtime, asha: Customer) -> None:
    tries = (pin_reset.prove_identity(runtime, asha, ANOTHER_ID) for _ in range(12))
    refused = [type(one) for one in await asyncio.gather(*tries, return_exceptions=True)]
    assert (refused.count(WrongNationalId), refused.count(TooManyTries)) == (5, 7)


async def test_a_slip_that_is_no_id_number_costs_no_try_and_the_right_one_sets_the_count_back(
    runtime: Runtime, asha: Customer
) -> None:
    for _ in range(2):
        for typed in (ANOTHER_ID, ANOTHER_ID, ANOTHER_ID, ANOTHER_ID):
            with pytest.raises(WrongNationalId):
                await pin_reset.prove_identity(runtime, asha, typed)
        for typed in ("", "hello", "12"):
            with pytest.raises(BadNationalId):
                await pin_reset.prove_identity(runtime, asha, typed)
        await pin_reset.prove_identity(runtime, asha, f" {HER_ID[:4]} {HER_ID[4:]} ")


async def test_somebody_without_an_id_number_on_record_is_let_in_by_no_number(runtime: Runtime, asha: Customer) -> None:
    async with runtime.database.autocommit() as connection:
        await connection.execute(text("UPDATE customer SET national_id = NULL WHERE id = :id"), {"id": asha.id})
    with pytest.raises(WrongNationalId):
        await pin_reset.prove_identity(runtime, asha, HER_ID)


async def test_one_code_is_sent_however_often_she_dials_again_while_it_is_good(runtime: Runtime, asha: Customer) -> None:
    asked = await asyncio.gather(*(pin_reset.prove_identity(runtime, asha, HER_ID) for _ in range(4)))
    assert set(asked) == {NextStep.TYPE_CODE}
    assert len([body for body in await told(runtime) if "is your code" in body]) == 1


async def test_three_codes_are_sent_a_day(runtime: Runtime, asha: Customer) -> None:
    noon = clock.now().replace(hour=9, minute=0)  # UTC: the three are of one day in Kenya
    for number in range(3):
        with clock.at(noon + timedelta(minutes=11 * number)):
            assert await pin_reset.prove_identity(runtime, asha, HER_ID) is NextStep.TYPE_CODE
    with clock.at(noon + timedelta(minutes=33)), pytest.raises(TooManyTries):
        await pin_reset.prove_identity(runtime, asha, HER_ID)
    with clock.at(noon + timedelta(days=1)):
        assert await pin_reset.prove_identity(runtime, asha, HER_ID) is NextStep.TYPE_CODE


async def test_a_line_that_drops_after_the_code_costs_the_id_number_and_no_second_code(
    phone: MakePhone, runtime: Runtime
) -> None:
    asha = phone(ASHA)
    await asha.dial("*384*96*9*7#")
    await asha.type(HER_ID)
    assert "Choose a new PIN" in (await asha.type(await code_of(runtime))).text
    await asha.type(NEW)
    assert (await asha.dial()).text.startswith("Continue where you left off?")
    assert "national ID number" in (await asha.type("1")).text
    assert "Choose a new PIN" in (await asha.type(HER_ID)).text
    assert not (await asha.type(NEW, NEW)).is_open
    assert "was replaced" in (await told(runtime))[0]
    assert len([body for body in await told(runtime) if "is your code" in body]) == 1


async def test_the_last_screen_repeated_by_the_network_replaces_the_pin_once(phone: MakePhone, runtime: Runtime) -> None:
    asha = phone(ASHA)
    await asha.dial("*384*96*9*7#")
    await asha.type(HER_ID)
    await asha.type(await code_of(runtime))
    last = await asha.type(NEW, NEW)
    assert [await asha.send_again() for _ in range(3)] == [last] * 3
    assert len([body for body in await told(runtime) if "was replaced" in body]) == 1


async def test_neither_id_number_nor_code_can_be_dialled_or_is_kept_in_the_session(
    phone: MakePhone, runtime: Runtime, redis_url: str
) -> None:
    asha = phone(ASHA)
    assert "national ID number" in (await asha.dial(f"*384*96*9*7*{HER_ID}#")).text
    await asha.type(HER_ID)
    code = await code_of(runtime)
    await asha.type(code)
    async with redis.asyncio.Redis.from_url(redis_url) as server:
        kept = str([await server.get(key) for key in await server.keys("ussd:*")])
    assert "forgot_pin_new" in kept
    assert HER_ID not in kept
    assert code not in kept


async def test_a_third_wrong_guess_at_the_old_pin_does_not_lock_the_new_one(
    runtime: Runtime, asha: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await proven(runtime, asha)
    for guess in (WRONG, OTHER_WRONG):
        with pytest.raises(WrongPin):
            await pins.check(runtime, asha.id, guess)
    really, reset = runtime.pin_hasher.matches, False

    async def while_she_replaces_it(*arguments: object) -> bool:
        nonlocal reset
        if not reset:
            reset = True
            await pin_reset.replace(runtime, asha, NEW)
        return await really(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(runtime.pin_hasher, "matches", while_she_replaces_it)
        with pytest.raises(WrongPin):
            await pins.check(runtime, asha.id, WRONG)
    assert reset
    for _ in range(4):
        await pins.check(runtime, asha.id, NEW)
