"""`jasho archive` loses no WAL, whatever is killed or full, and says in its log what an operator has to know."""

import errno
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from core import ids
from core.settings import Settings, as_environment
from gateway.cli import archive, pg_clients
from gateway.cli.recovery.receiver import Receiver
from tests.conftest import JASHO
from tests.gateway.cli.command import check_failed_in_one_line, jasho
from tests.gateway.cli.recovery.clusters import archiving, ask, end_segment, log_of, serving, wait
from tests.gateway.cli.recovery.test_segments import NAME, Killed, content, opened, receive

PRODUCTION = {
    "JASHO_ENV": "production",
    "JASHO_CALLBACK_SECRET": "ab" * 32,
    "JASHO_PIN_PEPPER": "ab" * 32,
    "JASHO_DATA_KEY": "ab" * 32,
    "JASHO_BACKUP_KEY": "ab" * 32,
}


def test_a_full_disk_is_told_and_what_was_received_waits_for_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = opened(tmp_path / "wal")
    receive(made)

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def stop(_: float) -> None:
        raise Killed

    receiver = Receiver(Settings(), made, "jasho_archive", rest=stop)
    with monkeypatch.context() as patch:
        patch.setattr(archive, "seal", refuse)
        with pytest.raises(Killed):
            receiver.run()
    assert made.in_clear() == {NAME}
    receiver.seal_finished()
    assert content(made) == b"wal"


@pytest.fixture
def place(own_folder: Path) -> Iterator[Path]:
    yield own_folder
    for log in (log_of(own_folder / name) for name in ("wal", "other")):
        log.unlink(missing_ok=True)


def lines(folder: Path) -> list[dict[str, object]]:
    """What it has logged. In production each line is JSON, from the first on."""
    return [json.loads(line) for line in log_of(folder).read_text().splitlines() if line.startswith("{")]


def events(folder: Path) -> list[object]:
    return [line["event"] for line in lines(folder)]


@pytest.mark.system
def test_a_server_that_is_away_is_told_once_and_no_wal_is_missing_when_it_is_back(place: Path) -> None:
    wal = place / "wal"
    with ExitStack() as server:
        settings = server.enter_context(serving(place))
        with archiving(settings, wal, **PRODUCTION) as working:
            check_failed_in_one_line(jasho(["archive", str(wal)], settings, **PRODUCTION), "another jasho archive works")
            end_segment(settings, wal)
            server.close()
            wait(lambda: "the archive receives nothing" in events(wal))
            # As a full disk leaves the part that is begun.
            [part] = (wal / "received").glob("*.partial")
            os.truncate(part, 4096)
            with serving(place):
                wait(lambda: "the archive receives again" in events(wal))
                end_segment(settings, wal)
                assert working.poll() is None
    assert events(wal).count("the archive receives nothing") == 1
    assert "the archive has a gap" not in events(wal)
    assert events(wal)[:2] == ["the process starts", "the archive begins"]


@pytest.mark.system
def test_a_slot_that_is_gone_is_made_again_and_the_gap_is_told(place: Path) -> None:
    wal = place / "wal"
    with serving(place) as settings:
        with archiving(settings, wal, **PRODUCTION):
            ask(settings.database_url, "SELECT pg_logical_emit_message(true, 'x', 'x')")
            # No segment has ended yet, and there may be a base backup already. A part without WAL in it proves no gap.
            wait(lambda: any(part.read_bytes().strip(b"\0") for part in (wal / "received").glob("*.partial")))
        wait(lambda: ask(settings.database_url, "SELECT NOT active FROM pg_replication_slots") is True)
        ask(settings.database_url, "SELECT pg_drop_replication_slot('jasho_archive')")
        for _ in range(3):
            ask(settings.database_url, "SELECT pg_switch_wal() FROM pg_logical_emit_message(true, 'x', 'x')")
        ask(settings.database_url, "CHECKPOINT")  # until then a new slot finds all of it
        with archiving(settings, wal, **PRODUCTION):
            end_segment(settings, wal)
    gap = next(line for line in lines(wal) if line["event"] == "the archive has a gap")
    assert (wal / f"{gap['misses_from']}.partial.sealed").exists()
    assert (wal / f"{gap['goes_on_from']}.sealed").exists()


@pytest.mark.system
def test_a_login_that_may_not_replicate_is_told_in_one_line(settings: Settings, tmp_path: Path) -> None:
    name = f"jasho_reader_{ids.new_id().hex[-12:]}"
    ask(settings.database_url, f"DO $$ BEGIN CREATE ROLE {name} LOGIN; END $$")
    url = settings.database_url.replace("postgres@", f"{name}@", 1)
    try:
        for command in (["archive", str(tmp_path / "wal")], ["backup", "--base", str(tmp_path / "base")]):
            check_failed_in_one_line(jasho(command, settings, JASHO_MIGRATE_DATABASE_URL=url), "REPLICATION")
        assert list(tmp_path.iterdir()) == []
    finally:
        ask(settings.database_url, f"DO $$ BEGIN DROP ROLE {name}; END $$")


@pytest.mark.system
def test_a_base_backup_that_is_killed_looks_like_none_and_holds_no_wal_back(settings: Settings, tmp_path: Path) -> None:
    command = [str(JASHO), "backup", "--base", str(tmp_path / "b")]
    slots = "SELECT count(*) FROM pg_replication_slots WHERE slot_name LIKE 'jasho_base_%'"
    process = subprocess.Popen(command, env={**os.environ, **as_environment(settings)})
    wait(lambda: ask(settings.database_url, slots) == 1)
    process.send_signal(signal.SIGKILL)
    process.wait(20)
    wait(lambda: ask(settings.database_url, slots) == 0)
    [unfinished] = tmp_path.iterdir()
    assert unfinished.name.startswith(".b.unfinished-")
    check_failed_in_one_line(jasho(["restore", str(unfinished), "--into", str(tmp_path / "data")], settings), "manifest.json")


def test_a_slot_of_somebody_else_is_not_taken(tmp_path: Path) -> None:
    for name in ("standby_1", "jasho_archive 2", "", "jasho_archive_" + "x" * 50):
        check_failed_in_one_line(jasho(["archive", str(tmp_path / "wal"), "--slot", name]), "a slot's name is jasho_archive")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.system
def test_an_archive_that_stands_still_is_given_up(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By bounds on its side of the line, which it takes from the receiver and shows for TCP alone."""
    slot, passed = f"jasho_archive_{ids.new_id().hex[-12:]}", {}

    def stop(_: Path, __: object, variables: dict[str, str], **___: object) -> None:
        passed.update(variables)
        raise Killed

    monkeypatch.setattr(pg_clients, "running", stop)
    url = f"{settings.database_url}&options=-c%20statement_timeout%3D0"
    with pytest.raises(Killed):
        Receiver(replace(settings, database_url=url), opened(tmp_path / "wal", system_of(settings)), slot).run()
    ask(settings.database_url, f"SELECT pg_drop_replication_slot('{slot}')")
    with psycopg.connect(settings.database_url, options=passed["PGOPTIONS"]) as connection:
        rows = connection.execute("SELECT name FROM pg_settings WHERE source = 'client'").fetchall()
    assert {"tcp_user_timeout", "tcp_keepalives_idle", "statement_timeout"} <= {row[0] for row in rows}


def system_of(settings: Settings) -> str:
    return str(ask(settings.database_url, "SELECT system_identifier FROM pg_control_system()"))


@pytest.mark.system
def test_another_server_under_the_same_address_is_not_archived_into_the_folder(settings: Settings, tmp_path: Path) -> None:
    made = opened(tmp_path / "wal", system="2")
    with pytest.raises(archive.BadBackup, match="another one"):
        Receiver(settings, made, "jasho_archive").run()
    assert ask(settings.database_url, "SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'jasho_archive'") == 0
