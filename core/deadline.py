"""Waiting for an answer that may never come."""

import asyncio
import math
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic
from typing import Any, TypeVar

_Result = TypeVar("_Result")
# What is kept back of a budget to say what became of the work.
_SPARE_SECONDS = 1.5

_ends_seconds: ContextVar[float] = ContextVar("ends_seconds", default=math.inf)


@contextmanager
def budget(seconds: float) -> Iterator[None]:
    """All waits of the block, and of the tasks that it starts, end together within `seconds`."""
    before = _ends_seconds.set(min(_ends_seconds.get(), monotonic() + seconds))
    try:
        yield
    finally:
        _ends_seconds.reset(before)


async def within(seconds: float, work: Coroutine[Any, Any, _Result], *, spare_seconds: float = _SPARE_SECONDS) -> _Result:
    """What `work` returns or raises, or TimeoutError after `seconds`: sooner where only `spare_seconds` of the budget are left.

    Unlike asyncio.timeout it does not wait until the work has noticed that it is cancelled: a driver that waits for a dead
    database would take its time. What the work had already begun may still happen.
    """
    left_seconds = _ends_seconds.get() - monotonic() - spare_seconds
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=max(0, min(seconds, left_seconds)))
    except BaseException:
        task.cancel()
        raise
    if not done:
        task.cancel()
        task.add_done_callback(_take_note)
        raise TimeoutError
    return task.result()


def limit(seconds: float, *, spare_seconds: float = _SPARE_SECONDS) -> asyncio.Timeout:
    """As `within`, and without a task of its own: for work that notices at once that it is cancelled."""
    left_seconds = _ends_seconds.get() - monotonic() - spare_seconds
    return asyncio.timeout(max(0, min(seconds, left_seconds)))


def _take_note(task: "asyncio.Task[Any]") -> None:
    """Looks at the error, so that the loop does not complain that nobody did."""
    if not task.cancelled():
        task.exception()
