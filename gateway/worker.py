"""The background worker: takes messages out of the outbox and has them sent.

Any number of workers may run: each claims rows that no other holds, commits the claim, and only then sends. A message whose
worker died is claimed again, under the same id.
"""

import asyncio

import structlog

from core.runtime import Runtime
from core.services import notices
from gateway.sms.providers import local

_MOST_AT_ONCE = 100
_IDLE_SECONDS = 0.25
_AFTER_ERROR_SECONDS = 2.0

log = structlog.get_logger()


async def work(runtime: Runtime) -> None:
    """Works until it is cancelled. The database may go away and come back."""
    while True:
        try:
            found = await drain(runtime)
        except Exception:
            log.exception("outbox not drained")
            await asyncio.sleep(_AFTER_ERROR_SECONDS)
        else:
            if not found:
                await asyncio.sleep(_IDLE_SECONDS)


async def drain(runtime: Runtime) -> int:
    """Sends one batch of waiting messages and says how many there were."""
    messages = await notices.claim(runtime, _MOST_AT_ONCE)
    if messages:
        await local.send(messages)
        await notices.delivered(runtime, messages, local.NAME)
    return len(messages)
