"""Old messages go with their period; none goes that is due, and none is refused because a period is missing."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from uuid import UUID

import psycopg
import pytest
from psycopg.errors import ForeignKeyViolation, InsufficientPrivilege, RaiseException, UniqueViolation
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from structlog.testing import capture_logs

from core import clock, ids
from core.db import APPLICATION_ROLE
from core.messaging import notices
from core.messaging import outbox as sending
from core.retention import deletion, periods
from core.runtime import Runtime
from core.settings import Settings
from core.tables.messaging import sms_attempt
from gateway import wiring
from tests.core.retention.test_deletion import DAY, PHONE, add, add_many, count, message, messages
from tests.races import holding

# After the first period, in which everything from before the periods is.
START = datetime(2028, 1, 1, 12, tzinfo=UTC)
LENGTH = 15 * DAY
KEPT = 90 * DAY

pytestmark = pytest.mark.usefixtures("contrived")


async def turn_over_at(runtime: Runtime, moment: datetime) -> int:
    """Until nothing is to be made or dropped."""
    total = 0
    with clock.at(moment):
        while number := await periods.turn_over(runtime):
            total += number
    return total


async def clear_at(runtime: Runtime, moment: datetime) -> None:
    await turn_over_at(runtime, moment)
    with clock.at(moment):
        while await deletion.delete_ended(runtime):
            pass


async def place_of(runtime: Runtime, message_id: UUID) -> str:
    """The table that the message is in."""
    async with runtime.database.autocommit() as connection:
        return str(
            await connection.scalar(text("SELECT tableoid::regclass FROM outbox WHERE id = :id"), {"id": message_id}),
        )


async def bounds(runtime: Runtime) -> list[tuple[str, datetime, datetime]]:
    """Each period's name, first day and last day's end, but for the first one."""
    query = text(
        "SELECT name, period_day(first_id), period_day(end_id) FROM period_list() WHERE name <> 'first' ORDER BY first_id"
    )
    async with runtime.database.autocommit() as connection:
        await connection.execute(text("SET ROLE NONE"))
        return [tuple(row) for row in await connection.execute(query)]


@contextmanager
def owner(settings: Settings) -> Iterator[psycopg.Connection]:
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        yield connection


def drop_first(settings: Settings) -> None:
    """The period of everything from before the periods reaches to here: as it is when it has gone."""
    with owner(settings) as connection:
        connection.execute("DROP TABLE sms_attempt_first")
        connection.execute("DROP TABLE outbox_first")


async def test_the_next_periods_are_there_before_their_time_and_follow_each_other_without_a_gap(runtime: Runtime) -> None:
    for day in range(60):
        await turn_over_at(runtime, START + day * DAY)
    made = await bounds(runtime)
    assert [end - first for _, first, end in made] == [LENGTH] * len(made)
    assert [first for _, first, _ in made[1:]] == [end for _, _, end in made[:-1]]
    assert made[-1][2] > (START + 66 * DAY).date()
    with clock.at(START + 66 * DAY):
        assert await place_of(runtime, await message(runtime)) == f"outbox_{made[-1][0]}"


async def test_a_period_goes_as_a_whole_when_all_of_it_is_over_and_not_before(runtime: Runtime) -> None:
    await turn_over_at(runtime, START)
    with clock.at(START):
        early = await message(runtime)
    with clock.at(START + 14 * DAY):
        late = await message(runtime, "failed")
    with clock.at(START + 16 * DAY):
        await turn_over_at(runtime, clock.now())
        next_period = await message(runtime)
    await clear_at(runtime, START + 15 * DAY + KEPT - 2 * DAY)
    assert await messages(runtime) == [early, late, next_period]
    await turn_over_at(runtime, START + 15 * DAY + KEPT)
    assert (await messages(runtime), await count(runtime, sms_attempt)) == ([next_period], 1)


@pytest.mark.parametrize("status", ["queued", "sending", "unsure"])
async def test_a_message_that_is_due_keeps_its_period_and_the_others_in_it_go_by_themselves(
    runtime: Runtime, status: str
) -> None:
    await turn_over_at(runtime, START)
    with clock.at(START):
        due, _ = await message(runtime, status), await message(runtime)
    await clear_at(runtime, START + 120 * DAY)
    assert (await messages(runtime), await count(runtime, sms_attempt)) == ([due], 1)
    async with runtime.database.transaction() as connection:
        await connection.execute(text("UPDATE outbox SET status = 'expired' WHERE id = :id"), {"id": due})
    await turn_over_at(runtime, START + 120 * DAY)
    assert (await messages(runtime), await count(runtime, sms_attempt)) == ([], 0)


async def test_a_message_to_which_something_happened_lately_keeps_its_period(runtime: Runtime) -> None:
    await turn_over_at(runtime, START)
    with clock.at(START):
        sent = await message(runtime, "sent", claimed_at=START + 60 * DAY)
    await clear_at(runtime, START + 149 * DAY)
    assert await messages(runtime) == [sent]
    await turn_over_at(runtime, START + 151 * DAY)
    assert await messages(runtime) == []


async def test_a_duty_that_came_too_late_loses_no_message_and_the_next_day_has_its_period_again(runtime: Runtime) -> None:
    with clock.at(START):
        early = await message(runtime)
        assert await place_of(runtime, early) == "outbox_default"
        await turn_over_at(runtime, START)
        assert await place_of(runtime, await message(runtime)) == "outbox_default"
    with clock.at(START + DAY):
        assert await place_of(runtime, await message(runtime)) == f"outbox_p{START + DAY:%Y%m%d}"
    assert len(await messages(runtime)) == 3
    await clear_at(runtime, START + KEPT + LENGTH + DAY)
    assert (await messages(runtime), await count(runtime, sms_attempt)) == ([], 0)


async def test_with_no_period_at_all_a_message_is_written_and_sent_as_ever(runtime: Runtime, settings: Settings) -> None:
    drop_first(settings)
    async with runtime.database.transaction() as connection:
        await notices.tell_number(runtime, connection, PHONE, "en", "x")
    assert await sending.hand_over(runtime, 50, "local") == 1
    assert len(await messages(runtime)) == 1


@pytest.mark.race("core/retention/periods.sql:period_make")
@pytest.mark.race("core/retention/periods.sql:period_drop")
async def test_a_turn_that_comes_during_another_one_has_nothing_to_do(runtime: Runtime) -> None:
    await turn_over_at(runtime, START)
    before = await bounds(runtime)
    later = START + KEPT + LENGTH
    async with holding(runtime, "SELECT pg_advisory_xact_lock(hashtext('period'))"):
        assert await turn_over_at(runtime, later) == 0
        assert await bounds(runtime) == before
    assert await turn_over_at(runtime, later) > 1
    assert before[0] not in await bounds(runtime)


async def test_two_workers_at_once_make_and_drop_what_one_would(runtime: Runtime, settings: Settings) -> None:
    other = wiring.runtime(settings)
    try:
        for day in range(0, 200, 5):
            await asyncio.gather(*(turn_over_at(one, START + day * DAY) for one in (runtime, other)))
    finally:
        await other.close()
    made = await bounds(runtime)
    assert [first for _, first, _ in made[1:]] == [end for _, _, end in made[:-1]]
    assert made[0][2] > (START + 195 * DAY - KEPT).date()
    assert len(made) <= 9


@pytest.mark.parametrize(
    "at_work",
    [
        ("ddl_command_end", "CREATE TABLE", START + 14 * DAY),
        ("ddl_command_end", "ALTER TABLE", START + 14 * DAY),
        ("sql_drop", "DROP TABLE", START + KEPT + LENGTH),
    ],
)
async def test_a_turn_that_is_killed_leaves_both_tables_or_none_and_the_next_one_does_it(
    runtime: Runtime, settings: Settings, at_work: tuple[str, str, datetime]
) -> None:
    """Killed after the first of two like it."""
    await turn_over_at(runtime, START)
    with clock.at(START):
        await message(runtime)
    if at_work[0] == "sql_drop":
        with psycopg.connect(settings.database_url) as reader:
            reader.execute("SELECT count(*) FROM outbox_p20280101")
            await turn_over_at(runtime, at_work[2])
    before = await bounds(runtime)
    event, tag, moment = at_work
    with owner(settings) as connection:
        connection.execute(
            "CREATE FUNCTION die() RETURNS event_trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); END $$"
        )
        connection.execute(f"CREATE EVENT TRIGGER die ON {event} WHEN tag IN ('{tag}') EXECUTE FUNCTION die()".encode())
    with pytest.raises(DBAPIError):
        await turn_over_at(runtime, moment)
    assert await bounds(runtime) == before
    with owner(settings) as connection:
        connection.execute("DROP EVENT TRIGGER die")
    await turn_over_at(runtime, moment)
    assert await bounds(runtime) != before


@pytest.mark.race("core/retention/periods.sql:period_lock")
@pytest.mark.parametrize("table", ["outbox", "sms_attempt"])
async def test_a_turn_waits_for_nobody_and_keeps_nobody_waiting_while_messages_are_in_use(
    runtime: Runtime, settings: Settings, table: str
) -> None:
    await turn_over_at(runtime, START)
    with clock.at(START):
        kept = await message(runtime)
    with psycopg.connect(settings.database_url) as reader:
        reader.execute(f"SELECT count(*) FROM {table}".encode())
        with capture_logs() as lines:
            await turn_over_at(runtime, START + 120 * DAY)
        assert {line["event"] for line in lines} == {"messages are in use, their periods wait"}
        assert await messages(runtime) == [kept]
    await turn_over_at(runtime, START + 120 * DAY)
    assert await messages(runtime) == []


async def test_an_operator_who_shortens_the_keeping_time_and_lengthens_it_again_loses_nothing_that_is_due(
    runtime: Runtime, settings: Settings
) -> None:
    short, long = (
        wiring.runtime(Settings(database_url=settings.database_url, redis_url=settings.redis_url, keep_messages_days=days))
        for days in ("7", "3650")
    )
    try:
        await turn_over_at(runtime, START)
        with clock.at(START):
            due, ended = await message(runtime, "queued"), await message(runtime)
        await turn_over_at(long, START + 10 * DAY)
        assert set(await messages(runtime)) == {due, ended}
        await clear_at(short, START + 10 * DAY)
        assert await messages(runtime) == [due]
        for day in range(10, 40):
            await turn_over_at(short, START + day * DAY)
        await turn_over_at(long, START + 40 * DAY)
        made = await bounds(runtime)
        assert [first for _, first, _ in made[1:]] == [end for _, _, end in made[:-1]]
        assert await messages(runtime) == [due]
    finally:
        await short.close()
        await long.close()


async def test_a_clock_that_was_a_year_ahead_and_is_back_leaves_every_new_message_a_place(runtime: Runtime) -> None:
    await turn_over_at(runtime, START)
    year_ahead = START + 365 * DAY
    await turn_over_at(runtime, year_ahead)
    with clock.at(year_ahead):
        ahead = await message(runtime, "queued")
    await turn_over_at(runtime, START + DAY)
    for moment in (START + DAY, START + 30 * DAY, START - 30 * DAY):
        with clock.at(moment):
            assert await place_of(runtime, await message(runtime)) in {"outbox_default", "outbox_p20280102"}
    for day in range(2, 365, 3):
        await turn_over_at(runtime, START + day * DAY)
    made = await bounds(runtime)
    assert all(end <= first for (_, _, end), (_, first, _) in pairwise(made))
    assert ahead in await messages(runtime)


async def test_a_message_may_have_no_attempt_of_another_and_no_number_twice(runtime: Runtime) -> None:
    for moment in (START, START + 30 * DAY):
        await turn_over_at(runtime, moment)
    with clock.at(START):
        first = await message(runtime)
    begun = {"number": 1, "phone": PHONE, "provider": "x", "parts": 1, "begun_at": START}
    with pytest.raises(IntegrityError) as again:
        await add(runtime, sms_attempt, id=ids.new_id(), outbox_id=first, **begun)
    assert isinstance(again.value.orig, UniqueViolation)
    with clock.at(START), pytest.raises(IntegrityError) as stranger:
        await add(runtime, sms_attempt, id=ids.new_id(), outbox_id=ids.new_id(), **begun)
    assert isinstance(stranger.value.orig, ForeignKeyViolation)


async def test_whoever_has_the_services_login_makes_no_table_and_drops_no_message_that_is_due(
    runtime: Runtime, settings: Settings
) -> None:
    await turn_over_at(runtime, START)
    with clock.at(START):
        due = await message(runtime, "queued")
    with psycopg.connect(settings.database_url, autocommit=True) as thief:
        thief.execute(f"SET ROLE {APPLICATION_ROLE}".encode())
        for statement in (
            "SELECT period_make_tables('2040-01-01', '2040-02-01')",
            "DROP TABLE outbox_p20280101",
            "DELETE FROM outbox_p20280101",
            "CREATE TABLE outbox_p20400101 (id uuid)",
        ):
            with pytest.raises(InsufficientPrivilege):
                thief.execute(statement.encode())
        for days in ("0", "-1", "1001", "NULL"):
            with pytest.raises(RaiseException):
                thief.execute(f"SELECT period_make('2040-01-01', {days})".encode())
        for moment in ("infinity", "-infinity", "1999-01-01"):
            with pytest.raises(RaiseException):
                thief.execute("SELECT period_make(%s, 15)", [moment])
        for month in range(200):
            thief.execute("SELECT period_make('2040-01-01'::timestamptz + %s * interval '1 year', 1)", [month])
        with pytest.raises(RaiseException):
            thief.execute("SELECT period_drop('infinity')")
        while thief.execute("SELECT period_drop('2899-01-01')").fetchone() == (1,):
            pass
        thief.execute("SELECT period_make('2050-01-01', 1)")
    assert len(await bounds(runtime)) < 110
    assert await messages(runtime) == [due]


async def test_a_batch_takes_only_rows_that_are_over_from_periods_that_have_rows_in_the_same_places(runtime: Runtime) -> None:
    """A row's place is one of its period: another period has one there too."""
    kept = []
    await clear_at(runtime, START)
    for number in range(4):
        await turn_over_at(runtime, START + number * LENGTH)
        with clock.at(START + number * LENGTH):
            kept.append(await message(runtime, "queued"))
            row = {"phone": PHONE, "language": "en", "body": "x", "status": "expired", "created_at": clock.now()}
            await add_many(runtime, [{"id": ids.new_id(), **row} for _ in range(20)])
    with clock.at(START + KEPT + LENGTH + DAY):
        assert await deletion.delete_ended(runtime) == 20
    left = await messages(runtime)
    assert len(left) == 64
    assert set(kept) <= set(left)
