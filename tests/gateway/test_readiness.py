"""`/readyz`: a balancer learns whether to send customers here, and whoever else asks takes nothing from them."""

import asyncio
import socket
from contextlib import AsyncExitStack
from datetime import timedelta

import httpx2
import psycopg
import pytest
import redis.asyncio
from sqlalchemy import select

from core import chores, clock
from core.db import Database
from core.runtime import Runtime
from core.settings import Settings
from core.tables.chores import heartbeat
from gateway import worker
from gateway.app import connect_redis
from tests import pins
from tests.clocks import move_clock
from tests.conftest import running_client
from tests.phone import Phone

ASHA = "+254711000001"


async def test_ready_says_what_it_has_seen(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/readyz")
    assert answer.status_code == 200
    states = {"database": "answers", "schema": "fits", "redis": "answers", "worker": "none has worked in the last hour"}
    assert answer.json() == {"status": "ready", **states, "clock": "is the database's"}


async def test_a_process_whose_clock_is_wrong_is_not_ready_until_it_is_right(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        move_clock(patched, 900)
        async with running_client(settings) as client:
            answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["clock"]) == (503, "is wrong: no money is moved")
    async with running_client(settings) as client:
        assert (await client.get("/readyz")).status_code == 200


async def test_a_customer_whose_gateway_has_a_wrong_clock_reads_why_and_may_go_on_when_it_is_right(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asha = Phone(client, ASHA)
    await asha.dial()
    with monkeypatch.context() as patched:
        move_clock(patched, 900)
        assert "Your balance is KES" in (await asha.type("1")).text
        await asha.dial()
        screen = await asha.type("4", "0711000002", "50", pins.RIGHT)
    assert screen.text.startswith("We cannot move money just now. Nothing was done. Try again soon.\n")
    await asha.dial()
    assert "confirmed" in (await asha.type("4", "0711000002", "50", pins.RIGHT)).text


async def test_a_worker_that_stands_still_is_reported_and_customers_are_answered_all_the_same(
    settings: Settings, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = clock.now()
    with clock.at(begun):
        await chores.beat(runtime.database, chores.Worker("a-host"))
    async with running_client(settings) as client:
        assert (await client.get("/readyz")).json()["worker"] == "works"
    later = begun + timedelta(seconds=90)
    monkeypatch.setattr(clock, "now", lambda: later)
    async with running_client(settings) as client:
        answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["worker"]) == (200, "last worked 90 s ago")


async def test_dead_workers_are_let_go_of(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        await chores.beat(runtime.database, chores.Worker("an-old-host"))
    later = clock.now() + timedelta(hours=2)
    monkeypatch.setattr(clock, "now", lambda: later)
    await chores.beat(runtime.database, chores.Worker("a-new-host"))
    async with runtime.database.autocommit() as connection:
        assert (await connection.scalars(select(heartbeat.c.host))).all() == ["a-new-host"]


async def test_a_worker_writes_that_it_works(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    written = asyncio.Event()
    real = chores.beat

    async def beat(database: Database, process: chores.Worker) -> int:
        count = await real(database, process)
        written.set()
        return count

    monkeypatch.setattr(chores, "beat", beat)
    working = asyncio.create_task(worker.work(runtime, None))
    async with asyncio.timeout(20):
        await written.wait()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    async with runtime.database.autocommit() as connection:
        assert await chores.since_beat(connection, socket.gethostname()) is not None
        assert await chores.since_beat(connection, "another-host") is None


async def test_a_process_whose_schema_is_not_there_yet_gets_no_customers(settings: Settings) -> None:
    with psycopg.connect(settings.database_url) as connection:
        connection.execute("UPDATE schema_contract SET complete = '0001'")
    async with running_client(settings) as client:
        answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert (answer.json()["database"], answer.json()["schema"]) == ("answers", "does not fit this release")


async def test_a_process_keeps_its_customers_while_a_later_schema_allows_it_and_loses_them_after(settings: Settings) -> None:
    async with running_client(settings) as client:
        with psycopg.connect(settings.database_url) as connection:
            connection.execute("UPDATE schema_contract SET complete = '0099'")
        assert (await client.get("/readyz")).status_code == 200
    with psycopg.connect(settings.database_url) as connection:
        connection.execute("UPDATE schema_contract SET oldest = '0098'")
    async with running_client(settings) as client:
        answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["schema"]) == (503, "does not fit this release")


async def test_whoever_asks_takes_no_connection_from_customers(settings: Settings) -> None:
    async with running_client(settings) as client, redis.asyncio.Redis.from_url(settings.redis_url) as watch:
        await client.get("/readyz")
        before = {line["id"] for line in await watch.client_list()}
        asking = asyncio.create_task(crowd(client, 200))
        screens = await asyncio.gather(*(Phone(client, f"+2547110001{number:02}").dial() for number in range(20)))
        await asking
        after = {line["id"] for line in await watch.client_list()}
    assert [screen.text for screen in screens if "Sorry" in screen.text] == []
    assert len(after - before) <= 16


async def crowd(client: httpx2.AsyncClient, count: int) -> None:
    answers = await asyncio.gather(*(client.get("/readyz") for _ in range(count)))
    assert {answer.status_code for answer in answers} == {200}


async def test_a_crowd_that_asks_is_one_question_to_the_servers(settings: Settings) -> None:
    async with running_client(settings) as client, redis.asyncio.Redis.from_url(settings.redis_url) as watch:
        await client.get("/readyz")
        before = (await watch.info("commandstats"))["cmdstat_ping"]["calls"]
        await crowd(client, 200)
        after = (await watch.info("commandstats"))["cmdstat_ping"]["calls"]
    # Other processes of the suite use the same server.
    assert after - before < 50


async def test_a_customer_waits_for_a_connection_to_redis_where_all_are_in_use(redis_url: str) -> None:
    client = connect_redis(redis_url)
    async with AsyncExitStack() as stack:
        pipes = [await stack.enter_async_context(client.pipeline()) for _ in range(15)]
        for pipe in pipes:
            # A pipeline that watches keeps its connection.
            await pipe.watch("nothing")
        async with client.pipeline() as last:
            await last.watch("nothing")
            waiting = asyncio.ensure_future(client.ping())
            await asyncio.sleep(0)
            assert not waiting.done()
        assert await waiting
    await client.aclose()


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_an_address_without_a_secret_says_no_word_of_the_servers_addresses(client: httpx2.AsyncClient, path: str) -> None:
    text = (await client.get(path)).text
    assert "postgres" not in text
    assert "redis:" not in text
