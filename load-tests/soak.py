"""`make soak`: minutes of what `tests/crash` does for seconds: the bank test, kills of the service and of PostgreSQL,
another release that takes over, the model.

It tells what it does on stderr and ends with one line, `soak transfers=N kills=K losses=0 doubles=0`. It fails where money was
lost or moved twice, the audit found something, or the ledger and its model disagree.
"""

import asyncio
import logging
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import psycopg
import structlog

from core import migrations
from core.db import Database
from gateway.cli.embedded import FOLDER, embedded
from tests import databases
from tests.crash import bank, payer, upgrade
from tests.crash.bank import Finding, Receipt
from tests.crash.rounds import Payer, kill_postgres, paying

ROOT = Path(__file__).parents[1]
BANK_SERVICES = 8
BANK_WATCHERS = 2
BANK_SECONDS = 20
SERVICE_KILLS = 25
POSTGRES_KILLS = 6
PAYMENTS = 400
UPGRADE_STEP = 60
ENDLESS = 10_000_000
# Played longer than by `make test`, and something else every time.
MODELS = ("tests/core/ledger/test_model.py", "tests/core/jobs/test_model.py", "tests/journeys/test_random_phones.py")
MODEL_SECONDS = 170
RANDOM_PHONES = {"RANDOM_PHONES_EXAMPLES": "12"}


@dataclass
class Tally:
    transfers: int = 0
    kills: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def line(self) -> str:
        doubles = sum(finding.kind == "double" for finding in self.findings)
        return f"soak transfers={self.transfers} kills={self.kills} losses={len(self.findings) - doubles} doubles={doubles}"

    def add(self, findings: Sequence[Finding]) -> None:
        self.findings += findings
        for finding in findings[:20]:
            say(f"FOUND {finding.kind}: {finding.what}")


def main() -> int:
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
    )
    tally = Tally()
    folder = FOLDER / "soak" / uuid4().hex[:8]
    try:
        asyncio.run(crash(folder, tally))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    wrong = [model for model in MODELS if not play(model)]
    print(tally.line)
    return 1 if tally.findings or wrong else 0


def say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


async def crash(folder: Path, tally: Tally) -> None:
    with ExitStack() as servers:
        running = servers.enter_context(embedded(folder))
        url = running.database_url
        await take_over(await opened(url, "upgrade"), running.redis_url, folder / "next", tally)
        await run_bank(await opened(url, "bank"), tally)
        kills_url = await opened(url, "kills")
        receipts: list[Receipt] = []
        for number in range(SERVICE_KILLS):
            await kill_service(kills_url, number, receipts, tally)
        for number in range(POSTGRES_KILLS):
            await kill_database(kills_url, number, receipts, tally, folder, servers)
        tally.transfers += count(kills_url)


async def opened(server_url: str, name: str) -> str:
    """The address of a new database with a bank in it."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    url = databases.url_of(server_url, name)
    await asyncio.to_thread(migrations.migrate, url)
    await bank.open_accounts(url)
    return url


async def run_bank(url: str, tally: Tally) -> None:
    """Some services pay while readers look; at the end all services are killed at once."""
    say(f"bank: {BANK_SERVICES} services and {BANK_WATCHERS} readers for {BANK_SECONDS} s")
    database = Database(url)
    until = time.monotonic() + BANK_SECONDS
    seen = 0

    async def watch() -> None:
        nonlocal seen
        while time.monotonic() < until:
            async with database.transaction() as connection:
                tally.add([Finding("loss", wrong) for wrong in await bank.glance(connection)])
            seen += 1
            await asyncio.sleep(0.1)  # leaves the machine to those who pay

    async def pay(service: Payer) -> None:
        try:
            await asyncio.wait_for(service.read(), BANK_SECONDS)
        except TimeoutError:
            service.kill()
        tally.kills += 1
        await service.ended()

    async with AsyncExitStack() as stack:
        services = [await stack.enter_async_context(paying(url, f"s{number}", ENDLESS)) for number in range(BANK_SERVICES)]
        await asyncio.gather(*(pay(service) for service in services), *(watch() for _ in range(BANK_WATCHERS)))
    await database.close()
    receipts = [receipt for service in services for receipt in service.receipts]
    say(f"bank: {len(receipts)} payments acknowledged, {seen} snapshots in balance; retries what the kills have left open")
    left_open = [key for number, service in enumerate(services) for key in last_keys(f"s{number}", service.receipts)]
    receipts += await bank.pay_all(url, left_open)
    findings, _ = await bank.examine(url, receipts)
    tally.add(findings)
    tally.transfers += count(url)


async def take_over(url: str, redis_url: str, folder: Path, tally: Tally) -> None:
    """The next release migrates and serves under load, with a worker in each process."""
    say("upgrade: another release takes over under load")
    settings = upgrade.production(url, redis_url)
    await upgrade.open_people(settings)
    load = await upgrade.take_over(settings, folder, step=UPGRADE_STEP)
    say(f"upgrade: {len(load.receipts)} payments and {len(load.sent)} sends acknowledged, {load.looked} balances shown")
    tally.add(await upgrade.examine(settings, load))
    tally.transfers += count(url)


def last_keys(name: str, receipts: Sequence[Receipt]) -> list[str]:
    """The keys that were under way when the service was killed, and some that were answered shortly before."""
    last = max((int(receipt.key.removeprefix(f"{name}n")) for receipt in receipts), default=0)
    return [f"{name}n{number}" for number in range(max(0, last - 500), last + payer.TELLERS + 1)]


async def kill_service(url: str, number: int, receipts: list[Receipt], tally: Tally) -> None:
    failpoint = ("", *payer.FAILPOINTS)[number % (1 + len(payer.FAILPOINTS))]
    nth = random.randint(1, 200 if failpoint == "told" else 10)
    name = f"service{number}x"
    async with paying(url, name, PAYMENTS, failpoint, nth) as service:
        if not failpoint:
            await service.read(most=nth * 20)
            service.kill()
        await service.ended()
    tally.kills += 1
    say(f"service killed {failpoint or 'out of the blue'}: {len(service.receipts)} of {PAYMENTS} acknowledged")
    await retry(url, name, receipts, service, tally)


async def kill_database(url: str, number: int, receipts: list[Receipt], tally: Tally, folder: Path, servers: ExitStack) -> None:
    name = f"database{number}x"
    async with paying(url, name, PAYMENTS) as service:
        await service.read(most=random.randint(1, 250))
        kill_postgres(folder)
        tally.kills += 1
        if number % 2:
            service.kill()
            tally.kills += 1
        await asyncio.to_thread(servers.enter_context, embedded(folder))
        await service.ended()
    say(f"PostgreSQL killed{' and the service' if number % 2 else ''}: {len(service.receipts)} of {PAYMENTS} acknowledged")
    await retry(url, name, receipts, service, tally)


async def retry(url: str, name: str, receipts: list[Receipt], service: Payer, tally: Tally) -> None:
    """Examines what the crash has left; then every payment is tried again."""
    receipts += service.receipts
    findings, _ = await bank.examine(url, receipts)
    tally.add(findings)
    again = await bank.pay_all(url, payer.keys(name, PAYMENTS))
    if len(again) != PAYMENTS:
        tally.add([Finding("loss", f"{name}: {PAYMENTS - len(again)} payments got no answer although all is well")])
    receipts += again
    findings, _ = await bank.examine(url, receipts)
    tally.add(findings)


def count(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM transfer").fetchone()
    assert row is not None
    return int(row[0])


def play(model: str) -> bool:
    say(f"model: {model}")
    command = [sys.executable, "-m", "pytest", model, "--hypothesis-profile", "soak", "-p", "no:cacheprovider"]
    environment = {**os.environ, **RANDOM_PHONES}
    try:
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=sys.stderr, timeout=MODEL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        say(f"model: not done after {MODEL_SECONDS} s")
        return False
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
