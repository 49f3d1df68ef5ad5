"""`jasho archive` loses no WAL, whatever is killed or full, and says in its log what an operator has to know."""

import errno
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from core import ids
from core.settings import Settings, as_environment
from gateway.cli import archive
from gateway.cli.recovery import cluster, lineage, segments
from gateway.cli.recovery.receiver import Receiver
from gateway.cli.recovery.segments import Segments
from tests.conftest import JASHO
from tests.gateway.cli.command import check_failed_in_one_line, jasho
from tests.gateway.cli.recovery.clusters import archiving, ask, end_segment, log_of, serving, wait

KEY = bytes(range(32))
MEGABYTE = 2**20
NAME = "000000010000000000000007"
PRODUCTION = {
    "JASHO_ENV": "production",
    "JASHO_CALLBACK_SECRET": "ab" * 32,
    "JASHO_PIN_PEPPER": "ab" * 32,
    "JASHO_DATA_KEY": "ab" * 32,
    "JASHO_BACKUP_KEY": "ab" * 32,
}


class Killed(BaseException):
    """Nobody catches it, as nobody catches a kill."""


def opened(folder: Path, system: str = "1") -> Segments:
    return segments.begin(folder, KEY, cluster.Cluster(system, 18, MEGABYTE, 1, "replica", may_replicate=True))


def receive(made: Segments, name: str = NAME, content: bytes = b"wal") -> None:
    (made.received / name).write_bytes(content.ljust(MEGABYTE, b"\0"))


def content(made: Segments, name: str = NAME) -> bytes:
    return b"".join(made.read(name)).rstrip(b"\0")


def test_a_kill_between_any_two_steps_of_sealing_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, (owner, step) in enumerate([(archive, "seal"), (Path, "rename"), (archive, "sync"), (Path, "unlink")]):
        for is_done_before in (False, True):
            made = opened(tmp_path / f"{number}{is_done_before}")
            receive(made)
            with monkeypatch.context() as patch:
                patch.setattr(owner, step, killing(getattr(owner, step), is_done_before=is_done_before))
                with pytest.raises(Killed):
                    made.seal(NAME)
            assert made.in_clear() == {NAME} or content(made) == b"wal"
            for name in made.in_clear():
                made.seal(name)
            assert content(made) == b"wal"
            assert made.in_clear() == set()


def killing(step: Callable[..., object], *, is_done_before: bool) -> Callable[..., object]:
    def killed(*arguments: object, **options: object) -> object:
        # What makes room for the work comes first, and is not what is meant.
        if options.get("missing_ok"):
            return step(*arguments, **options)
        if is_done_before:
            step(*arguments, **options)
        raise Killed

    return killed


def test_a_segment_of_another_history_never_takes_the_place_of_what_is_sealed(tmp_path: Path) -> None:
    made = opened(tmp_path / "wal")
    receive(made)
    made.seal(NAME)
    receive(made, content=b"other")
    with pytest.raises(archive.BadBackup, match="another history"):
        made.seal(NAME)
    assert content(made) == b"wal"
    assert made.in_clear() == {NAME}


def test_of_two_parts_of_a_segment_the_longer_one_stays(tmp_path: Path) -> None:
    made = opened(tmp_path / "wal")
    for part in (b"a part", b"a part and more", b"a part"):
        receive(made, f"{NAME}.partial", part)
        made.seal(f"{NAME}.partial")
    assert content(made, f"{NAME}.partial") == b"a part and more"


def test_parts_that_do_not_agree_are_of_two_histories(tmp_path: Path) -> None:
    made = opened(tmp_path / "wal")
    for part in (b"a part", b"another part that is longer"):
        receive(made, f"{NAME}.partial", part)
        if part == b"a part":
            made.seal(f"{NAME}.partial")
    with pytest.raises(archive.BadBackup, match="another history"):
        made.seal(f"{NAME}.partial")
    assert content(made, f"{NAME}.partial") == b"a part"


def test_a_segment_that_ends_while_it_is_restored_is_read_all_the_same(tmp_path: Path) -> None:
    for number, seals in enumerate((False, True)):
        made = opened(tmp_path / str(number))
        receive(made, f"{NAME}.partial")
        [piece] = lineage.follow(made, NAME, {}, None).pieces
        (made.received / f"{NAME}.partial").rename(made.received / NAME)
        if seals:
            made.seal(NAME)
        assert b"".join(piece.read(made)).rstrip(b"\0") == b"wal"


def test_a_part_that_a_full_disk_kept_from_its_size_holds_nothing(tmp_path: Path) -> None:
    made = opened(tmp_path / "wal")
    receive(made)
    after = made.received / f"{NAME[:-1]}8.partial"
    after.write_bytes(b"\0" * 4096)
    assert [piece.name for piece in lineage.follow(made, NAME, {}, None).pieces] == [NAME]
    made.drop_empty_parts()
    assert list(made.received.iterdir()) == [made.received / NAME]


def test_what_is_received_is_for_its_owner_alone_in_a_folder_that_was_copied_too(tmp_path: Path) -> None:
    made = opened(tmp_path / "wal")
    made.received.chmod(0o755)
    assert opened(tmp_path / "wal").received.stat().st_mode & 0o077 == 0


def test_what_a_full_disk_leaves_of_a_sealed_file_does_not_fill_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = opened(tmp_path / "wal")
    receive(made)

    def fill(_: object, file: Path, *__: object) -> None:
        file.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(archive, "seal", fill)
    with pytest.raises(OSError, match="No space"):
        made.seal(NAME)
    assert not list(made.folder.glob(".*unfinished"))


def test_a_folder_is_for_one_server_and_one_key(tmp_path: Path) -> None:
    opened(tmp_path / "wal")
    with pytest.raises(archive.BadBackup, match="another server"):
        opened(tmp_path / "wal", system="2")
    with pytest.raises(archive.BadBackup, match="another key"):
        segments.read(tmp_path / "wal", KEY[::-1])


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
            end_segment(settings, wal)
        wait(lambda: ask(settings.database_url, "SELECT NOT active FROM pg_replication_slots") is True)
        ask(settings.database_url, "SELECT pg_drop_replication_slot('jasho_archive')")
        for _ in range(3):
            ask(settings.database_url, "SELECT pg_switch_wal() FROM pg_logical_emit_message(true, 'x', 'x')")
        ask(settings.database_url, "CHECKPOINT")  # until then a new slot finds all of it
        with archiving(settings, wal, **PRODUCTION):
            end_segment(settings, wal)
    gap = next(line for line in lines(wal) if line["event"] == "the archive has a gap")
    assert str(gap["misses_from"]) < str(gap["goes_on_from"])


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
def test_another_server_under_the_same_address_is_not_archived_into_the_folder(settings: Settings, tmp_path: Path) -> None:
    made = opened(tmp_path / "wal", system="2")
    with pytest.raises(archive.BadBackup, match="another one"):
        Receiver(settings, made, "jasho_archive").run()
    assert ask(settings.database_url, "SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'jasho_archive'") == 0
