"""The background worker: sends what waits in the outbox, and does the duties of every family (`core/features.py`).

Any number of workers may run. Each leases messages of the outbox that no other worker has, commits the lease, and only then
sends them. A message whose worker died may have left or not: it waits for a delivery report before it is sent again.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

import structlog

from core import chores, features
from core.db import HASTY_SESSION, Database
from core.faults.outage import Outage, blame
from core.runtime import Runtime
from gateway.backoff import growing_pauses
from gateway.providers.local import sms as local_sms
from gateway.sms import sending
from gateway.sms.pool import ProviderPool

_OUTBOX_SECONDS = 0.25
_DEAD_SECONDS = 5.0
_REPORTS_SECONDS = 1.0
_ROUND_SECONDS = 20.0
# One for the lease, one for answers, and some for messages that go to another provider.
_SENDER_CONNECTIONS = 4

log = structlog.get_logger()


async def work(runtime: Runtime, pool: ProviderPool | None) -> None:
    """Works until it is cancelled, and then until no message is in a provider's hands. The database may go away and come back."""
    async with asyncio.TaskGroup() as tasks:
        worker = chores.Worker(host=socket.gethostname())
        tasks.create_task(
            _repeat(runtime, "worker: heartbeat", lambda: chores.beat(runtime.database, worker), chores.BEAT_SECONDS)
        )
        tasks.create_task(_send(runtime, pool))
        tasks.create_task(_repeat(runtime, "sms: release", lambda: sending.release(runtime, pool), _DEAD_SECONDS))
        tasks.create_task(_repeat(runtime, "sms: catch up", lambda: sending.catch_up(runtime, pool), _REPORTS_SECONDS))
        for duty in features.DUTIES:
            tasks.create_task(_repeat(runtime, duty.name, partial(duty.do, runtime), duty.rest_seconds, duty.most_seconds))


async def _repeat(
    runtime: Runtime,
    duty: str,
    work_once: Callable[[], Awaitable[int]],
    rest_seconds: float,
    most_seconds: float = _ROUND_SECONDS,
) -> None:
    """Works in rounds. It rests after a round that had nothing to do, and longer and longer after rounds that failed.

    A round that takes too long is ended: what it waits for may never come.
    """
    structlog.contextvars.bind_contextvars(duty=duty)
    outage = Outage("a duty")
    pauses = growing_pauses()
    while True:
        try:
            async with asyncio.timeout(most_seconds) as time_left:
                count = await work_once()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next round may do better
            if time_left.expired():
                outage.fault(error)
            else:
                blame(error, runtime.database.outage, outage)
            pause_seconds = next(pauses)
        else:
            outage.over()
            pauses = growing_pauses()
            pause_seconds = 0 if count else rest_seconds
        _end_where_cancelled()
        await asyncio.sleep(pause_seconds)


def _end_where_cancelled() -> None:
    """Before Python 3.12 asyncio.wait_for, by which the driver waits, forgets a cancellation that comes in an answer's moment."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def drain(runtime: Runtime, pool: ProviderPool | None = None) -> int:
    """Sends one batch of waiting messages and returns how many it looked at.

    Without a provider they arrive in the simulator's inbox. In production, where nobody would see that, they wait.
    """
    if pool is not None:
        return await sending.one_round(runtime, pool)
    return await local_sms.deliver(runtime) if runtime.settings.is_local else 0


async def _send(runtime: Runtime, pool: ProviderPool | None) -> None:
    """Keeps the outbox empty."""
    if pool is not None:
        # Where all that customers and duties have are in use, or silent, a code leaves all the same.
        database = Database(runtime.settings.database_url, connections=_SENDER_CONNECTIONS, session=HASTY_SESSION)
        database.outage = runtime.database.outage
        try:
            await sending.keep_sending(replace(runtime, database=database), pool)
        finally:
            await database.close()
        return
    if not runtime.settings.is_local:
        log.warning("no provider of SMS is configured: messages wait, and expire")
    await _repeat(runtime, "sms: send", lambda: drain(runtime), _OUTBOX_SECONDS)
