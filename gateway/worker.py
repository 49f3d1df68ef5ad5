"""The background worker: sends what waits in the outbox, gives back holds whose time is over, seals the ledger's history.

Any number of workers may run. Of the outbox each claims rows that no other holds, commits the claim, and only then sends. A
message whose worker died may have left or not: a delivery report is waited for before it is sent again.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from core.ledger import holds
from core.ledger.seal import seal
from core.runtime import Runtime
from core.services import approvals, job_deadlines, payment_orders, renewals, savings_rules, unclaimed
from gateway.sms import sending
from gateway.sms.pool import configured

_OUTBOX_SECONDS = 0.25
_DEAD_SECONDS = 5.0
_REPORTS_SECONDS = 1.0
_HOLDS_SECONDS = 2.0
_SEAL_SECONDS = 2.0
_UNCLAIMED_SECONDS = 15.0
_PAYMENTS_SECONDS = 0.5
_SILENCE_SECONDS = 2.0
_APPROVALS_SECONDS = 15.0
_COVERS_SECONDS = 60.0
_SAVINGS_SECONDS = 60.0
_JOBS_SECONDS = 30.0
_AFTER_ERROR_SECONDS = 2.0

log = structlog.get_logger()


async def work(runtime: Runtime) -> None:
    """Works until it is cancelled, and then until no message is in a provider's hands. The database may go away and come back."""
    async with asyncio.TaskGroup() as duties:
        duties.create_task(_send(runtime))
        for duty, idle_seconds in DUTIES:
            duties.create_task(_repeat(runtime, duty, idle_seconds))


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
    """Sends one batch of waiting messages and says how many it looked at."""
    return await sending.one_round(runtime)


async def _send(runtime: Runtime) -> None:
    """Keeps the outbox empty: through the providers that are configured, or into the simulator's inbox."""
    pool = configured(runtime.settings)
    if pool is None:
        if not runtime.settings.is_local:
            log.warning("no provider of SMS is configured: messages wait, and expire")
        await _repeat(runtime, drain, _OUTBOX_SECONDS)
    else:
        await sending.keep_sending(runtime, pool)


# Everything that is done in the background, and how long to rest where there was nothing to do.
DUTIES: tuple[tuple[Callable[[Runtime], Awaitable[int]], float], ...] = (
    (sending.release, _DEAD_SECONDS),
    (sending.catch_up, _REPORTS_SECONDS),
    (holds.expire, _HOLDS_SECONDS),
    (seal, _SEAL_SECONDS),
    (payment_orders.ask, _PAYMENTS_SECONDS),
    (payment_orders.give_up, _SILENCE_SECONDS),
    (unclaimed.settle, _UNCLAIMED_SECONDS),
    (approvals.expire, _APPROVALS_SECONDS),
    (renewals.renew, _COVERS_SECONDS),
    (renewals.remind, _COVERS_SECONDS),
    (job_deadlines.meet, _JOBS_SECONDS),
    (savings_rules.save, _SAVINGS_SECONDS),
    (savings_rules.remind, _SAVINGS_SECONDS),
)
