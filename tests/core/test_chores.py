"""Duties: rows whose work fails are in nobody's way."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Row, insert, select, text, update
from sqlalchemy.exc import InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from core import chores, clock, ids
from core.chores import Due, Worker
from core.errors import Busy
from core.runtime import Runtime
from core.settings import Settings
from core.tables.credentials import attempt
from gateway import wiring
from tests.races import holding

START = datetime(2027, 2, 1, 9, tzinfo=UTC)
FAILING, KIND = 130, "chores test"
DUE = Due(
    select(attempt).where(attempt.c.kind == KIND, attempt.c.count == 0), attempt.c.subject, (attempt.c.day, attempt.c.subject)
)


class Work:
    """Fails for some rows, and counts how often it was tried."""

    def __init__(self, broken: set[UUID]) -> None:
        self.broken, self.tried = broken, 0

    async def __call__(self, connection: AsyncConnection, row: Row[Any]) -> bool:
        self.tried += 1
        await connection.execute(update(attempt).where(attempt.c.subject == row.subject).values(count=1))
        if row.subject in self.broken:
            raise ValueError(row.subject)
        return True


@pytest.fixture
async def subjects(runtime: Runtime) -> list[UUID]:
    """In the order in which they are due."""
    made = [ids.new_id() for _ in range(FAILING + 5)]
    rows = [{"subject": one, "kind": KIND, "day": START.date() + timedelta(days=n), "count": 0} for n, one in enumerate(made)]
    async with runtime.database.transaction() as connection:
        await connection.execute(insert(attempt), rows)
    return made


@pytest.fixture
async def other(settings: Settings) -> AsyncIterator[Runtime]:
    made = wiring.runtime(settings)
    yield made
    await made.close()


async def work_at(runtime: Runtime, work: Work, moment: datetime) -> int:
    with clock.at(moment):
        return await chores.work_through(runtime.database, "test", DUE, work)


async def test_a_hundred_rows_that_fail_do_not_hide_those_behind_them(runtime: Runtime, subjects: list[UUID]) -> None:
    work = Work(set(subjects[:FAILING]))
    assert [await work_at(runtime, work, START) for _ in range(4)] == [0, 0, 5, 0]
    assert work.tried == FAILING * 2 + 5


async def test_a_row_that_failed_is_tried_again_ever_more_seldom(runtime: Runtime, subjects: list[UUID]) -> None:
    work = Work(set(subjects))
    tries = []
    for minutes in range(60 * 6):
        work.tried = 0
        await work_at(runtime, work, START + timedelta(minutes=minutes))
        await work_at(runtime, work, START + timedelta(minutes=minutes))
        tries += [minutes] * (work.tried > 0)
        if minutes == 0:
            # The rest would only take time.
            work.broken = set(subjects[:1])
    assert tries == [0, 1, 2, 4, 8, 16, 32, 64, 124, 184, 244, 304]


async def test_a_failure_of_a_moment_is_made_good_in_the_next_round(runtime: Runtime, subjects: list[UUID]) -> None:
    work = Work(set(subjects[:2]))
    assert await work_at(runtime, work, START) == 98
    work.broken = set()
    assert await work_at(runtime, work, START) == len(subjects) - 98


async def test_a_worker_that_starts_tries_at_once_what_another_passes_over(
    runtime: Runtime, other: Runtime, subjects: list[UUID]
) -> None:
    work = Work(set(subjects[:1]))
    for _ in range(3):
        await work_at(runtime, work, START)
    work.broken = set()
    assert await work_at(runtime, work, START) == 0
    assert await work_at(other, work, START) == 1


async def test_a_row_that_is_cancelled_or_waits_for_a_lock_does_not_stop_those_behind_it(
    runtime: Runtime, subjects: list[UUID]
) -> None:
    work = Work(set())

    async def with_a_slow_row(connection: AsyncConnection, row: Row[Any]) -> bool:
        if row.subject == subjects[0]:
            await connection.execute(text("DO $$ BEGIN RAISE 'took too long' USING ERRCODE = 'query_canceled'; END $$"))
        if row.subject == subjects[1]:
            await connection.execute(text("DO $$ BEGIN RAISE 'is locked' USING ERRCODE = 'lock_not_available'; END $$"))
        return await work(connection, row)

    with clock.at(START):
        assert await chores.work_through(runtime.database, "test", DUE, with_a_slow_row) == 98


@pytest.mark.race("core/chores.py:Due")
async def test_a_row_that_another_worker_has_is_left_to_it_without_a_word_and_without_waiting(
    runtime: Runtime, subjects: list[UUID]
) -> None:
    work = Work(set())
    mine = "SELECT FROM attempt WHERE subject = %(subject)s FOR UPDATE"
    with capture_logs() as lines:
        async with holding(runtime, mine, subject=subjects[0]):
            assert await work_at(runtime, work, START) == 99
        assert await work_at(runtime, work, START) == len(subjects) - 99
    assert (work.tried, lines) == (len(subjects), [])


@pytest.mark.race("core/chores.py:Due")
async def test_a_row_that_somebody_has_settled_meanwhile_is_not_worked_on(runtime: Runtime, subjects: list[UUID]) -> None:
    work = Work(set())

    async def settle_the_next(connection: AsyncConnection, row: Row[Any]) -> bool:
        if row.subject == subjects[0]:
            async with runtime.database.autocommit() as other:
                await other.execute(update(attempt).where(attempt.c.subject == subjects[1]).values(count=1))
        return await work(connection, row)

    with clock.at(START):
        assert await chores.work_through(runtime.database, "test", DUE, settle_the_next) == 99
    assert work.tried == 99


async def test_a_database_that_goes_away_ends_the_round(runtime: Runtime, subjects: list[UUID]) -> None:
    tried = []

    async def lose_the_server(connection: AsyncConnection, row: Row[Any]) -> bool:
        tried.append(row.subject)
        await connection.execute(text("DO $$ BEGIN RAISE 'is away' USING ERRCODE = 'cannot_connect_now'; END $$"))
        return True

    with clock.at(START), pytest.raises(OperationalError):
        await chores.work_through(runtime.database, "test", DUE, lose_the_server)
    assert tried == subjects[:1]


@pytest.mark.usefixtures("subjects")
async def test_a_database_that_takes_no_writes_for_a_while_keeps_no_row_waiting_when_it_does(runtime: Runtime) -> None:
    async def find_a_standby(connection: AsyncConnection, row: Row[Any]) -> bool:
        await connection.execute(text("SET LOCAL transaction_read_only = on"))
        await connection.execute(update(attempt).where(attempt.c.subject == row.subject).values(count=1))
        return True

    with clock.at(START):
        for _ in range(5):
            with pytest.raises(InternalError):
                await chores.work_through(runtime.database, "test", DUE, find_a_standby)
    assert await work_at(runtime, Work(set()), START) == 100


async def test_a_row_that_takes_longer_than_its_round_gives_way_to_those_behind_it(
    runtime: Runtime, subjects: list[UUID]
) -> None:
    work = Work(set())

    async def never_end_with_the_first(connection: AsyncConnection, row: Row[Any]) -> bool:
        if row.subject == subjects[0]:
            asyncio.current_task().cancel()  # type: ignore[union-attr]
            await asyncio.sleep(0)
        return await work(connection, row)

    async def one_round() -> int:
        with clock.at(START):
            return await chores.work_through(runtime.database, "test", DUE, never_end_with_the_first)

    for _ in range(2):
        [ended] = await asyncio.gather(asyncio.create_task(one_round()), return_exceptions=True)
        assert isinstance(ended, asyncio.CancelledError)
    assert await one_round() == 100


@pytest.mark.parametrize("lost", [TimeoutError, NoConnection])
async def test_no_answer_in_time_ends_the_round_and_keeps_no_row_but_the_one_that_was_tried(
    runtime: Runtime, subjects: list[UUID], lost: type[Exception]
) -> None:
    tried = []

    async def find_no_answer(_: AsyncConnection, row: Row[Any]) -> bool:
        tried.append(row.subject)
        raise lost

    with clock.at(START):
        for _ in range(3):
            with pytest.raises(lost):
                await chores.work_through(runtime.database, "test", DUE, find_no_answer)
    assert tried == [subjects[0], subjects[0], subjects[1]]
    assert await work_at(runtime, Work(set()), START) == 100


@pytest.mark.usefixtures("subjects")
async def test_a_row_that_was_busy_for_an_hour_is_tried_again_within_a_minute(runtime: Runtime) -> None:
    async def meet_a_locked_row(*_: object) -> bool:
        raise Busy

    for minutes in range(0, 60, 5):
        with clock.at(START + timedelta(minutes=minutes)):
            await chores.work_through(runtime.database, "test", DUE, meet_a_locked_row)
    with clock.at(START + timedelta(minutes=60)):
        assert chores.list_passed_over(runtime.database, "test") == []


async def test_rows_of_a_duty_that_never_asks_which_failed_are_forgotten(runtime: Runtime) -> None:
    async def fail() -> None:
        raise ValueError

    for hours in range(3):
        with clock.at(START + timedelta(hours=2 * hours)):
            for _ in range(10):
                await chores.try_one(runtime.database, "test", ids.new_id(), fail)
    assert len(chores._failing[runtime.database]["test"]._failures) == 10


async def test_a_clock_that_was_set_back_keeps_no_row_waiting(runtime: Runtime, subjects: list[UUID]) -> None:
    work = Work(set(subjects[:1]))
    for _ in range(3):
        await work_at(runtime, work, START + timedelta(days=2))
    work.broken = set()
    assert await work_at(runtime, work, START) == 1


async def test_a_beat_of_a_clock_that_ran_ahead_hides_no_stopped_worker(runtime: Runtime) -> None:
    with clock.at(START + timedelta(days=30)):
        await chores.beat(runtime.database, Worker("ahead"))
    with clock.at(START):
        async with runtime.database.autocommit() as connection:
            assert await chores.since_beat(connection, "ahead") is None
            await chores.beat(runtime.database, Worker("ahead"))
            assert await chores.since_beat(connection, "ahead") == timedelta()
