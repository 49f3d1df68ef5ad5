"""The background worker: sends what waits in the outbox, gives back holds whose time is over, seals the ledger's history.

Any number of workers may run. Of the outbox each claims rows that no other holds, commits the claim, and only then sends. A
message whose worker died is claimed again, under the same id.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from core.ledger import holds
from core.ledger.seal import seal
from core.runtime import Runtime
from core.services import notices
from gateway.sms.providers import local

_MOST_AT_ONCE = 100
_OUTBOX_SECONDS = 0.25
_HOLDS_SECONDS = 2.0
_SEAL_SECONDS = 2.0
_AFTER_ERROR_SECONDS = 2.0

log = structlog.get_logger()


async def work(runtime: Runtime) -> None:
    """Works until it is cancelled. The database may go away and come back."""
    duties = ((drain, _OUTBOX_SECONDS), (holds.expire, _HOLDS_SECONDS), (seal, _SEAL_SECONDS))
    await asyncio.gather(*(_repeat(runtime, duty, idle_seconds) for duty, idle_seconds in duties))


async def _repeat(runtime: Runtime, duty: Callable[[Runtime], Awaitable[int]], idle_seconds: float) -> None:
    """Does a duty again and again, at once while it finds something to do."""
    while True:
        try:
            found = await duty(runtime)
        except Exception:
            log.exception("a round failed")
            await asyncio.sleep(_AFTER_ERROR_SECONDS)
        else:
            if not found:
                await asyncio.sleep(idle_seconds)


async def drain(runtime: Runtime) -> int:
    """Sends one batch of waiting messages and says how many there were."""
    messages = await notices.claim(runtime, _MOST_AT_ONCE)
    if messages:
        await local.send(messages)
        await notices.delivered(runtime, messages, local.NAME)
    return len(messages)
