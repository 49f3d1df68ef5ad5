"""The name of a try of a PIN, by which a repetition of it is known: networks repeat a hop whose answer was lost.

The channel gives it, since only that knows what is repeated. A try without a name counts each time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_name: ContextVar[bytes | None] = ContextVar("try", default=None)


@contextmanager
def naming(name: bytes) -> Iterator[None]:
    """A PIN that is checked within the block, or by a task that it starts, is the try of this name.

    The name shows nobody what was typed, and is another one where something else was.
    """
    before = _name.set(name)
    try:
        yield
    finally:
        _name.reset(before)


def get_name() -> bytes | None:
    return _name.get()
