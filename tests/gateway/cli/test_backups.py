"""`jasho backup` and `jasho restore`: a database that is gone comes back on another server, and nothing else does."""

import asyncio
import os
import shlex
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from sqlalchemy import make_url

from core import ids
from core.ledger.chart import FEES, SystemAccount
from core.ledger.transfer import Leg, Transfer
from core.runtime import Runtime
from core.settings import Settings, as_environment
from gateway import wiring
from gateway.cli import pg_clients
from gateway.cli.embedded import embedded
from tests import databases
from tests.conftest import JASHO
from tests.core.ledger.test_verify import Books, books, seal_all
from tests.gateway.cli.command import Done, check_failed_in_one_line, jasho

__all__ = ["books"]

pytestmark = pytest.mark.system

OTHER_KEY = "ab" * 32


@pytest.fixture
def second(own_folder: Path, settings: Settings) -> Iterator[Settings]:
    """Another server: it has no role of ours and has counted few transactions."""
    with embedded(own_folder) as servers:
        yield replace(settings, database_url=servers.database_url)


@pytest.fixture
def empty(settings: Settings, servers: object) -> Iterator[Settings]:
    """An empty database on the server that has the role."""
    assert servers is not None
    # A name that looks like an address.
    name = f"{databases.PREFIX}empty_{ids.new_id().hex[-12:]} a=b"
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    url = settings.database_url.replace(str(make_url(settings.database_url).database), quote(name), 1)
    yield replace(settings, database_url=url)
    databases.drop(url)


def backup(settings: Settings, folder: Path) -> Path:
    done = jasho(["backup", str(folder)], settings)
    assert done.returncode == 0, done.stderr
    return folder


def restore(settings: Settings, folder: Path, **variables: str) -> Done:
    return jasho(["restore", str(folder)], settings, **variables)


def tables(settings: Settings) -> int:
    with psycopg.connect(settings.database_url) as connection:
        row = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert row is not None
    return int(row[0])


async def pay(runtime: Runtime, books: Books, key: str) -> None:
    legs = (Leg(books.asha, -100), Leg(SystemAccount(FEES, "KES"), 100))
    await runtime.poster.submit(Transfer(ids.new_id(), books.asha, key, "send", legs))


async def test_a_database_that_is_gone_goes_on_on_another_server(books: Books, second: Settings, tmp_path: Path) -> None:
    first = books.runtime.settings
    await asyncio.to_thread(backup, first, tmp_path / "b")
    with psycopg.connect(first.database_url) as connection:
        before = connection.execute("SELECT max(xid), count(*) FROM transfer").fetchone()
        assert before is not None
    await books.damage("TRUNCATE account, transfer, posting, seal")
    done = await asyncio.to_thread(restore, second, tmp_path / "b")
    assert (done.returncode, done.stderr) == (0, "")
    assert "The books hold: " in done.stdout
    runtime = wiring.runtime(second)
    try:
        there = replace(books, runtime=runtime)
        async with runtime.database.autocommit() as connection_there:
            number = (await connection_there.exec_driver_sql("SELECT pg_snapshot_xmax(pg_current_snapshot())::text")).scalar_one()
        assert int(number) < before[0], "the second server was to be behind"
        for key in ("one", "two", "three"):
            await pay(runtime, there, key)
        await seal_all(runtime)
        assert await there.findings() == []
        await there.damage("UPDATE transfer SET kind = 'gift' WHERE id = :payment")
        [(_, row)] = await there.findings()
        assert row.startswith(f"transfer {books.payment} is not what seal ")
    finally:
        await runtime.close()


def test_a_backup_comes_back_where_the_role_is_there_already(settings: Settings, empty: Settings, tmp_path: Path) -> None:
    done = restore(empty, backup(settings, tmp_path / "b"))
    assert (done.returncode, done.stderr) == (0, "")


def test_a_backup_is_for_its_owner_alone_and_shows_nothing(settings: Settings, tmp_path: Path) -> None:
    folder = backup(settings, tmp_path / "b")
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b"]
    for path in folder.iterdir():
        assert b"PGDMP" not in path.read_bytes()
        assert b"Wanjiku" not in path.read_bytes()


def flip(path: Path, place: int) -> None:
    body = bytearray(path.read_bytes())
    body[place] ^= 1
    path.write_bytes(body)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a byte of the head": lambda folder: flip(folder / "database.dump.sealed", 20),
    "a byte in the middle": lambda folder: flip(folder / "database.dump.sealed", 40_000),
    "the last byte": lambda folder: flip(folder / "database.dump.sealed", -1),
    "cut off": lambda folder: os.truncate(folder / "database.dump.sealed", 30_000),
    "emptied": lambda folder: os.truncate(folder / "database.dump.sealed", 0),
    "longer": lambda folder: (folder / "database.dump.sealed").write_bytes((folder / "database.dump.sealed").read_bytes() + b"x"),
    "no dump": lambda folder: (folder / "database.dump.sealed").unlink(),
    "no manifest": lambda folder: (folder / "manifest.json").unlink(),
    "an odd manifest": lambda folder: (folder / "manifest.json").write_bytes(b"[\xff\x00"),
    "a list for a manifest": lambda folder: (folder / "manifest.json").write_text("[1]"),
    "a manifest that says something else": lambda folder: (folder / "manifest.json").write_text(
        (folder / "manifest.json").read_text().replace('"server": 1', '"server": 2')
    ),
}


def test_a_damaged_backup_or_another_key_is_one_line_and_changes_nothing(
    settings: Settings, empty: Settings, tmp_path: Path
) -> None:
    whole = backup(settings, tmp_path / "whole")
    for name, damage in DAMAGES.items():
        folder = tmp_path / name
        folder.mkdir()
        for path in whole.iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
        damage(folder)
        check_failed_in_one_line(restore(empty, folder))
    check_failed_in_one_line(restore(empty, whole, JASHO_BACKUP_KEY=OTHER_KEY), "another key")
    assert tables(empty) == 0


def test_a_database_that_is_not_empty_is_left_alone(settings: Settings, tmp_path: Path) -> None:
    before = tables(settings)
    check_failed_in_one_line(restore(settings, backup(settings, tmp_path / "b")), "not empty")
    assert tables(settings) == before


def test_a_full_disk_is_one_line_and_leaves_nothing(settings: Settings, tmp_path: Path) -> None:
    limited = ["sh", "-c", f"trap '' XFSZ; ulimit -f 8; exec {shlex.quote(str(JASHO))} backup '{tmp_path}/b'"]
    done = subprocess.run(
        limited, env={**os.environ, **as_environment(settings)}, capture_output=True, text=True, timeout=60, check=False
    )
    check_failed_in_one_line(done)
    assert list(tmp_path.iterdir()) == []


def test_a_backup_killed_before_its_end_looks_like_none(settings: Settings, empty: Settings, tmp_path: Path) -> None:
    with psycopg.connect(settings.database_url) as lock:
        lock.execute("LOCK TABLE customer IN ACCESS EXCLUSIVE MODE")
        process = subprocess.Popen([JASHO, "backup", str(tmp_path / "b")], env={**os.environ, **as_environment(settings)})
        while not any(list(folder.iterdir()) for folder in tmp_path.iterdir()):
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait(20)
    [unfinished] = tmp_path.iterdir()
    assert unfinished.name.startswith(".b.unfinished-")
    check_failed_in_one_line(restore(empty, unfinished), "manifest.json")
    assert tables(empty) == 0


def test_a_folder_that_is_there_is_not_written_over(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    check_failed_in_one_line(jasho(["backup", str(tmp_path)], settings), "there already")
    check_failed_in_one_line(jasho(["backup", str(tmp_path / "no" / "such")], settings))
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_production_needs_a_key_for_backups_of_its_own(settings: Settings, tmp_path: Path) -> None:
    secrets = {"JASHO_ENV": "production", "JASHO_CALLBACK_SECRET": "c", "JASHO_PIN_PEPPER": "p", "JASHO_DATA_KEY": OTHER_KEY}
    local = as_environment(settings)["JASHO_BACKUP_KEY"]
    done = jasho(["backup", str(tmp_path / "b")], settings, **secrets, JASHO_BACKUP_KEY=local)
    check_failed_in_one_line(done, "JASHO_BACKUP_KEY")


def test_a_client_that_is_older_than_the_server_is_told() -> None:
    with pytest.raises(pg_clients.NoClient, match=r"pg_dump of PostgreSQL 99 or newer is needed, and the newest here is of"):
        pg_clients.find("pg_dump", 99)
    with pytest.raises(pg_clients.NoClient, match="there is none here"):
        pg_clients.find("pg_none", 18)


def test_a_password_is_on_no_command_line() -> None:
    variables = pg_clients.environment("postgresql+psycopg://me:s%40cret@db.example:5433/books?sslmode=require")
    names = ("PGUSER", "PGPASSWORD", "PGHOST", "PGPORT", "PGDATABASE", "PGSSLMODE")
    assert [variables[name] for name in names] == ["me", "s@cret", "db.example", "5433", "books", "require"]


def test_a_password_from_the_environment_reaches_the_client_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "cret")
    assert pg_clients.environment("postgresql://me@db.example/books")["PGPASSWORD"] == "cret"
