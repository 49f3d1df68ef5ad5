"""Where the lines of the log go: standard error, which may be a full disk, or a pipe whose reader has gone or sleeps.

A log that cannot be written is no reason to leave customers without an answer: the lines are lost, and counted.
"""

import os
import select
import sys
from io import UnsupportedOperation
from threading import RLock
from time import monotonic
from typing import TextIO

import structlog

# So much a pipe takes whole or not at all, and without waiting where it has room.
_MOST_AT_ONCE_BYTES = select.PIPE_BUF
# For a reader that is slow. One that sleeps is waited for one time, and not again before it reads.
_PATIENCE_MILLISECONDS = 1000
_TOLD_SECONDS = 60

log = structlog.get_logger()


class LogFile:
    """Writes lines to a file, and raises nothing. It is structlog's logger: its methods get rendered lines."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        # The providers' threads log too.
        self._lock = RLock()
        self._lost_lines = 0
        self._next_told_seconds = 0.0
        self._has_failed = False
        self._is_within_line = False

    def msg(self, line: str) -> None:
        """Writes it, or counts it as lost. When lines can be written again, the log says how many could not, once a minute."""
        with self._lock:
            self._has_failed = not self._write(f"{line}\n".encode(errors="backslashreplace"))
            self._lost_lines += self._has_failed
            if self._lost_lines and not self._has_failed and monotonic() >= self._next_told_seconds:
                self._next_told_seconds = monotonic() + _TOLD_SECONDS
                lost, self._lost_lines = self._lost_lines, 0
                log.warning("lines of the log were lost", lines=lost)

    debug = info = warning = error = critical = msg

    def _write(self, line: bytes) -> bool:
        left = memoryview(b"\n" + line if self._is_within_line else line)
        try:
            while left:
                if not self._poll.poll(0 if self._has_failed else _PATIENCE_MILLISECONDS):
                    return False
                written = os.write(self._descriptor, left[:_MOST_AT_ONCE_BYTES])
                left = left[written:]
                self._is_within_line = bool(left)
        except OSError:  # it is counted
            return False
        return True


class _Nowhere:
    def msg(self, line: str) -> None:
        """Nobody wants it."""

    debug = info = warning = error = critical = msg


def open_log(stream: TextIO | None) -> "LogFile | _Nowhere | structlog.PrintLogger":
    """A logger for the stream. None is that of a process that was started with its standard error closed."""
    if stream is None:
        # Its number is any file's that was opened since: a connection to the database, say.
        return _Nowhere()
    try:
        return LogFile(stream.fileno())
    except UnsupportedOperation:  # a test's, in memory
        return structlog.PrintLogger(stream)


def hold_standard_files() -> None:
    """Opens those that this process was started without. Else a connection gets the number of one, and libuv aborts."""
    for _ in range(3):
        descriptor = os.open(os.devnull, os.O_RDWR)
        if descriptor > 2:
            os.close(descriptor)
            return
        # The processes that this one starts need them too.
        os.set_inheritable(descriptor, True)


def is_terminal() -> bool:
    """Does a person read standard error?"""
    return sys.stderr is not None and sys.stderr.isatty()
