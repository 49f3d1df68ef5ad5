"""How far a long work is, for a person at a terminal; a script reads nothing of it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import IO

import click

_EVERY_SECONDS = 1.0


class Progress:
    """Counts bytes. `total_bytes` where it is known how many there will be."""

    def __init__(self, what: str, total_bytes: int | None = None) -> None:
        self._what = what
        self._total_bytes = total_bytes
        self._bytes = 0
        self._next_seconds = 0.0

    def add(self, size: int) -> None:
        """Shows it, not more often than each second."""
        self._bytes += size
        if sys.stderr.isatty() and monotonic() >= self._next_seconds:
            self._next_seconds = monotonic() + _EVERY_SECONDS
            of = f" of {self._total_bytes / 2**20:.0f}" if self._total_bytes else ""
            click.echo(f"\r  {self._what}: {self._bytes / 2**20:.0f}{of} MiB", nl=False, err=True)

    def end(self) -> None:
        """Leaves the line."""
        if self._next_seconds:
            click.echo(err=True)

    def reading(self, source: IO[bytes]) -> "Reading":
        """The source, counted as it is read."""
        return Reading(source, self)


class Reading:
    """What `archive.seal` needs of a file."""

    def __init__(self, source: IO[bytes], progress: Progress) -> None:
        self._source = source
        self._progress = progress

    def read(self, size: int) -> bytes:
        """As the source reads."""
        content = self._source.read(size)
        self._progress.add(len(content))
        return content


@contextmanager
def shown(what: str, total_bytes: int | None = None) -> Iterator[Progress]:
    """The progress of the block."""
    progress = Progress(what, total_bytes)
    try:
        yield progress
    finally:
        progress.end()
