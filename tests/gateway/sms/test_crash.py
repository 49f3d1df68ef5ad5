"""Workers in processes of their own, killed and side by side: nothing is lost, and nothing is sent twice but what is in doubt."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier
from sqlalchemy import make_url

from core import clock, settings
from core.runtime import Runtime
from gateway import worker
from gateway.sms import sending
from gateway.sms.provider import MOST_THREADS
from tests.conftest import JASHO, LOGS
from tests.gateway import vendors
from tests.gateway.post_office import PostOffice
from tests.gateway.vendors import Vendor

MESSAGES = 300
PHONES = 60
PATIENCE_SECONDS = 60


@asynccontextmanager
async def working(post: PostOffice) -> AsyncIterator[asyncio.subprocess.Process]:
    """`jasho worker` in a process of its own. It is gone when the block ends."""
    environment = {**os.environ, **settings.as_environment(post.runtime.settings)}
    with (LOGS / "sms-worker.log").open("w") as log:
        process = await asyncio.create_subprocess_exec(JASHO, "worker", env=environment, stdout=log, stderr=log)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def fill(post: PostOffice, count: int, phones: int) -> None:
    """Writes messages `m0`, `m1`, `m2` ... in order, to so many phones in turn."""
    with psycopg.connect(post.runtime.settings.database_url, autocommit=True) as connection:
        connection.execute(
            """INSERT INTO outbox (id, phone, language, body, created_at)
               SELECT gen_random_uuid(), '+2547220' || lpad((n %% %(phones)s)::text, 5, '0'), 'en', 'm' || n,
                   %(now)s + n * interval '1 microsecond'
               FROM generate_series(0, %(count)s - 1) AS n""",
            {"phones": phones, "count": count, "now": clock.now() - timedelta(seconds=1)},
        )


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await is_so():  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.05)  # between two looks at another process


def check_order(vendor: Vendor) -> None:
    """Each phone got its messages in the order in which they were written."""
    for phone in {request.form["to"] for request in vendor.requests}:
        got = [int(request.body[1:]) for request in vendor.requests if request.form["to"] == phone]
        assert got == sorted(got), phone


async def test_a_worker_killed_between_call_and_record_leaves_only_what_it_had_in_hand_in_doubt(
    post: PostOffice, africastalking: Vendor, twilio: Vendor
) -> None:
    fill(post, MESSAGES, MESSAGES)
    africastalking.usual = vendors.hangs
    async with working(post) as process:
        await africastalking.arrived(MOST_THREADS)
        process.kill()
        await process.wait()
    in_hand = set(africastalking.bodies)
    africastalking.usual = vendors.takes
    await post.all_rounds()
    assert await post.statuses() == {"sending": MOST_THREADS, "sent": MESSAGES - MOST_THREADS}
    with clock.at(clock.now() + timedelta(seconds=61)):
        assert await sending.release(post.runtime, post.pool) == MOST_THREADS
        await post.all_rounds()
    assert await post.in_doubt() == MOST_THREADS
    assert await post.statuses() == {"unsure": MOST_THREADS, "sent": MESSAGES - MOST_THREADS}
    await post.after(minutes=7)
    assert await post.statuses() == {"sent": MESSAGES}
    sent = Counter(africastalking.bodies + twilio.bodies)
    assert set(sent) == {f"m{number}" for number in range(MESSAGES)}, "nothing is lost"
    assert {body for body, times in sent.items() if times > 1} == in_hand, "nothing else was sent twice"
    assert max(sent.values()) == 2


@pytest.mark.parametrize("after", [1, 40, 150])
async def test_a_worker_killed_out_of_the_blue_loses_nothing(
    post: PostOffice, africastalking: Vendor, twilio: Vendor, after: int
) -> None:
    fill(post, MESSAGES, PHONES)
    async with working(post) as process:
        await africastalking.arrived(after)
        process.kill()
        await process.wait()
    with clock.at(clock.now() + timedelta(seconds=61)):
        in_doubt = await sending.release(post.runtime, post.pool)
        await post.all_rounds()
    assert in_doubt <= sending.MOST_IN_HAND
    for minutes in (7, 8):
        await post.after(minutes=minutes)
    assert await post.statuses() == {"sent": MESSAGES}
    sent = Counter(africastalking.bodies + twilio.bodies)
    assert len(sent) == MESSAGES
    assert sum(sent.values()) - MESSAGES <= in_doubt == await post.in_doubt()


async def test_answers_that_come_while_the_database_is_away_are_recorded_when_it_is_back(
    post: PostOffice, africastalking: Vendor
) -> None:
    fill(post, 20, 20)
    africastalking.usual = vendors.takes_when_released
    server = make_conninfo(post.runtime.settings.database_url, dbname="postgres")
    name = make_url(post.runtime.settings.database_url).database or ""
    async with working(post), await psycopg.AsyncConnection.connect(server, autocommit=True) as elsewhere:
        await africastalking.arrived(20)
        await elsewhere.execute(SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(Identifier(name)))
        await elsewhere.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        africastalking.release.set()
        log = LOGS / "sms-worker.log"

        async def has_failed() -> bool:
            return "an outage begins" in log.read_text()

        await until(has_failed)
        await elsewhere.execute(SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(Identifier(name)))

        async def is_done() -> bool:
            return await post.statuses() == {"sent": 20}

        await until(is_done)
    assert await post.in_doubt() == 0
    assert len(africastalking.bodies) == 20


async def test_an_answer_that_cannot_be_recorded_takes_no_other_with_it(post: PostOffice, africastalking: Vendor) -> None:
    fill(post, 20, 20)
    africastalking.usual = vendors.takes_when_released
    async with working(post), await psycopg.AsyncConnection.connect(post.runtime.settings.database_url, autocommit=True) as owner:
        await africastalking.arrived(20)
        await owner.execute("ALTER TABLE sms_attempt ADD CHECK (outcome IS NULL OR right(phone, 1) <> '7') NOT VALID")
        failing = await (await owner.execute("SELECT count(*) FROM sms_attempt WHERE right(phone, 1) = '7'")).fetchone()
        assert failing is not None
        assert 0 < failing[0] < 20
        africastalking.release.set()

        async def is_done() -> bool:
            return await post.statuses() == {"sent": 20 - failing[0], "sending": failing[0]}

        await until(is_done)
    assert len(africastalking.bodies) == 20


async def test_three_workers_at_once_send_each_message_once_and_in_order(post: PostOffice, africastalking: Vendor) -> None:
    fill(post, 3 * MESSAGES, PHONES)
    async with working(post), working(post), working(post):

        async def is_done() -> bool:
            return await post.statuses() == {"sent": 3 * MESSAGES}

        await until(is_done)
    assert len(africastalking.bodies) == len(set(africastalking.bodies)) == 3 * MESSAGES
    assert await post.in_doubt() == 0
    check_order(africastalking)


async def test_a_worker_that_is_stopped_waits_for_what_it_has_in_hand(post: PostOffice, africastalking: Vendor) -> None:
    fill(post, 5, 5)
    africastalking.usual = vendors.takes_when_released
    async with working(post) as process:
        await africastalking.arrived(5)
        process.send_signal(signal.SIGTERM)
        fill(post, 5, 5)
        africastalking.release.set()
        assert await asyncio.wait_for(process.wait(), PATIENCE_SECONDS) == 0
    assert await post.statuses() == {"sent": 5, "queued": 5}


@pytest.mark.parametrize("after", [1, 20, 60, 140])
async def test_a_worker_stopped_out_of_the_blue_leaves_nothing_in_doubt(
    post: PostOffice, africastalking: Vendor, after: int
) -> None:
    fill(post, MESSAGES, MESSAGES)
    async with working(post) as process:
        await africastalking.arrived(after)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), PATIENCE_SECONDS) == 0
    assert await post.statuses() == {"sent": len(africastalking.bodies), "queued": MESSAGES - len(africastalking.bodies)}


async def test_ten_thousand_messages_leave_and_none_is_lost(runtime: Runtime) -> None:
    with psycopg.connect(runtime.settings.database_url, autocommit=True) as connection:
        connection.execute(
            """INSERT INTO outbox (id, phone, language, body, created_at)
               SELECT gen_random_uuid(), '+2547220' || lpad((n %% 500)::text, 5, '0'), 'en', 'm' || n, %s
               FROM generate_series(1, 10000) AS n""",
            [clock.now()],
        )
        before = await asyncio.gather(*(drain(runtime) for _ in range(3)))
        row = connection.execute(
            "SELECT count(*), count(DISTINCT body) FROM outbox WHERE status = 'delivered' AND body ~ '^m[0-9]+$'"
        ).fetchone()
    assert row == (10_000, 10_000)
    assert sum(before) >= 10_000


async def drain(runtime: Runtime) -> int:
    total = 0
    while found := await worker.drain(runtime):
        total += found
    return total
