"""A base backup and the WAL after it: a server that is gone comes back at any moment, exactly, or not at all."""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from threading import Thread
from uuid import uuid4

import pytest

from core.ledger import audit
from core.settings import Settings, as_environment
from gateway import wiring
from gateway.cli import archive
from gateway.cli.command import Failure
from gateway.cli.recovery import cluster, point
from gateway.cli.recovery.segments import read
from tests.conftest import FOLDER, JASHO, LOGS
from tests.core.ledger.test_verify import seal_all
from tests.gateway.cli.command import check_failed_in_one_line, jasho
from tests.gateway.cli.recovery import clusters
from tests.gateway.cli.recovery.clusters import archiving, data_folder, end_segment, keys, pay, restored, serving

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("past")]

SEGMENT_BYTES = 16 * 2**20
OTHER_KEY = "ab" * 32


@dataclass(frozen=True)
class Past:
    """What is left of a server that is gone. `moment` is after the transfer `k-before` and before `k-after`."""

    folder: Path
    settings: Settings
    moment: datetime
    owner: int
    all_keys: set[str]

    @property
    def base(self) -> Path:
        return self.folder / "base"

    @property
    def wal(self) -> Path:
        return self.folder / "wal"


@pytest.fixture(scope="module")
def past() -> Iterator[Past]:
    folder = FOLDER / uuid4().hex[:8]
    folder.mkdir(parents=True)
    LOGS.mkdir(parents=True, exist_ok=True)
    with serving(folder / "first") as settings:
        clusters.prepare(settings)
        posting = Thread(target=pay, args=(settings, *(f"k-beside-{number}" for number in range(100))))
        with archiving(settings, folder / "wal") as archive:
            pay(settings, "k-begin")
            posting.start()
            done = jasho(["backup", "--base", str(folder / "base")], settings)
            assert done.returncode == 0, done.stderr
            archive.kill()
        # Its receiver goes on alone, and is ended by the next one.
        with archiving(settings, folder / "wal"):
            posting.join()
            pay(settings, "k-before")
            moment = clusters.moment(settings)
            end_segment(settings, folder / "wal")
            pay(settings, "k-after")
            end_segment(settings, folder / "wal")
            pay(settings, "k-last")
            end_segment(settings, folder / "wal")
        all_keys = keys(settings)
    owner = (folder / "first" / "postgres").stat().st_uid
    shutil.rmtree(folder / "first")
    yield Past(folder, settings, moment, owner, all_keys)
    shutil.rmtree(folder)


@pytest.fixture
def place(past: Past) -> Iterator[Path]:
    """A folder that PostgreSQL's user gets into."""
    folder = past.folder / uuid4().hex[:8]
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)
    clusters.log_of(folder / "wal").unlink(missing_ok=True)


async def check_that_it_goes_on(settings: Settings) -> None:
    """Posting, sealing and proving."""
    done = jasho(["migrate"], settings)
    assert done.returncode == 0, done.stderr
    runtime = wiring.runtime(settings)
    try:
        await seal_all(runtime)
        report = await audit.verify(runtime.database)
        assert report.findings == []
        assert report.sealed == report.transfers
    finally:
        await runtime.close()


def check_that_a_gap_is_told(settings: Settings, wal: Path) -> None:
    first = clusters.ask(settings.database_url, "SELECT pg_walfile_name(pg_switch_wal())")
    clusters.ask(settings.database_url, "CHECKPOINT")
    with archiving(settings, wal):
        end_segment(settings, wal)
    written = clusters.log_of(wal).read_text()
    [line] = [line for line in written.splitlines() if "the archive has a gap" in line]
    assert f"misses_from={first}" in line


async def test_a_server_that_is_gone_comes_back_at_a_moment_and_goes_another_way(past: Past, place: Path) -> None:
    wal = place / "wal"
    shutil.copytree(past.wal, wal)
    data = data_folder(place / "second", past.owner)
    done = restored(past.settings, past.base, "--into", data, "--wal", wal, "--until", past.moment.isoformat())
    assert (done.returncode, done.stderr) == (0, "")
    with serving(place / "second") as second:
        assert keys(second) == past.all_keys - {"k-after", "k-last"}
        await check_that_it_goes_on(second)
        assert not (data / "jasho_recovery").exists()
        assert "recovery" not in (data / "postgresql.auto.conf").read_text()
        with archiving(second, wal):
            await asyncio.to_thread(pay, second, "k-other-way")
            end_segment(second, wal)
        await check_that_it_goes_on(second)
    data = data_folder(place / "third", past.owner)
    assert restored(past.settings, past.base, "--into", data, "--wal", wal).returncode == 0
    with serving(place / "third") as third:
        assert keys(third) == past.all_keys - {"k-after", "k-last"} | {"k-other-way"}
        await check_that_it_goes_on(third)
        # It drops where its timeline begins, before an archive comes, which has later segments of the first server.
        check_that_a_gap_is_told(third, wal)
    with pytest.raises(archive.BadBackup, match="lacks the segment 00000003"):
        bring_back(past, past.base, wal, place / "none")
    data = data_folder(place / "fourth", past.owner)
    assert restored(past.settings, past.base, "--into", data, "--wal", wal, "--timeline", 1).returncode == 0
    with serving(place / "fourth") as fourth:
        assert keys(fourth) == past.all_keys


async def test_a_base_backup_comes_back_alone(past: Past, place: Path) -> None:
    data = data_folder(place / "second", past.owner)
    assert restored(past.settings, past.base, "--into", data).returncode == 0
    with serving(place / "second") as second:
        assert "k-begin" in keys(second)
        assert "k-before" not in keys(second)
        await check_that_it_goes_on(second)


def flip(path: Path, place: int) -> None:
    body = bytearray(path.read_bytes())
    body[place] ^= 1
    path.write_bytes(body)


def segments(folder: Path) -> list[Path]:
    return sorted((folder / "wal").glob("0*.sealed"))


def swap(first: Path, second: Path) -> None:
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)


# Each with a word of the line that tells it.
DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a byte of the base": (lambda folder: flip(folder / "base" / "base.tar.gz.sealed", 40_000), "base.tar.gz.sealed"),
    "the base cut off": (lambda folder: os.truncate(folder / "base" / "base.tar.gz.sealed", 30_000), "bytes"),
    "no base": (lambda folder: (folder / "base" / "base.tar.gz.sealed").unlink(), "No such file"),
    "a manifest that says something else": (lambda folder: flip(folder / "base" / "manifest.json", 60), "manifest.json"),
    "a byte of a segment": (lambda folder: flip(segments(folder)[-2], 2_000), "changed"),
    "a segment cut off": (lambda folder: os.truncate(segments(folder)[-2], 1_000), "cut off"),
    "an empty segment": (lambda folder: os.truncate(segments(folder)[-2], 0), "no sealed file"),
    "a segment under another one's name": (lambda folder: swap(*segments(folder)[-2:]), "changed"),
    "a missing segment": (lambda folder: segments(folder)[-2].unlink(), "lacks the segment"),
    "no note of whose the WAL is": (lambda folder: (folder / "wal" / "manifest.json").unlink(), "manifest.json"),
}


def bring_back(past: Past, base: Path, wal: Path, data: Path, until: datetime | None = None) -> None:
    """In this process, where many are tried."""
    key = past.settings.backup_key_bytes
    manifest = archive.read_manifest(base, key)
    point.restore(point.Recovery(base, manifest, key, read(wal, key), until), data)


def test_what_is_damaged_or_missing_is_one_line_and_leaves_nothing(past: Past, place: Path) -> None:
    for name, (damage, word) in DAMAGES.items():
        folder = place / name
        for part in ("base", "wal"):
            shutil.copytree(past.folder / part, folder / part)
        damage(folder)
        with pytest.raises((archive.BadBackup, FileNotFoundError), match=word) as error:
            bring_back(past, folder / "base", folder / "wal", folder / "data")
        assert "\n" not in str(error.value)
        assert {path.name for path in folder.iterdir()} == {"base", "wal"}


def test_another_key_is_one_line_and_leaves_nothing(past: Past, place: Path) -> None:
    done = restored(past.settings, past.base, "--into", place / "data", "--wal", past.wal, JASHO_BACKUP_KEY=OTHER_KEY)
    check_failed_in_one_line(done, "another key")
    assert list(place.iterdir()) == []


def test_a_moment_that_the_backup_and_the_wal_do_not_reach_leaves_nothing(past: Past, place: Path) -> None:
    for days, word in ((1, "before that moment"), (-1, "take an older backup")):
        with pytest.raises(Failure, match=word):
            bring_back(past, past.base, past.wal, place / "data", past.moment + timedelta(days=days))
    arguments = (past.base, "--into", place / "data")
    check_failed_in_one_line(restored(past.settings, *arguments, "--wal", past.wal, "--until", "2026-11-26T14:05"), "its zone")
    check_failed_in_one_line(restored(past.settings, *arguments, "--until", past.moment.isoformat()), "--wal")
    assert list(place.iterdir()) == []


def test_postgresql_is_told_the_moment_in_a_zone_that_it_knows(past: Past, place: Path) -> None:
    far = past.moment.astimezone(timezone(timedelta(hours=23)))
    bring_back(past, past.base, past.wal, place / "data", far)
    written = (place / "data" / "postgresql.auto.conf").read_text()
    assert f"recovery_target_time = '{past.moment.astimezone(UTC).isoformat(sep=' ')}'" in written


def test_no_moment_is_not_taken_for_all_of_it(past: Past, place: Path) -> None:
    arguments = (past.base, "--into", place / "data", "--wal", past.wal, "--until")
    check_failed_in_one_line(restored(past.settings, *arguments, ""), "its zone")
    assert list(place.iterdir()) == []


def test_wal_that_nothing_proves_is_told(past: Past, place: Path) -> None:
    shutil.copytree(past.wal, place / "wal")
    number = cluster.segment_number(segments(place)[-1].name, SEGMENT_BYTES)
    part = place / "wal" / "received" / f"{cluster.segment_name(1, number + 1, SEGMENT_BYTES)}.partial"
    part.write_bytes(b"")
    os.truncate(part, SEGMENT_BYTES)
    done = restored(past.settings, past.base, "--into", place / "data", "--wal", place / "wal")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{part.name} had been received and not sealed" in done.stdout
    shutil.rmtree(place / "wal" / "received")
    done = restored(past.settings, past.base, "--into", place / "other", "--wal", place / "wal")
    assert "not sealed" not in done.stdout


def test_a_gap_after_the_moment_is_no_hindrance(past: Past, place: Path) -> None:
    shutil.copytree(past.wal, place / "wal")
    last = segments(place)[-1]
    last.rename(last.with_name(f"{last.name[:20]}00FF.sealed"))
    bring_back(past, past.base, place / "wal", place / "data", past.moment)
    assert (place / "data" / "recovery.signal").exists()
    with pytest.raises(archive.BadBackup, match="lacks the segment"):
        bring_back(past, past.base, place / "wal", place / "other")


def test_a_base_backup_goes_into_a_new_folder_alone(past: Past, place: Path) -> None:
    check_failed_in_one_line(restored(past.settings, past.base), "--into")
    check_failed_in_one_line(restored(past.settings, past.wal, "--into", place / "data"), "--wal")
    (place / "mine").write_text("mine")
    check_failed_in_one_line(restored(past.settings, past.base, "--into", place), "there already")
    assert [path.name for path in place.iterdir()] == ["mine"]


def test_a_restore_that_is_killed_leaves_no_data_folder_and_is_done_again(past: Past, place: Path) -> None:
    command = [str(JASHO), "restore", str(past.base), "--into", str(place / "data"), "--wal", str(past.wal)]
    process = subprocess.Popen(command, env={**os.environ, **as_environment(past.settings)})
    while not any(place.iterdir()):
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait(20)
    [unfinished] = place.iterdir()
    assert unfinished.name.startswith(".data.unfinished-")
    assert restored(past.settings, *command[2:]).returncode == 0
    assert (place / "data" / "PG_VERSION").exists()


def test_nothing_of_the_database_is_on_the_disk_in_clear(past: Past) -> None:
    for path in [*past.base.iterdir(), *past.wal.glob("*.sealed")]:
        content = path.read_bytes()
        assert b"Wanjiku" not in content
        assert path.stat().st_mode & 0o077 == 0
