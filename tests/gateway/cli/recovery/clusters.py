"""Servers of their own for tests of recovery: whoever copies a server's files copies every database in it."""

import asyncio
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from core import demo, ids, migrations
from core.customers import profiles
from core.ledger.chart import FEES, SystemAccount
from core.ledger.transfer import Leg, Transfer
from core.runtime import Runtime
from core.settings import Settings, as_environment
from gateway import wiring
from gateway.cli import pg_clients
from gateway.cli.embedded import embedded
from tests.conftest import JASHO, LOGS
from tests.gateway.cli.command import Done, jasho

PAYER = "+254711000001"
_IS_RECEIVED = "SELECT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = 'jasho_archive' AND active)"


@contextmanager
def serving(folder: Path) -> Iterator[Settings]:
    """A server on the folder's data, once it takes writes."""
    with embedded(folder) as servers:
        wait(lambda: ask(servers.database_url, "SELECT NOT pg_is_in_recovery()") is True)
        yield Settings(database_url=servers.database_url, redis_url=servers.redis_url)


def prepare(settings: Settings) -> None:
    """Brings a fresh server to the newest schema and loads the demo people."""

    async def load() -> None:
        runtime = wiring.runtime(settings)
        try:
            await demo.create_people(runtime)
        finally:
            await runtime.close()

    migrations.migrate(settings.database_url)
    asyncio.run(load())


def pay(settings: Settings, *keys: str) -> None:
    """A transfer for each key, one after the other."""

    async def paying(runtime: Runtime) -> None:
        payer = await profiles.find(runtime, PAYER)
        assert payer is not None
        for key in keys:
            legs = (Leg(payer.wallet, -100), Leg(SystemAccount(FEES, "KES"), 100))
            await runtime.poster.submit(Transfer(ids.new_id(), payer.wallet, key, "send", legs))

    async def run() -> None:
        runtime = wiring.runtime(settings)
        try:
            await paying(runtime)
        finally:
            await runtime.close()

    asyncio.run(run())


def keys(settings: Settings, prefix: str = "k") -> set[str]:
    """The keys of the transfers that were made by `pay`."""
    with psycopg.connect(settings.database_url) as connection:
        rows = connection.execute("SELECT key FROM transfer WHERE starts_with(key, %s)", [prefix]).fetchall()
    return {str(row[0]) for row in rows}


def ask(url: str, question: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(question.encode())
        row = cursor.fetchone() if cursor.description else None
    return row[0] if row else None


def moment(settings: Settings) -> datetime:
    """The server's own clock, whose times are in the WAL."""
    shown = ask(settings.database_url, "SELECT clock_timestamp()")
    assert isinstance(shown, datetime)
    return shown


def wait(is_so: Callable[[], bool]) -> None:
    """Until it is so, in another process."""
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)  # between two looks at another process


@contextmanager
def archiving(settings: Settings, folder: Path, **variables: str) -> Iterator["subprocess.Popen[bytes]"]:
    """`jasho archive` beside the block, with its log in `LOGS`."""
    environment = {**os.environ, **as_environment(settings), **variables}
    with log_of(folder).open("ab") as log:
        process = subprocess.Popen([JASHO, "archive", str(folder)], env=environment, stdout=log, stderr=log)
    try:
        wait(lambda: process.poll() is not None or ask(settings.database_url, _IS_RECEIVED) is True)
        yield process
    finally:
        process.terminate()
        process.wait(20)


def log_of(folder: Path) -> Path:
    return LOGS / f"archive-{folder.parent.name}-{folder.name}.log"


def end_segment(settings: Settings, folder: Path) -> None:
    """Ends the present segment, and waits until the archive has it."""
    name = ask(settings.database_url, "SELECT pg_walfile_name(pg_switch_wal())")
    wait((folder / f"{name}.sealed").exists)


def restored(settings: Settings, *arguments: object, **variables: str) -> Done:
    """`jasho restore`, on a machine that reaches no server."""
    away = replace(settings, database_url="postgresql://nobody@127.0.0.1:1/none")
    return jasho(["restore", *map(str, arguments)], away, **variables)


def data_folder(folder: Path, like: int) -> Path:
    """An empty folder in which the embedded server will look for its data: it belongs to its user."""
    data = folder / "postgres"
    data.mkdir(parents=True, mode=0o700)
    os.chown(data, like, -1)
    return data


@contextmanager
def standby(primary: Settings, folder: Path) -> Iterator[Settings]:
    """A server that follows the primary, and answers questions."""
    data = data_folder(folder, _owner(primary))
    variables = pg_clients.environment(primary.database_url)
    program = pg_clients.find("pg_basebackup", 18)
    arguments = [f"--pgdata={data}", "--write-recovery-conf", "--checkpoint=fast"]
    with pg_clients.running(program, arguments, variables):
        pass
    for path in data.rglob("*"):
        os.chown(path, data.stat().st_uid, -1)
    for socket in data.glob(".s.PGSQL.*"):
        socket.unlink()
    with embedded(folder) as servers:
        wait(lambda: ask(servers.database_url, "SELECT pg_is_in_recovery()") is True)
        name = str(make_url(primary.database_url).database)
        url = servers.database_url.replace("/postgres?", f"/{name}?", 1)
        yield Settings(database_url=url, redis_url=servers.redis_url)


def _owner(settings: Settings) -> int:
    return Path(str(ask(settings.database_url, "SHOW data_directory"))).stat().st_uid
