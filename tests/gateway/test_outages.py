"""Redis or PostgreSQL away: the customer reads a plain sentence in time, and the service recovers by itself."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psutil
import pytest
from redis.asyncio import Redis

from core import demo, migrations
from core.settings import Settings
from gateway import wiring
from gateway.cli.embedded import embedded
from gateway.ussd.failing import LOOK_FIRST, NOTHING_DONE
from tests import pins
from tests.conftest import running_client
from tests.phone import Phone, Screen

ASHA = "+254711000001"
# What the network would wait, less what it needs itself.
PATIENCE_SECONDS = 8
# Nobody knows what was asked before, where the session cannot be read.
APOLOGIES = {"postgres": NOTHING_DONE, "valkey-server": LOOK_FIRST}


@contextmanager
def own_servers(folder: Path) -> Iterator[Settings]:
    with embedded(folder) as servers:
        yield Settings(database_url=servers.database_url, redis_url=servers.redis_url)


async def prepare(settings: Settings) -> None:
    migrations.migrate(settings.database_url)
    runtime = wiring.runtime(settings)
    await demo.create_people(runtime)
    await runtime.close()


def processes(folder: Path, name: str) -> list[psutil.Process]:
    """The server's main process first, its children after it."""
    for process in psutil.process_iter(["name", "cmdline"]):
        if process.info["name"] == name and any(str(folder) in part for part in process.info["cmdline"] or []):
            return [process, *process.children(recursive=True)]
    raise AssertionError(f"no {name} of {folder} runs")


@contextmanager
def frozen(folder: Path, name: str) -> Iterator[None]:
    """The server takes connections and answers nothing."""
    stopped = processes(folder, name)
    for process in stopped:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in stopped:
            process.send_signal(signal.SIGCONT)


async def in_time(answer: "asyncio.Future[Screen] | asyncio.Task[Screen]") -> Screen:
    return await asyncio.wait_for(answer, PATIENCE_SECONDS)


async def dial_in_time(phone: Phone, code: str = "*384*96#") -> Screen:
    return await in_time(asyncio.ensure_future(phone.dial(code)))


async def check_apology(client: httpx2.AsyncClient, sentence: str) -> None:
    screen = await dial_in_time(Phone(client, ASHA))
    assert not screen.is_open
    assert screen.text.startswith(sentence)
    assert "Samahani" in screen.text
    await check_readiness(client, 503)
    assert (await client.get("/healthz")).status_code == 200


async def check_readiness(client: httpx2.AsyncClient, status: int) -> None:
    """An answer stands for a second, so that this asks until there is another. Fails where there is none in time."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            if (await client.get("/readyz")).status_code == status:
                return


async def check_service(client: httpx2.AsyncClient) -> None:
    asha = Phone(client, ASHA)
    await asha.dial()
    assert "Your balance is" in (await asha.type("1")).text
    await check_readiness(client, 200)


@pytest.mark.parametrize("server", ["postgres", "valkey-server"])
async def test_a_server_that_hangs_costs_a_sentence_and_its_return_is_noticed(own_folder: Path, server: str) -> None:
    with own_servers(own_folder) as settings:
        await prepare(settings)
        async with running_client(settings) as client:
            await check_service(client)
            with frozen(own_folder, server):
                await check_apology(client, APOLOGIES[server])
            await check_service(client)


async def test_a_payment_that_hangs_before_anything_left_says_that_nothing_was_done_and_is_right(own_folder: Path) -> None:
    with own_servers(own_folder) as settings:
        await prepare(settings)
        async with running_client(settings) as client:
            asha = Phone(client, ASHA)
            await asha.dial("*384*96*4*0722000002*500#")
            with frozen(own_folder, "postgres"):
                screen = await in_time(asyncio.ensure_future(asha.type(pins.RIGHT)))
            assert screen.text == NOTHING_DONE
            assert await asha.send_again() == screen
            assert (await asha.dial("*384*96*1#")).text.startswith("Your balance is KES 12,500.")


@pytest.mark.parametrize("server", ["postgres", "valkey-server"])
async def test_a_hop_that_waited_for_its_turn_and_meets_a_silent_database_is_answered_in_time(
    own_folder: Path, server: str
) -> None:
    with own_servers(own_folder) as settings:
        await prepare(settings)
        async with running_client(settings) as client, Redis.from_url(settings.redis_url) as redis:
            asha = Phone(client, ASHA)
            await asha.dial("*384*96*4*0722000002*500#")
            # Of a hop that does not end.
            await redis.set(f"ussd:{{{ASHA}}}:turn", b"another", px=4_000)
            answer = asyncio.ensure_future(asha.type(pins.RIGHT))
            await asyncio.sleep(0)
            if server == "valkey-server":
                await asyncio.wait({answer}, timeout=3)
            with frozen(own_folder, server):
                screen = await in_time(answer)
            assert screen.text.startswith(APOLOGIES[server])
            assert (await asha.dial("*384*96*1#")).text.startswith("Your balance is KES 12,500.")


async def test_servers_that_died_are_back_without_a_restart_of_the_service(own_folder: Path) -> None:
    with own_servers(own_folder) as settings:
        await prepare(settings)
        async with running_client(settings) as client:
            await check_service(client)
            for name in ("valkey-server", "postgres"):
                killed = processes(own_folder, name)
                for process in killed:
                    process.kill()
                psutil.wait_procs(killed, timeout=10)
                # With PostgreSQL alone it would be known that nothing was done.
                await check_apology(client, APOLOGIES["valkey-server"])
            with own_servers(own_folder) as again:
                assert again == settings
                await check_service(client)
