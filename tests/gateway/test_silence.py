"""A line to the database that falls silent: no duty is held by it for long, and SMS leave when it is back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from core import features
from core.db import APPLICATION_ROLE, HASTY_SESSION, SESSION, Database
from core.faults import is_away
from core.faults.silence import ANSWER_SECONDS, patience
from core.messaging import kinds
from core.operations import switches
from core.runtime import Runtime
from core.settings import Settings
from gateway import wiring, worker
from gateway.backoff import short_pauses
from gateway.sms import sending
from tests.crash.silent_line import SilentLine, silent_line
from tests.gateway.post_office import PostOffice, connected
from tests.gateway.vendors import Vendor

# After the line is back.
CODE_SECONDS = 5


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[Runtime]:
    runtime = wiring.runtime(settings)
    task = asyncio.create_task(worker.work(runtime, wiring.sms_pool(settings, runtime.switches)))
    try:
        yield runtime
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await runtime.close()


async def is_carried(post: PostOffice, vendor: Vendor, body: str, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while body not in [request.body for request in vendor.requests]:
            await post.statuses()


async def is_noticed(post: PostOffice, line: SilentLine, lines: list[dict[str, str]]) -> None:
    async with asyncio.timeout(60):
        while not line.swallowed or not any(line["event"] == "an outage begins" for line in lines):
            await post.statuses()


@pytest.mark.parametrize("forgets", [True, False])
@pytest.mark.parametrize("is_long", [True, False])
async def test_a_code_leaves_within_seconds_when_a_silent_line_is_back(
    post: PostOffice, settings: Settings, africastalking: Vendor, *, forgets: bool, is_long: bool
) -> None:
    async with silent_line(settings.database_url) as (line, by_way):
        with capture_logs() as lines:
            async with working(connected(replace(settings, database_url=by_way), africastalking)):
                await post.queue("before")
                await is_carried(post, africastalking, "before", 30)
                line.fall_silent(forgets=forgets)
                await post.queue("the code", phone="+254722000002", kind=kinds.CODE)
                if is_long:
                    await is_noticed(post, line, lines)  # type: ignore[arg-type]
                line.come_back()
                await is_carried(post, africastalking, "the code", CODE_SECONDS)
    assert [request.body for request in africastalking.requests] == ["before", "the code"]


async def test_a_silent_line_is_given_up_and_whoever_comes_next_gets_another(settings: Settings) -> None:
    async with silent_line(settings.database_url) as (line, by_way):
        database = Database(by_way, connections=1)
        async with database.autocommit() as connection:
            await connection.scalar(text("SELECT 1"))
        line.fall_silent(forgets=True)
        with patience(0.2), pytest.raises(OperationalError) as caught:
            async with database.autocommit() as connection:
                await connection.scalar(text("SELECT 1"))
        assert is_away(caught.value)
        line.come_back()
        async with asyncio.timeout(20), database.autocommit() as connection:
            assert await connection.scalar(text("SELECT 1")) == 1
        await database.close()


async def test_a_slow_statement_is_ended_by_the_server_and_not_taken_for_a_silent_line(settings: Settings) -> None:
    assert int(SESSION["statement_timeout"].removesuffix("s")) < ANSWER_SECONDS
    database = Database(settings.database_url, connections=1)
    async with database.autocommit() as connection:
        backend = await connection.scalar(text("SELECT pg_backend_pid()"))
        await connection.execute(text("SET statement_timeout = '50ms'"))
        with pytest.raises(OperationalError) as caught:
            await connection.execute(text("SELECT pg_sleep(5)"))
    assert isinstance(caught.value.orig, psycopg.errors.QueryCanceled)
    async with database.autocommit() as connection:
        assert await connection.scalar(text("SELECT pg_backend_pid()")) == backend
    await database.close()


@pytest.mark.parametrize("limit", ["statement_timeout", "lock_timeout"])
async def test_a_slow_lease_is_ended_by_the_server_before_the_sender_takes_the_line_for_dead(
    settings: Settings, limit: str
) -> None:
    database = Database(settings.database_url, connections=1, session=HASTY_SESSION)
    async with database.autocommit() as connection:
        most_ms = await connection.scalar(text("SELECT setting::int FROM pg_settings WHERE name = :name"), {"name": limit})
        assert await connection.scalar(text("SELECT current_user")) == APPLICATION_ROLE
    await database.close()
    assert most_ms / 1000 < sending.ANSWER_SECONDS


def test_a_silent_line_and_the_wait_after_it_are_shorter_together_than_a_code_may_take() -> None:
    longest_pause = max(next(short_pauses()) for _ in range(100))
    switches_seconds = switches._WAIT_SECONDS * switches._MOST_WAITS
    assert sending.ANSWER_SECONDS + max(longest_pause, switches_seconds) < CODE_SECONDS


async def test_a_duty_that_hangs_is_ended_and_does_its_next_round(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "growing_pauses", lambda: iter([0.0] * 9))
    rounds, has_gone_on = 0, asyncio.Event()

    async def hang_once() -> int:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            await asyncio.Event().wait()
        has_gone_on.set()
        return 0

    with capture_logs() as lines:
        task = asyncio.create_task(worker._repeat(runtime, "a test's", hang_once, 60, most_seconds=0.05))
        async with asyncio.timeout(20):
            await has_gone_on.wait()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert [(line["event"], line["what"]) for line in lines if line["log_level"] == "error"] == [("an outage begins", "a duty")]


@pytest.mark.parametrize("rest_seconds", [0, 3_600])
async def test_a_worker_that_is_stopped_in_the_moment_of_an_answer_ends(runtime: Runtime, rest_seconds: int) -> None:
    """The driver may forget that its task was cancelled: then the worker would work on, until it is killed."""
    begun = asyncio.Event()

    async def forget_the_cancellation() -> int:
        is_first = not begun.is_set()
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if not is_first:
                raise
        return 0 if rest_seconds else 1

    task = asyncio.create_task(worker._repeat(runtime, "a test's", forget_the_cancellation, rest_seconds))
    async with asyncio.timeout(20):
        await begun.wait()
        task.cancel()
        await asyncio.wait({task}, timeout=2)
    assert task.cancelled()


def test_every_duty_has_a_deadline_that_its_work_can_meet() -> None:
    for duty in features.DUTIES:
        assert ANSWER_SECONDS < duty.most_seconds <= 30 or duty.name in ("retention: periods", "retention: delete")
