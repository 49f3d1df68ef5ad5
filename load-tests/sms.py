"""The outbox's figure: 10,000 queued messages through Africa's Talking's SDK, beside as many bare calls of the same SDK.

Both make as many calls at once, to the same process on loopback, which answers after 50 ms. Half of the bare calls run before
ours and half after. Nothing may be lost or sent twice.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
from africastalking.SMS import SMSService
from figures import Figure

from core.settings import Settings
from gateway import wiring
from gateway.sms import sending
from gateway.sms.provider import MOST_THREADS

MESSAGES = 10_000
BODY = "ABCDE12345 confirmed. You received KES 500 from Asha Wanjiku 0711000001. Balance KES 3,700."
_LEFT = "SELECT count(*) FILTER (WHERE status = 'sent'), count(*) FROM outbox WHERE language = 'bench'"


def sms_outbox(settings: Settings) -> list[Figure]:
    """Messages a second, from the outbox to the record of the provider's answer."""
    with vendor() as url:
        bench_settings = replace(
            settings, vendors={"JASHO_AT_USERNAME": "bench", "JASHO_AT_API_KEY": "k", "JASHO_AT_BASE_URL": url}
        )
        bare = calls(url, MESSAGES // 2)
        fill(bench_settings)
        ours = asyncio.run(drain(bench_settings))
        bare = (bare + calls(url, MESSAGES // 2)) / 2
    remark = f"bare calls of the same SDK, {MOST_THREADS} at once, no database (10,000 queued messages, a 50 ms provider)"
    return [Figure("sms_outbox", MESSAGES / ours, 1 / bare, "messages/s", remark)]


@contextmanager
def vendor() -> Iterator[str]:
    command = [sys.executable, str(Path(__file__).parent / "vendor.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.stdin.close()


def calls(url: str, count: int) -> float:
    """Seconds for each of `count` bare calls."""
    service = SMSService("bench", "k")
    service._baseUrl = f"{url}/version1"  # noqa: SLF001 - where the SDK keeps it
    begun = time.perf_counter()
    with ThreadPoolExecutor(MOST_THREADS) as threads:
        answers = threads.map(lambda number: service.send(BODY, [f"+2547220{number:05d}"]), range(count))
        assert all(answer["SMSMessageData"]["Recipients"][0]["statusCode"] == 101 for answer in answers)
    return (time.perf_counter() - begun) / count


def fill(settings: Settings) -> None:
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute("UPDATE outbox SET status = 'delivered' WHERE status <> 'delivered'")
        connection.execute("UPDATE outbox SET language = 'en' WHERE language = 'bench'")
        connection.execute(
            """INSERT INTO outbox (id, phone, language, body, created_at)
               SELECT uuidv7(), '+2547220' || lpad(n::text, 5, '0'), 'bench', %s, now() FROM generate_series(1, %s) AS n""",
            [BODY, MESSAGES],
        )
        connection.execute("ANALYZE outbox")


async def drain(settings: Settings) -> float:
    """Seconds until the last message is recorded as sent. Fails where one is lost or was sent twice."""
    runtime = wiring.runtime(settings)
    pool = wiring.sms_pool(settings)
    assert pool is not None
    begun = time.perf_counter()
    worker = asyncio.create_task(sending.keep_sending(runtime, pool))
    async with await psycopg.AsyncConnection.connect(settings.database_url, autocommit=True) as watcher:
        sent = 0
        while sent < MESSAGES:
            await asyncio.sleep(0.2)
            [(sent, messages)] = await (await watcher.execute(_LEFT)).fetchall()
            assert messages == MESSAGES
        seconds = time.perf_counter() - begun
        row = await (
            await watcher.execute(
                """SELECT count(*), count(DISTINCT outbox_id) FROM sms_attempt JOIN outbox ON outbox.id = outbox_id
                   WHERE language = 'bench'"""
            )
        ).fetchone()
        assert row == (MESSAGES, MESSAGES), "a message was sent twice"
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    await runtime.close()
    return seconds
