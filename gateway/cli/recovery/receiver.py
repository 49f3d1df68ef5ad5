"""Receives a server's WAL for as long as it runs, by PostgreSQL's `pg_receivewal`, and seals each segment when it is finished.

The server keeps in a replication slot what was not received yet. So nothing is missing after a kill of either side or a full
disk; where the server had to give the slot up, the gap is told.
"""

import fcntl
import hashlib
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep

import psycopg
import structlog
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from core import migrations
from core.settings import Settings
from gateway.cli import archive, pg_clients
from gateway.cli.command import Failure, first_line
from gateway.cli.recovery import cluster, lineage
from gateway.cli.recovery.segments import HISTORY, PARTIAL, SEGMENT, Segments, begin

SLOT = "jasho_archive"
_LOOK_SECONDS = 0.5
_PAUSE_SECONDS = 2.0
# A server whose machine is gone sends no farewell.
_LINE = "--dbname=keepalives_idle=5 keepalives_interval=5 keepalives_count=3 tcp_user_timeout=20000"
# Nor does an archive whose machine is gone or stands still. The server would wait for it at its next checkpoint, without end,
# where it has to give up WAL that the slot keeps.
_SERVERS_LINE = "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 -c tcp_user_timeout=20000"
_SLOT = text("SELECT restart_lsn - '0/0' AS position, wal_status FROM pg_replication_slots WHERE slot_name = :slot")
# A receiver outlives a kill -9 of its parent. Its connection is named for the folder, so that who has the folder ends it.
_END_LEFT_BEHIND = text("""
    SELECT pg_terminate_backend(slot.active_pid, 5000) FROM pg_replication_slots slot
    JOIN pg_stat_activity ON pid = slot.active_pid WHERE slot.slot_name = :slot AND application_name = :name
""")

log = structlog.get_logger()


class Receiver:
    """Works into a folder that nobody else works in."""

    def __init__(self, settings: Settings, segments: Segments, slot: str, rest: Callable[[float], object] = sleep) -> None:
        self._settings = settings
        self._segments = segments
        self._slot = slot
        self._rest = rest
        self._lost_seconds: float | None = None
        # The first segment that the server has, until it was compared with what is here.
        self._goes_on_from: str | None = None

    def run(self) -> None:
        """Until it is stopped. Raises BadBackup where the server's WAL does not belong into the folder."""
        log.info("the archive begins", folder=str(self._segments.folder), slot=self._slot)
        while True:
            try:
                self.seal_finished()
                with self._receiving() as process:
                    while process.poll() is None:
                        self.seal_finished()
                        self._rest(_LOOK_SECONDS)
                        self._goes_on(process)
            except (SQLAlchemyError, psycopg.Error) as error:
                self._lost(first_line(error))
            except pg_clients.ClientFailed as error:
                self._lost(str(error))
            except OSError:
                log.exception("a segment cannot be sealed")
            self._rest(_PAUSE_SECONDS)

    def seal_finished(self) -> None:
        """Seals what the receiver has finished with, the oldest first. Raises OSError."""
        for name in sorted(self._segments.in_clear()):
            if SEGMENT.fullmatch(name) or HISTORY.fullmatch(name):
                self._segments.seal(name)
            if HISTORY.fullmatch(name):
                self._tell_gap()

    @contextmanager
    def _receiving(self) -> "Iterator[subprocess.Popen[bytes]]":
        # The receiver has the lock too, and keeps it after a kill of this process: two of them never write into one folder.
        with (self._segments.folder / "receiver.lock").open("w") as lock:
            with migrations.connected(self._settings.owner_database_url) as connection:
                connection.execution_options(isolation_level="AUTOCOMMIT")
                server = cluster.look(connection)
                if server.system != self._segments.system:
                    raise archive.BadBackup(f"the server is another one than that of {self._segments.folder}: name a new folder")
                connection.execute(_END_LEFT_BEHIND, {"slot": self._slot, "name": self._name})
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as error:
                    raise pg_clients.ClientFailed("a receiver that was left behind has not ended yet") from error
                self._prepare(connection, server)
            arguments = [f"--directory={self._segments.received}", f"--slot={self._slot}", "--no-loop", "--no-password", _LINE]
            variables = pg_clients.environment(self._settings.owner_database_url)
            variables |= {"PGAPPNAME": self._name, "PGOPTIONS": f"{_SERVERS_LINE} {variables.get('PGOPTIONS', '')}".strip()}
            program = pg_clients.find("pg_receivewal", server.server)
            with pg_clients.running(program, arguments, variables, keeps_open=[lock.fileno()]) as process:
                yield process

    def _prepare(self, connection: Connection, server: cluster.Cluster) -> None:
        """Makes the slot where there is none, and tells of what was lost since it was here last."""
        slot = connection.execute(_SLOT, {"slot": self._slot}).one_or_none()
        if slot is not None and (slot.position is None or slot.wal_status == "lost"):
            connection.execute(text("SELECT pg_drop_replication_slot(:slot)"), {"slot": self._slot})
            slot = None
        if slot is None:
            connection.execute(text("SELECT pg_create_physical_replication_slot(:slot, true)"), {"slot": self._slot})
            slot = connection.execute(_SLOT, {"slot": self._slot}).one()
        number = int(slot.position) // server.segment_bytes
        self._goes_on_from = first = cluster.segment_name(server.timeline, number, server.segment_bytes)
        self._seal_parts(first)
        self._tell_gap()

    def _tell_gap(self) -> None:
        """Does the server have its WAL from a later segment on than the one that comes next here? Told once.

        Where a timeline begins stands in its history, which a receiver brings before any segment.
        """
        if self._goes_on_from is None:
            return
        first = self._goes_on_from
        timeline = cluster.timeline_of(first)
        if timeline > 1 and f"{timeline:08X}.history" not in self._segments.sealed():
            return
        self._goes_on_from = None
        expected = lineage.missing_from(self._segments, timeline)
        if expected is not None and self._number(first) > self._number(expected):
            log.error("the archive has a gap", misses_from=expected, goes_on_from=first)

    def _seal_parts(self, first: str) -> None:
        """Those that the server can't go on with."""
        self._segments.drop_empty_parts()
        for name in self._segments.in_clear():
            segment = name.removesuffix(PARTIAL)
            if segment == name or not SEGMENT.fullmatch(segment):
                continue
            is_other = cluster.timeline_of(segment) != cluster.timeline_of(first)
            if is_other or self._number(segment) < self._number(first):
                self._segments.seal(name)

    def _number(self, name: str) -> int:
        return cluster.segment_number(name, self._segments.segment_bytes)

    @property
    def _name(self) -> str:
        place = f"{socket.gethostname()} {self._segments.folder.resolve()}"
        return f"jasho archive {hashlib.sha256(place.encode()).hexdigest()[:16]}"

    def _lost(self, reason: str) -> None:
        if self._lost_seconds is None:
            self._lost_seconds = monotonic()
        log.warning("the archive receives nothing", says=reason)

    def _goes_on(self, process: "subprocess.Popen[bytes]") -> None:
        if self._lost_seconds is not None and process.poll() is None:
            log.info("the archive receives again", seconds=round(monotonic() - self._lost_seconds, 1))
            self._lost_seconds = None


def open_folder(settings: Settings, folder: Path, key: bytes) -> Segments:
    """The folder for the server's WAL. Waits for no server: raises Failure where it can't be received from."""
    with migrations.connected(settings.owner_database_url) as connection:
        server = cluster.look(connection)
    if server.obstacle:
        raise Failure(server.obstacle)
    pg_clients.find("pg_receivewal", server.server)
    return begin(folder, key, server)


@contextmanager
def alone(segments: Segments) -> Iterator[bool]:
    """Is nobody else at work in the folder? Nobody is until the block ends, or the process."""
    with (segments.folder / "lock").open("w") as lock:
        taken = False
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            taken = True
        yield taken
