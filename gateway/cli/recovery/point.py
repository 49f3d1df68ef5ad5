"""The database at a moment of its past: a base backup's files in a folder for PostgreSQL, with the WAL up to then beside them.

Everything is opened, proved and counted before the folder has its name. PostgreSQL replays what lies there by itself at its next
start, and needs neither the key nor `jasho` for it.
"""

import io
import os
import re
import shlex
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gateway.cli import archive, pg_clients
from gateway.cli.command import Failure
from gateway.cli.recovery import cluster, contents
from gateway.cli.recovery.folder import made_whole
from gateway.cli.recovery.lineage import Chain, follow
from gateway.cli.recovery.segments import SEGMENT, Segments

# In the data folder, until PostgreSQL has replayed it.
_RECOVERY = "jasho_recovery"
_WALDUMP = "pg_waldump"
_AUTO = "postgresql.auto.conf"
_COMMIT = re.compile(rb"desc: (?:COMMIT|ABORT)(?:_PREPARED)? .*?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) UTC")
# What is of the server that was copied: whether it follows another one, and where it listened.
_OF_THE_OTHER = ("standby.signal", "recovery.signal", ".s.PGSQL.*", "server.log")


@dataclass(frozen=True, slots=True)
class Recovery:
    """What is to be brought back: without WAL the backup's own moment, without a moment or a timeline the newest there is."""

    base: Path
    manifest: archive.Manifest
    key: bytes
    segments: Segments | None
    until: datetime | None
    timeline: int | None = None


def restore(recovery: Recovery, data: Path) -> list[str]:
    """Into a folder that is new or empty. All of it belongs to whom the folder belongs to.

    Answers which pieces of WAL were received and not sealed yet, so that nothing proves them. Raises Failure, BadBackup, OSError.
    """
    # What is missing is told before an hour's work.
    pg_clients.find(_WALDUMP, recovery.manifest.server, most=recovery.manifest.server)
    os.umask(0o077)
    owner = data.stat() if data.exists() else None
    with made_whole(data) as unfinished:
        unproved = _fill(recovery, unfinished)
        if owner is not None and owner.st_uid != os.getuid():
            for path in [unfinished, *unfinished.rglob("*")]:
                os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
        os.sync()  # before its name says that it is whole
    return unproved


def _fill(recovery: Recovery, data: Path) -> list[str]:
    manifest = recovery.manifest
    taken_at = datetime.fromisoformat(manifest.taken_at)
    if recovery.until is not None and recovery.until < taken_at:
        raise Failure(f"the backup was finished at {taken_at:%Y-%m-%d %H:%M:%S%z}, after that moment: take an older backup")
    if recovery.segments is not None and recovery.segments.system != manifest.system:
        raise archive.BadBackup(f"{recovery.segments.folder} holds the WAL of another server")
    archive.check(recovery.base, manifest, recovery.key)
    _unpack(recovery, data)
    contents.prove(data, manifest.server)
    for pattern in _OF_THE_OTHER:
        for path in data.glob(pattern):
            path.unlink()
    wal = data / _RECOVERY / "wal"
    wal.mkdir(parents=True)
    first, brought = _label(data)
    timeline, unproved = cluster.timeline_of(first), []
    if recovery.segments is not None:
        chain = follow(recovery.segments, first, brought, recovery.timeline)
        for piece in chain.pieces:
            piece.write(recovery.segments, wal)
        _require_reached(recovery, chain, wal)
        timeline = chain.timeline
        unproved = sorted(piece.name for piece in chain.pieces if not piece.is_sealed)
    _tell_postgresql(data, recovery.until, timeline)
    return unproved


def _unpack(recovery: Recovery, data: Path) -> None:
    pieces = archive.unseal(recovery.base / recovery.manifest.file, recovery.key)
    try:
        with tarfile.open(fileobj=io.BufferedReader(_Pieces(pieces)), mode="r|gz") as packed:
            for member in packed:
                _extract(packed, member, data)
    except tarfile.TarError as error:
        raise archive.BadBackup(f"{recovery.manifest.file} holds no base backup") from error


def _extract(packed: tarfile.TarFile, member: tarfile.TarInfo, data: Path) -> None:
    """Files and folders, whose owner is whoever restores them. `tarfile` itself keeps to the folder from Python 3.11.4 on."""
    path = data / member.name
    content = packed.extractfile(member) if member.isreg() else None
    if not path.resolve().is_relative_to(data.resolve()) or not (content or member.isdir()):
        raise archive.BadBackup(f"a base backup has no {member.name}")
    if content is None:
        path.mkdir(exist_ok=True)
    else:
        with path.open("xb") as file:
            shutil.copyfileobj(content, file)
    path.chmod(member.mode & 0o777)


def _label(data: Path) -> tuple[str, dict[str, bool]]:
    """The first segment that is needed, and those that the backup has itself: can one be followed by the next?"""
    label = (data / "backup_label").read_text(errors="replace")
    start = re.search(r"^START WAL LOCATION: \S+ \(file ([0-9A-F]{24})\)", label, re.MULTILINE)
    if start is None:
        raise archive.BadBackup("the base backup has no label")
    brought = sorted(path.name for path in (data / "pg_wal").iterdir() if SEGMENT.fullmatch(path.name))
    # A primary ends the last one with the backup. A standby can't, and more was written into it later.
    is_ended = "\nBACKUP FROM: primary\n" in label
    return start[1], {name: is_ended or name != brought[-1] for name in brought}


def _require_reached(recovery: Recovery, chain: Chain, wal: Path) -> None:
    """PostgreSQL stops at a moment where it sees that somebody has ended a transaction then or after it."""
    assert recovery.segments is not None
    missing = f"{recovery.segments.folder} lacks the segment {chain.missing}"
    if recovery.until is None:
        if chain.missing:
            raise archive.BadBackup(missing)
        return
    program = pg_clients.find(_WALDUMP, recovery.manifest.server, most=recovery.manifest.server)
    pieces = [wal / piece.file for piece in reversed(chain.pieces) if piece.is_segment]
    last = next((moment for moment in (_last_end(program, piece) for piece in pieces) if moment is not None), None)
    if last is None or last < recovery.until:
        reached = f"a transaction of {last:%Y-%m-%d %H:%M:%S%z}" if last else "the backup itself"
        advice = missing if chain.missing else "leave --until out to have all of it"
        raise Failure(f"the WAL ends with {reached}, before that moment: {advice}")


def _last_end(program: Path, segment: Path) -> datetime | None:
    """When the last transaction in a segment was ended."""
    arguments, variables = [str(program), "--rmgr=Transaction", str(segment)], {"LC_MESSAGES": "C", "TZ": "UTC"}
    # It complains of the record that goes on in the next one.
    process = subprocess.Popen(arguments, env=variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # noqa: S603
    assert process.stdout is not None
    last = None
    with process:
        for line in process.stdout:
            last = _COMMIT.search(line) or last
    return datetime.fromisoformat(f"{last[1].decode()}+00:00") if last else None


def _tell_postgresql(data: Path, until: datetime | None, timeline: int) -> None:
    """Every setting of a recovery, for the server that was copied may have some; at its end they all go."""
    before = data / _AUTO
    kept = data / _RECOVERY / _AUTO
    kept.write_bytes(before.read_bytes() if before.exists() else b"")
    settings = {
        "restore_command": f'cp "{_RECOVERY}/wal/%f" "%p"',
        "recovery_end_command": f"mv {shlex.quote(f'{_RECOVERY}/{_AUTO}')} {_AUTO} && rm -rf {_RECOVERY}",
        "recovery_target": "",
        "recovery_target_lsn": "",
        "recovery_target_name": "",
        "recovery_target_xid": "",
        # PostgreSQL knows no zones that are 16 hours away.
        "recovery_target_time": until.astimezone(UTC).isoformat(sep=" ") if until else "",
        # What was done at the moment itself is no part of it.
        "recovery_target_inclusive": "off",
        "recovery_target_timeline": str(timeline),
        "recovery_target_action": "promote",
        "archive_cleanup_command": "",
        "primary_conninfo": "",
        "primary_slot_name": "",
    }
    with before.open("a") as target:
        target.write("\n")
        target.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
    (data / "recovery.signal").touch(mode=0o600)


class _Pieces(io.RawIOBase):
    """Bytes that come in pieces, as a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override] # any buffer would do
        while not self._rest:
            try:
                self._rest = next(self._pieces)
            except StopIteration:
                return 0
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
