"""The web server as `jasho serve` runs it: uvicorn, with bounds on what a caller may take of it."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from socket import socket
from time import monotonic
from typing import Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess, multiprocess

from core.settings import trusted_proxies
from gateway import logs
from gateway.connection import Connection

# Those who wait to be taken on are taken on at once, so there may be no more of them than there are files left.
_MOST_WAITING = 128
# What a process needs to read our code, on a machine with much else to do.
_START_SECONDS = 60.0
_MOMENT_SECONDS = 0.1
_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Server(uvicorn.Server):
    """uvicorn's, which takes what has come while signals were held."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals():
            _let_signals_in()
            yield


class WorkerProcess(multiprocess.Process):
    """One of several processes. uvicorn would kill one that is silent for 5 s while it reads our code, and begin another."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket]) -> None:
        super().__init__(config, sockets)
        self._starts_until_seconds = monotonic() + _START_SECONDS
        self._was_asked = False
        self._has_answered = False

    def ping(self, timeout: float = 5) -> bool:
        """Is it alive? While it starts it is taken to be, and is asked once: each answer is to one question."""
        if self._has_answered:
            return super().ping(timeout)
        try:
            if not self._was_asked:
                self.parent_conn.send(b"ping")
                self._was_asked = True
            if self.parent_conn.poll(_MOMENT_SECONDS):
                self.parent_conn.recv()
                self._has_answered = True
        except (OSError, EOFError):
            return False
        return self._has_answered or monotonic() < self._starts_until_seconds


def serve(host: str, port: int, *, workers: int, with_worker: bool) -> None:
    """Serves until it is told to stop. Each process reads its settings from the environment.

    Called within `signals_held`. Raises KeyboardInterrupt after Ctrl-C, and SystemExit where it could not start.
    """
    app = "gateway.app:create" if with_worker else "gateway.app:create_without_worker"
    config = uvicorn.Config(app, workers=workers, **_options(host, port))
    server = Server(config)
    if workers > 1:
        multiprocess.Process = WorkerProcess  # type: ignore[misc]
        supervisor = Multiprocess(config, [config.bind_socket()])
        _let_signals_in()
        supervisor.run()
        return
    server.run()
    if not server.started:
        sys.exit(STARTUP_FAILURE)


@contextmanager
def signals_held() -> Iterator[None]:
    """Lets whoever stops the command wait until the server takes the signal.

    Python raises an exception where a signal comes, and loses it in a weak reference's callback. uvicorn takes one that comes
    before it has started for a failure.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    try:
        yield
    finally:
        _let_signals_in()


def _let_signals_in() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)


def _options(host: str, port: int) -> dict[str, Any]:
    return {
        "factory": True,
        "host": host,
        "port": port,
        "loop": "uvloop",
        "http": Connection,
        "ws": "none",
        "backlog": _MOST_WAITING,
        # No request inherits the log's ids of the task that took its connection on.
        "reset_contextvars": True,
        "timeout_keep_alive": 5,
        # uvicorn would believe whoever calls from this machine.
        "forwarded_allow_ips": trusted_proxies(),
        # The callback's address holds its secret.
        "access_log": False,
        "log_config": logs.WEB_SERVER,
        "server_header": False,
        "timeout_graceful_shutdown": 10,
    }
