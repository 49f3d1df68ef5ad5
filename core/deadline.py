"""Waiting for somebody who may never answer."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_Result = TypeVar("_Result")


async def within(seconds: float, work: Coroutine[Any, Any, _Result]) -> _Result:
    """What `work` returns or raises, or TimeoutError after `seconds`.

    Unlike asyncio.timeout it does not wait for the work to take note of being cancelled: a driver that waits for a dead
    database would take its time. What the work had already asked for may still happen.
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
    """Nobody waits for this result any more; without this, the loop would complain that nobody looked at its error."""
    if not task.cancelled():
        task.exception()
