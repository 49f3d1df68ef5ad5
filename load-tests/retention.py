"""How long old messages take to go, and what a sender beside it notices: `python load-tests/retention.py [MESSAGES]`.

It makes the messages in an embedded server of its own, sends one after the other for a while with nothing else going on, deletes
the old ones with a sender beside it, and fills as many again to see whether the tables have grown. Two turns are of messages from
before the periods, which go row by row, and two of messages that go with their period, in a time to come that the clock plays.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text

from core import clock, ids
from core.messaging import notices, outbox
from core.messaging.notices import Reader
from core.retention import deletion, periods
from core.runtime import Runtime
from core.settings import Settings
from gateway import wiring
from gateway.cli.embedded import embedded
from gateway.cli.serve import prepare

OLD = timedelta(days=120)
PERIODS_BEGIN = timedelta(days=60)
_ID = "CAST(overlay(CAST(:first AS text) placing lpad(to_hex(n), 12, '0') from 25 for 12) AS uuid)"
_FILL = text(
    f"""WITH message AS (
        INSERT INTO outbox (id, phone, language, body, status, created_at, claimed_at, delivered_at, provider)
        SELECT {_ID}, '+2547' || lpad(CAST(n % 50000 AS text), 8, '0'), 'en', repeat('x', 120), 'delivered', :old, :old, :old, 'x'
        FROM generate_series(1, :many) n RETURNING id, phone)
    INSERT INTO sms_attempt (id, outbox_id, number, phone, provider, parts, begun_at, outcome, provider_id, answered_at)
    SELECT id, id, 1, phone, 'x', 1, :old, 'sent', CAST(id AS text), :old FROM message"""  # noqa: S608
)
_SIZE = text(
    "SELECT sum(pg_total_relation_size(relid)) FROM (SELECT relid FROM pg_partition_tree('outbox')"
    " UNION ALL SELECT relid FROM pg_partition_tree('sms_attempt')) AS every"
)


class Asha(Reader):
    phone, language = "+254711000001", "en"


async def send(runtime: Runtime, until: asyncio.Event, took: list[float]) -> None:
    """Writes a message and sends it, again and again; `took` gets the milliseconds of each."""
    while not until.is_set():
        begun = time.perf_counter()
        async with runtime.database.transaction() as connection:
            await notices.tell(runtime, connection, Asha(), "x")
        await outbox.hand_over(runtime, 50, "local")
        took.append((time.perf_counter() - begun) * 1000)


async def fill(runtime: Runtime, many: int) -> None:
    """As statements of the owner's: the application's may not take so long."""
    old, first = clock.now(), ids.new_id()
    await periods.turn_over(runtime)
    async with runtime.database.transaction() as connection:
        await connection.execute(text("SET LOCAL statement_timeout = 0"))
        await connection.execute(_FILL, {"first": str(first), "many": many, "old": old})


async def beside(runtime: Runtime, name: str, work: asyncio.Task[None]) -> None:
    until, took = asyncio.Event(), list[float]()
    sender = asyncio.create_task(send(runtime, until, took))
    await work
    until.set()
    await sender
    median, late = statistics.median(took), statistics.quantiles(took, n=100)[98]
    print(f"sender {name}: {len(took)} sent, median {median:.1f} ms, 99% {late:.1f} ms, worst {max(took):.1f} ms")


async def clear(runtime: Runtime) -> None:
    rounds, begun, count = list[float](), time.perf_counter(), 0
    for duty in (periods.turn_over, deletion.delete_ended):
        number = 1
        while number:
            started = time.perf_counter()
            number = await duty(runtime)
            rounds.append((time.perf_counter() - started) * 1000)
            count += number
    # So that what the sender notices is measured for as long in each turn.
    await asyncio.sleep(max(0.0, 5 - (time.perf_counter() - begun)))
    seconds, median, worst = sum(rounds) / 1000, statistics.median(rounds), max(rounds)
    print(f"deleted {count} rows or periods in {seconds:.1f} s; a round: median {median:.1f} ms, worst {worst:.1f} ms")


async def measure(settings: Settings, many: int) -> None:
    runtime = wiring.runtime(settings)
    try:
        for turn, begins in enumerate((-OLD, -OLD, PERIODS_BEGIN, PERIODS_BEGIN + 2 * OLD), start=1):
            moment = clock.now() + begins
            with clock.at(moment):
                await fill(runtime, many)
            async with runtime.database.autocommit() as connection:
                print(f"turn {turn}: {many} old messages, {int(await connection.scalar(_SIZE) or 0) / 1e6:.0f} MB")
            with clock.at(moment + OLD):
                await beside(runtime, "alone", asyncio.create_task(asyncio.sleep(5)))
                await beside(runtime, "beside the deletion", asyncio.create_task(clear(runtime)))
            async with runtime.database.autocommit() as connection:
                # As autovacuum does within a minute; here it must not be waited for.
                await connection.execute(text("SET ROLE NONE"))
                await connection.execute(text("VACUUM (INDEX_CLEANUP ON) outbox, sms_attempt"))
    finally:
        await runtime.close()


def main() -> None:
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    with tempfile.TemporaryDirectory() as folder, embedded(Path(folder)) as servers:
        settings = Settings(database_url=servers.database_url, redis_url=servers.redis_url)
        prepare(settings)
        asyncio.run(measure(settings, many))


if __name__ == "__main__":
    main()
