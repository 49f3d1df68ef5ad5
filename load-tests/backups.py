"""What a backup costs those who post meanwhile: `PYTHONPATH=. .venv/bin/python load-tests/backups.py`, two minutes.

Each of 16 payers posts one transfer after the other: beside nothing, beside dumps one after the other, beside base backups,
beside dumps that a standby gives. A line for each case:
`backups beside=... backups=N each_s=N posts_s=N p50_ms=N worst_ms=N account_mb=BEFORE..AFTER`.
"""

import asyncio
import itertools
import os
import shutil
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import psycopg

from core import ids, migrations
from core.db import conninfo
from core.ledger.chart import TRUST, SystemAccount
from core.ledger.poster import Poster
from core.ledger.transfer import Leg, Transfer
from core.settings import Settings, as_environment
from gateway.cli.embedded import FOLDER, embedded
from tests import databases
from tests.crash import bank
from tests.gateway.cli.recovery.clusters import ask, standby

PAYERS = 16
SECONDS = 15.0
# What a backup has to read: a few seconds' worth.
ROWS = 150_000
TOGETHER = 500
_JASHO = Path(sys.executable).parent / "jasho"
_KEYS = itertools.count()


def deposit() -> Transfer:
    wallet = bank.wallet("KES", next(_KEYS) % bank.WALLETS)
    return Transfer(ids.new_id(), wallet, uuid4().hex, "deposit", (Leg(wallet, 100), Leg(SystemAccount(TRUST, "KES"), -100)))


async def measure(url: str, options: list[str] | None, source: Settings, folder: Path) -> str:
    """The figures of the payers while backups follow each other; a last one that is at work at the end is waited for."""
    poster = Poster(conninfo(url), bank.COUNTRY)
    began = time.monotonic()
    is_over = asyncio.Event()
    seconds: list[float] = []
    backups: list[float] = []

    async def pay() -> None:
        while not is_over.is_set():
            before = time.monotonic()
            await poster.submit(deposit())
            seconds.append(time.monotonic() - before)

    async def back_up() -> None:
        while time.monotonic() < began + SECONDS:
            if options is None:
                await asyncio.sleep(0.1)  # posting alone is measured
                continue
            before = time.monotonic()
            await asyncio.to_thread(run, options, source, folder)
            backups.append(time.monotonic() - before)
        is_over.set()

    size = account_megabytes(url)
    await asyncio.gather(back_up(), *(pay() for _ in range(PAYERS)))
    rate = len(seconds) / (time.monotonic() - began)
    await poster.close()
    milliseconds = sorted(1000 * each for each in seconds)
    each = f"{statistics.mean(backups):.1f}" if backups else "-"
    figures = f"posts_s={rate:.0f} p50_ms={statistics.median(milliseconds):.0f} worst_ms={milliseconds[-1]:.0f}"
    return f"backups={len(backups)} each_s={each} {figures} account_mb={size:.1f}..{account_megabytes(url):.1f}"


def run(options: list[str], source: Settings, folder: Path) -> None:
    """One backup, which is deleted."""
    made = folder / uuid4().hex
    environment = {**os.environ, **as_environment(source)}
    subprocess.run([_JASHO, "backup", *options, made], env=environment, check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(made)


def account_megabytes(url: str) -> float:
    size = ask(url, "SELECT pg_total_relation_size('account')")
    assert isinstance(size, int)
    return size / 2**20


async def fill(url: str) -> None:
    await bank.open_accounts(url)
    poster = Poster(conninfo(url), bank.COUNTRY)
    for _ in range(ROWS // TOGETHER):
        await asyncio.gather(*(poster.submit(deposit()) for _ in range(TOGETHER)))
    await poster.close()


async def main() -> None:
    folder = FOLDER / "backups" / uuid4().hex[:8]
    with ExitStack() as servers:
        primary = servers.enter_context(embedded(folder / "primary"))
        with psycopg.connect(primary.database_url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE backups")
        url = databases.url_of(primary.database_url, "backups")
        settings = Settings(database_url=url, redis_url=primary.redis_url)
        migrations.migrate(url)
        await fill(url)
        print(f"backups database_mb={megabytes(url):.0f}", flush=True)
        cases: dict[str, list[str] | None] = {"nothing": None, "dumps": [], "base_backups": ["--base"]}
        for name, options in cases.items():
            empty_account(url)
            print(f"backups beside={name} {await measure(url, options, settings, folder)}", flush=True)
        copy = servers.enter_context(standby(settings, folder / "standby"))
        for name, options in {"a_standby": None, "dumps_of_a_standby": []}.items():
            empty_account(url)
            print(f"backups beside={name} {await measure(url, options, copy, folder)}", flush=True)
    shutil.rmtree(folder)


def megabytes(url: str) -> float:
    size = ask(url, "SELECT pg_database_size(current_database())")
    assert isinstance(size, int)
    return size / 2**20


def empty_account(url: str) -> None:
    """Each case begins with a table without old rows."""
    ask(url, "VACUUM (FULL, ANALYZE) account")


if __name__ == "__main__":
    asyncio.run(main())
