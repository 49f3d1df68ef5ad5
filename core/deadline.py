"""Waiting for an answer that may never come."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_Result = TypeVar("_Result")


async def within(seconds: float, work: Coroutine[Any, Any, _Result]) -> _Result:
    """What `work` returns or raises, or TimeoutError after `seconds`.

    Unlike asyncio.timeout it does not wait until the work has noticed that it is cancelled: a driver that waits for a dead
    database would take its time. What the work had already begun may still happen.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except BaseException:
        task.cancel()
        raise
    if not done:
        task.cancel()
        task.add_done_callback(_take_note)
        raise TimeoutError
    return task.result()


def _take_note(task: "asyncio.Task[Any]") -> None:
    """Looks at the error, so that the loop does not complain that nobody did."""
    if not task.cancelled():
        task.exception()
