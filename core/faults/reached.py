"""What a request has handed to the database: whether "nothing was done" is known where it fails.

A transaction counts from the moment that its COMMIT leaves, a statement by itself from the moment that it does, a transfer from
the moment that it waits for a batch. What only reads counts for nothing.

Work whose time is over is cancelled, and not waited for. It may not notice: before Python 3.12 asyncio.wait_for, by which drivers
may wait, forgets a cancellation that comes in an answer's moment. So what became of the request is decided once (`decide`), and
nothing is handed over from then on.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


class TooLate(Exception):
    """The request has been answered. Nobody would hear of what it does now."""


@dataclass(slots=True)
class Reached:
    """`is_handed`: something may be done, by this request or by an earlier copy of it. `is_decided`: its answer is known."""

    is_handed: bool = False
    is_decided: bool = False

    def decide(self) -> bool:
        """May something be done? Work of the request that goes on all the same hands over nothing more."""
        self.is_decided = True
        return self.is_handed


_watched: ContextVar[Reached | None] = ContextVar("reached", default=None)


@contextmanager
def watching(*, is_handed: bool = False) -> Iterator[Reached]:
    """What the block and the tasks that it starts hand over. `is_handed`: perhaps something was already."""
    reached = Reached(is_handed)
    before = _watched.set(reached)
    try:
        yield reached
    finally:
        _watched.reset(before)


def hand_over() -> None:
    """The next thing that happens may be done although nobody hears of it. Raises TooLate where the request has its answer."""
    reached = _watched.get()
    if reached is not None:
        if reached.is_decided:
            raise TooLate
        reached.is_handed = True
