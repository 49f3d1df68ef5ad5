"""What a request has handed to the database: whether "nothing was done" is known where it fails.

A transaction counts from the moment that its COMMIT leaves, a statement by itself from the moment that it does, a transfer from
the moment that it waits for a batch. What only reads counts for nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class Reached:
    """`is_handed`: something may be done, by this request or by an earlier copy of it."""

    is_handed: bool = False


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
    """The next thing that happens may be done although nobody hears of it."""
    reached = _watched.get()
    if reached is not None:
        reached.is_handed = True
