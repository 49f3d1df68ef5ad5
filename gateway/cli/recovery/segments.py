"""A folder of sealed WAL: a signed note of whose it is, a file for each finished segment, and what was received last, in clear.

`NAME.sealed` is whole: it was written beside, synced, and then named. `received/` is where `pg_receivewal` writes; a segment
is deleted there when it is sealed.
"""

import io
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core import clock
from gateway.cli import archive
from gateway.cli.recovery import cluster

SEGMENT = re.compile(r"[0-9A-F]{24}")
HISTORY = re.compile(r"[0-9A-F]{8}\.history")
PARTIAL = ".partial"
_SEALED = ".sealed"


@dataclass(frozen=True, slots=True)
class Segments:
    """The folder, opened."""

    folder: Path
    key: bytes
    system: str
    segment_bytes: int

    @property
    def received(self) -> Path:
        return self.folder / "received"

    def sealed(self) -> set[str]:
        """The names that are sealed, of segments, parts of them and histories."""
        return {path.name.removesuffix(_SEALED) for path in self.folder.glob(f"*{_SEALED}")}

    def in_clear(self) -> set[str]:
        """The names that are received and not sealed."""
        return {path.name for path in self._received() if not self._is_empty(path)}

    def drop_empty_parts(self) -> None:
        """Deletes parts that have not got their size yet. They hold nothing, and the receiver would stop over them for ever.

        It fills a part with zeros before it writes there; a full disk or a kill comes between.
        """
        for path in self._received():
            if self._is_empty(path):
                path.unlink(missing_ok=True)

    def seal(self, name: str) -> None:
        """Seals a received file, and deletes it. Raises BadBackup where another one was sealed under its name, and OSError."""
        source, target = self.received / name, self.folder / f"{name}{_SEALED}"
        content = source.read_bytes()
        # Killed before it was deleted, or received again.
        before = b"".join(self.read(name)) if target.exists() else b""
        if before and not _agree(before, content, is_part=name.endswith(PARTIAL)):
            raise archive.BadBackup(f"{target.name} is of another history of this server: name a new folder")
        if len(before.rstrip(b"\0")) < len(content.rstrip(b"\0")):  # of a part, the longer one
            unfinished = self.folder / f".{name}.unfinished"
            unfinished.unlink(missing_ok=True)
            try:
                archive.seal(io.BytesIO(zlib.compress(content, 1)), unfinished, self.key, self._what(name))
                unfinished.rename(target)
            except OSError:
                unfinished.unlink(missing_ok=True)  # on a full disk it takes the room of others
                raise
            archive.sync(self.folder)
        source.unlink()

    def has_more_in_clear(self, name: str) -> bool:
        """Of a part that is there twice. Raises BadBackup and OSError."""
        try:
            content = (self.received / name).read_bytes()
        except FileNotFoundError:  # its segment has ended meanwhile
            return True
        return len(content.rstrip(b"\0")) > len(b"".join(self.read(name)).rstrip(b"\0"))

    def read(self, name: str) -> Iterator[bytes]:
        """What was sealed under the name, in pieces. Raises BadBackup, also after some of them."""
        opened = zlib.decompressobj()
        for part in archive.unseal(self.folder / f"{name}{_SEALED}", self.key, self._what(name)):
            yield opened.decompress(part)

    def _received(self) -> list[Path]:
        return list(self.received.iterdir()) if self.received.is_dir() else []

    def _is_empty(self, path: Path) -> bool:
        with suppress(FileNotFoundError):  # its segment has ended meanwhile
            return path.suffix == PARTIAL and path.stat().st_size < self.segment_bytes
        return True

    def _what(self, name: str) -> str:
        return f" wal {self.system} {name}"


def _agree(first: bytes, second: bytes, *, is_part: bool) -> bool:
    """May both be of one history? Of a part, one goes on where the other one was left."""
    if not is_part:
        return first == second
    shorter, longer = sorted((first.rstrip(b"\0"), second.rstrip(b"\0")), key=len)
    return longer.startswith(shorter)


def begin(folder: Path, key: bytes, server: cluster.Cluster) -> Segments:
    """Opens the folder for the server's WAL, and makes it where it is not there. Raises BadBackup where it is another's."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if not (folder / archive.MANIFEST).exists():
        manifest = archive.Manifest(
            clock.now().isoformat(timespec="seconds"),
            "",
            server.server,
            "",
            0,
            "",
            {},
            "",
            kind=archive.WAL,
            system=server.system,
            segment_bytes=server.segment_bytes,
        )
        archive.write_manifest(folder, manifest, key)
        archive.sync(folder)
    opened = read(folder, key)
    if opened.system != server.system:
        raise archive.BadBackup(f"{folder} holds the WAL of another server: name a new folder")
    opened.received.mkdir(mode=0o700, exist_ok=True)
    opened.received.chmod(0o700)  # a folder that was copied may have lost it
    return opened


def read(folder: Path, key: bytes) -> Segments:
    """Opens a folder that is there. Raises BadBackup and OSError."""
    manifest = archive.read_manifest(folder, key)
    if manifest.kind != archive.WAL:
        raise archive.BadBackup(f"{folder} holds no WAL: it is a {manifest.kind} of {manifest.taken_at}")
    return Segments(folder, key, manifest.system, manifest.segment_bytes)
