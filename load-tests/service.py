"""A service under attack: `jasho serve` with servers of its own, honest phones that dial it meanwhile, and what it takes.

All on loopback.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import urlencode

import psutil

from gateway.cli.embedded import FOLDER, embedded
from tests.conftest import free_port

HOST = "127.0.0.1"
SECRET = "local"  # noqa: S105 - a developer's machine's
CALLBACK = f"/api/ussd/africastalking/{SECRET}"
MEBIBYTE = 1024 * 1024
JASHO = Path(sys.executable).parent / "jasho"
_START_SECONDS = 60
# A hop has 6 s for its work.
_PATIENCE_SECONDS = 10
_sessions = count(1)


@dataclass(frozen=True)
class Use:
    memory_mebibytes: int
    files: int


@dataclass(frozen=True)
class Service:
    port: int
    log: Path
    process: psutil.Process

    def use(self) -> Use:
        return Use(self.process.memory_info().rss // MEBIBYTE, self.process.num_fds())

    def log_lines(self) -> list[str]:
        return self.log.read_text(errors="replace").splitlines()


@contextmanager
def serving(command: tuple[str, ...] = (str(JASHO), "serve")) -> Iterator[Service]:
    """`jasho serve` as a developer has it, with a Twilio account that nobody can reach."""
    port = free_port()
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder, embedded(Path(folder)) as servers:
        log = Path(folder, "serve.log")
        environment = {
            **os.environ,
            "JASHO_DATABASE_URL": servers.database_url,
            "JASHO_REDIS_URL": servers.redis_url,
            "JASHO_TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
            "JASHO_TWILIO_AUTH_TOKEN": "not-a-real-token",
            "JASHO_TWILIO_FROM": "+15005550006",
            "JASHO_TWILIO_BASE_URL": f"http://{HOST}:9",
        }
        subprocess.run([JASHO, "migrate"], env=environment, check=True, capture_output=True)
        with log.open("w") as output:
            process = _started([*command, "--port", str(port)], environment, output)
        try:
            wait_until_ready(port, process, log)
            yield Service(port, log, psutil.Process(process.pid))
        finally:
            process.terminate()
            process.wait(30)


def _started(command: list[str], environment: dict[str, str], output: IO[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(command, env=environment, stdout=output, stderr=output)


def wait_until_ready(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError), urllib.request.urlopen(f"http://{HOST}:{port}/readyz", timeout=1):
            return
        time.sleep(0.1)  # between two looks at another process
    raise RuntimeError(f"the service did not come up:\n{log.read_text()[-2000:]}")


@dataclass
class HonestPhones:
    """Phones that dial and choose from the menu, one hop after the other each, until the block ends."""

    port: int
    phones: int = 3
    latencies: list[float] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    _is_over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        for number in range(self.phones):
            thread = threading.Thread(target=self._dial, args=(f"+25471188{number:04}",))
            self._threads.append(thread)
            thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    @property
    def line(self) -> str:
        latencies = sorted(self.latencies) or [0.0]
        p50, p99 = latencies[len(latencies) // 2], latencies[len(latencies) * 99 // 100]
        return f"hops={len(self.latencies)} failed={len(self.complaints)} p50={p50 * 1000:.0f}ms p99={p99 * 1000:.0f}ms"

    def _dial(self, phone: str) -> None:
        while not self._is_over.is_set():
            session = f"ATUid_honest_{next(_sessions)}"
            for text in ("", "0"):
                begun = time.perf_counter()
                screen = self._hop(session, phone, text)
                self.latencies.append(time.perf_counter() - begun)
                if not screen.startswith(("CON ", "END ")) or "Sorry" in screen:
                    self.complaints.append(f"an honest dial was answered: {screen!r}")

    def _hop(self, session: str, phone: str, text: str) -> str:
        form = urlencode({"sessionId": session, "phoneNumber": phone, "serviceCode": "*384*96#", "text": text})
        connection = HTTPConnection(HOST, self.port, timeout=_PATIENCE_SECONDS)
        try:
            connection.request("POST", CALLBACK, form, {"Content-Type": "application/x-www-form-urlencoded"})
            return connection.getresponse().read().decode()
        except (OSError, HTTPException) as error:
            return f"{type(error).__name__}"
        finally:
            connection.close()
