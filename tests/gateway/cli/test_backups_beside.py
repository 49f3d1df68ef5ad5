"""What happens beside a dump and a restore: time-outs, a kill, another release, rows that are missing, a standby."""

import json
import os
import pty
import signal
import subprocess
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Thread

import psycopg
import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, event, make_url

from core import migrations
from core.settings import Settings, as_environment
from gateway import logs
from gateway.cli import archive, backups
from gateway.cli.recovery.folder import refuse_newer
from tests.conftest import JASHO
from tests.gateway.cli.command import check_failed_in_one_line, jasho
from tests.gateway.cli.recovery import clusters
from tests.gateway.cli.recovery.clusters import ask, wait
from tests.gateway.cli.test_backups import backup, empty, restore, tables

__all__ = ["empty"]

pytestmark = pytest.mark.system

_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
_RESTORES = """
    SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
        AND application_name = 'pg_restore' AND backend_xid IS NOT NULL)
"""

# So that it is killed in the middle: each table takes a while.
_SLOW = """
    CREATE FUNCTION slow() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.05); END $$;
    CREATE EVENT TRIGGER slow ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION slow()
"""


def hold_customers(settings: Settings) -> None:
    """Locks them as soon as it can, for longer than the time-outs."""
    with psycopg.connect(settings.database_url) as connection:
        connection.execute("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET transaction_timeout = 0")
        connection.execute("LOCK TABLE customer IN ACCESS EXCLUSIVE MODE")
        connection.execute("SELECT pg_sleep(1)")


def test_time_outs_of_the_owners_login_do_not_end_a_slow_dump(settings: Settings, tmp_path: Path) -> None:
    name = make_url(settings.database_url).database
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        for time_out in ("idle_in_transaction_session_timeout", "statement_timeout", "transaction_timeout"):
            connection.execute(f"ALTER DATABASE {name} SET {time_out} = '700ms'".encode())
    dumping = Thread(target=backup, args=(settings, tmp_path / "b"))
    # It comes between pg_dump, which is in the queue before it, and the counting of rows.
    holding = Thread(target=hold_customers, args=(settings,))
    with psycopg.connect(settings.database_url) as lock:
        lock.execute("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET transaction_timeout = 0")
        lock.execute("LOCK TABLE customer IN ACCESS EXCLUSIVE MODE")
        dumping.start()
        wait(lambda: ask(settings.database_url, _WAITING) == 1)
        holding.start()
        wait(lambda: ask(settings.database_url, _WAITING) == 2)
        lock.execute("SELECT pg_sleep(1)")
    dumping.join()
    holding.join()
    assert (tmp_path / "b" / "manifest.json").exists()


@pytest.mark.usefixtures("contrived")
def test_a_period_of_messages_that_is_over_is_dropped_after_the_dump_and_not_amid_it(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows are in the dump. Not counted, they would make a restore refuse it."""
    with psycopg.connect(settings.database_url, autocommit=True) as owner:
        for statement in ("DROP TABLE sms_attempt_first", "DROP TABLE outbox_first", "SELECT period_make('2027-06-01', 15)"):
            owner.execute(statement.encode())
        owner.execute(
            "INSERT INTO outbox (id, phone, language, body, status, created_at)"
            " VALUES (period_first_id('2027-06-02'), '+254711000001', 'en', 'x', 'sent', '2027-06-02')"
        )

        def drop(_: object, __: object, statement: str, *___: object) -> None:
            if statement == "SELECT count(*) FROM account":
                with suppress(psycopg.errors.LockNotAvailable):
                    owner.execute("SELECT period_drop('2028-01-01')")

        for name, value in as_environment(settings).items():
            monkeypatch.setenv(name, value)
        # This process's log is that of the tests.
        monkeypatch.setattr(logs, "configure", lambda *_: None)
        event.listen(Engine, "before_cursor_execute", drop)
        try:
            CliRunner().invoke(backups.backup, [str(tmp_path / "b")], catch_exceptions=False)
        finally:
            event.remove(Engine, "before_cursor_execute", drop)
    assert json.loads((tmp_path / "b" / "manifest.json").read_text())["counts"]["outbox"] == 1


def test_a_restore_that_is_killed_leaves_the_database_empty(settings: Settings, empty: Settings, tmp_path: Path) -> None:
    folder = backup(settings, tmp_path / "b")
    with psycopg.connect(empty.database_url) as connection:
        connection.execute(_SLOW)
    process = subprocess.Popen([JASHO, "restore", str(folder)], env={**os.environ, **as_environment(empty)})
    wait(lambda: ask(empty.database_url, _RESTORES) is True)
    check_failed_in_one_line(restore(empty, folder), "another restore into this database")
    process.send_signal(signal.SIGKILL)
    process.wait(20)
    wait(lambda: ask(empty.database_url, _RESTORES) is False)
    assert tables(empty) == 0
    with psycopg.connect(empty.database_url) as connection:
        connection.execute("DROP EVENT TRIGGER slow; DROP FUNCTION slow()")
    done = restore(empty, folder)
    assert (done.returncode, done.stderr) == (0, "")


def altered(folder: Path, settings: Settings, **changes: object) -> Path:
    """The backup with another manifest under the right key."""
    key = settings.backup_key_bytes
    manifest = archive.read_manifest(folder, key)
    archive.write_manifest(folder, replace(manifest, **changes), key)  # type: ignore[arg-type]
    return folder


def test_a_backup_of_a_newer_release_is_refused(settings: Settings, empty: Settings, tmp_path: Path) -> None:
    folder = altered(backup(settings, tmp_path / "b"), settings, schema=f"{int(migrations.newest()) + 1:04}")
    check_failed_in_one_line(restore(empty, folder), "ahead of this release")
    assert tables(empty) == 0
    manifest = archive.read_manifest(folder, settings.backup_key_bytes)
    for version in (migrations.newest(), "0001"):
        refuse_newer(replace(manifest, schema=version))


def test_a_backup_of_a_newer_server_is_refused(settings: Settings, empty: Settings, tmp_path: Path) -> None:
    folder = altered(backup(settings, tmp_path / "b"), settings, server=99)
    check_failed_in_one_line(restore(empty, folder), "of PostgreSQL 99", "this server of 18")
    assert tables(empty) == 0


def test_a_database_that_lacks_rows_serves_nobody(settings: Settings, empty: Settings, tmp_path: Path) -> None:
    folder = backup(settings, tmp_path / "b")
    counts = archive.read_manifest(folder, settings.backup_key_bytes).counts
    altered(folder, settings, counts={**counts, "transfer": counts["transfer"] + 1})
    check_failed_in_one_line(restore(empty, folder), "not as many")
    assert tables(empty) == 0
    assert jasho(["migrate"], empty).returncode != 0
    check_failed_in_one_line(restore(empty, folder), "not empty")


def test_a_person_at_a_terminal_sees_how_far_a_backup_is(settings: Settings, tmp_path: Path) -> None:
    mine, terminal = pty.openpty()
    command = [str(JASHO), "backup", str(tmp_path / "b")]
    done = subprocess.run(command, env={**os.environ, **as_environment(settings)}, stderr=terminal, check=False)
    os.close(terminal)
    shown = os.read(mine, 65_536).decode()
    os.close(mine)
    assert done.returncode == 0
    assert "dumped: 0 MiB" in shown


def test_a_dump_of_a_standby_is_that_of_its_primary(own_folder: Path, empty: Settings, tmp_path: Path) -> None:
    with clusters.serving(own_folder / "primary") as primary:
        clusters.prepare(primary)
        clusters.pay(primary, "k-first")
        with clusters.standby(primary, own_folder / "standby") as copy:
            wait(lambda: "k-first" in clusters.keys(copy))
            folder = backup(copy, tmp_path / "b")
    done = restore(empty, folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert clusters.keys(empty) == {"k-first"}
