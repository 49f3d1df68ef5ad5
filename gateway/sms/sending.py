"""Sends what waits in the outbox. Never inside a transaction; an answer of a provider is recorded as soon as it is known.

A worker leases hardly more messages than it can send at once, so a crash leaves few in doubt.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import structlog

from core.errors import Busy
from core.faults import is_away, is_passing
from core.faults.outage import Outage, blame
from core.faults.silence import patience
from core.messaging import outbox, reports
from core.messaging.deliveries import AnsweredAttempt, Attempt, SendOutcome
from core.runtime import Runtime
from gateway.backoff import short_pauses
from gateway.sms.pool import ProviderPool
from gateway.sms.provider import MOST_THREADS

# More than can be sent at once: while some answers are being recorded, other calls have begun already.
MOST_IN_HAND = 48
# A lease costs the same for one message as for many.
_LEAST_AT_ONCE = 6
_GATHER_SECONDS = 0.015
_IDLE_SECONDS = 0.25
# More than the server's own limits for it (HASTY_SESSION). With the pause after a failure a line's return is noticed within 5 s.
ANSWER_SECONDS = 2.5
# How often the database is asked, with a pause before each time, whether a message was leased for another provider.
_MOST_LOOKS = 30

log = structlog.get_logger()


async def one_round(runtime: Runtime, pool: ProviderPool) -> int:
    """Sends what can be sent now, at most as much as fits at once, and returns how many messages it looked at."""
    await runtime.switches.look()
    leased = await outbox.lease(runtime, MOST_THREADS, pool)
    answers = await asyncio.gather(*(_carry(runtime, pool, attempt) for attempt in leased.attempts))
    if answers:
        await outbox.record_answers(runtime, answers, pool)
        await reports.catch_up(runtime, pool.names)
    return len(leased.attempts) + leased.settled


async def release(runtime: Runtime, pool: ProviderPool | None) -> int:
    """Messages of dead workers wait for a delivery report from now on; it may have come already."""
    released = await outbox.release_dead(runtime)
    if released:
        log.warning("messages in doubt: their worker has died", messages=released)
        await catch_up(runtime, pool)
    return released


async def catch_up(runtime: Runtime, pool: ProviderPool | None) -> int:
    """Settles delivery reports that came before the provider's answer was recorded."""
    return await reports.catch_up(runtime, pool.names if pool else ())


@dataclass(slots=True)
class _Hands:
    """What one worker has in hand: calls under way, and answers that are not recorded yet."""

    under_way: "set[asyncio.Task[AnsweredAttempt]]" = field(default_factory=set)
    answers: list[AnsweredAttempt] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    room: asyncio.Event = field(default_factory=asyncio.Event)
    in_doubt: list[Attempt] = field(default_factory=list)  # whether they were leased: the answer to the commit was lost
    is_short: bool = False  # there was less to lease than there was room for: each record may let another message go
    is_closing: bool = False

    @property
    def free(self) -> int:
        return min(MOST_THREADS - len(self.under_way), MOST_IN_HAND - len(self.under_way) - len(self.answers))

    def begin(self, call: Coroutine[Any, Any, AnsweredAttempt]) -> None:
        task = asyncio.create_task(call)
        self.under_way.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: "asyncio.Task[AnsweredAttempt]") -> None:
        self.under_way.discard(task)
        self.answers.append(task.result())
        self.news.set()
        if self.free >= _LEAST_AT_ONCE:
            self.room.set()


async def keep_sending(runtime: Runtime, pool: ProviderPool) -> None:
    """Sends until it is cancelled, and then waits for the calls under way. The database may go away and come back."""
    hands = _Hands()
    outage = Outage("leasing messages")
    pauses = short_pauses()
    # A line that died while it was silent is found out before a customer gives up waiting for her code.
    with patience(ANSWER_SECONDS):
        recorder = asyncio.create_task(_keep_recording(runtime, pool, hands))
        try:
            while True:
                # In a task of its own: were we cancelled amid its commit, the leased messages would be nobody's.
                step = asyncio.create_task(_lease_some(runtime, pool, hands))
                try:
                    await asyncio.shield(step)
                except Exception as error:  # noqa: BLE001 - whatever it is, the next lease may do better
                    blame(error, runtime.database.outage, outage)
                    # The next lease is not to wait for how the switches stand.
                    await asyncio.gather(asyncio.sleep(next(pauses)), runtime.switches.look())
                else:
                    outage.over()
                    pauses = short_pauses()
        finally:
            await asyncio.wait({step})
            if hands.under_way:
                await asyncio.wait(hands.under_way)
            hands.is_closing = True
            hands.news.set()
            await recorder


async def _lease_some(runtime: Runtime, pool: ProviderPool, hands: _Hands) -> None:
    """Leases as much as there is room for, then waits for room, or for a while where there was nothing more to lease."""
    hands.room.clear()
    # Before the lease and not within it: a transaction waits for nobody.
    await runtime.switches.look()
    if hands.in_doubt:
        for attempt in await outbox.list_begun(runtime, hands.in_doubt):
            hands.begin(_carry(runtime, pool, attempt))
        hands.in_doubt.clear()
    free = hands.free
    leased = await outbox.lease(runtime, free, pool, hands.in_doubt) if free > 0 else outbox.Leased([], 0)
    for attempt in leased.attempts:
        hands.begin(_carry(runtime, pool, attempt))
    hands.is_short = len(leased.attempts) < free
    if leased.settled:
        return
    if not hands.is_short and hands.free < _LEAST_AT_ONCE:
        hands.room.clear()  # there was room only before these calls began
    with suppress(TimeoutError):
        await asyncio.wait_for(hands.room.wait(), _IDLE_SECONDS)


async def _keep_recording(runtime: Runtime, pool: ProviderPool, hands: _Hands) -> None:
    outage = Outage("recording answers")
    pauses = short_pauses()
    while not (hands.is_closing and not hands.answers):
        await hands.news.wait()
        if not hands.is_closing:
            await asyncio.sleep(_GATHER_SECONDS)
        hands.news.clear()
        batch = list(hands.answers)
        try:
            await _record(runtime, pool, batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next try may do better
            blame(error, runtime.database.outage, outage)
            if hands.is_closing:
                return
            await asyncio.sleep(next(pauses))
            hands.news.set()
        else:
            outage.over()
            pauses = short_pauses()
            del hands.answers[: len(batch)]
            if hands.is_short or hands.free >= _LEAST_AT_ONCE:
                hands.room.set()


async def _record(runtime: Runtime, pool: ProviderPool, batch: list[AnsweredAttempt]) -> None:
    """Records answers together or, where that fails, one by one.

    One that cannot be recorded is dropped: after its lease the message waits for a report. Raises where another try may do
    better.
    """
    try:
        if batch:
            await outbox.record_answers(runtime, batch, pool)
    except Exception as error:
        # Away, or a row is locked: the next try may do better.
        if isinstance(error, Busy) or is_passing(error):
            raise
        if len(batch) > 1:
            for answered in batch:
                await _record(runtime, pool, [answered])
        else:
            log.exception("an answer cannot be recorded", message=str(batch[0].attempt.message.id))


async def _carry(runtime: Runtime, pool: ProviderPool, attempt: Attempt) -> AnsweredAttempt:
    """Calls one provider after another until one takes the message on, or nobody knows whether it did."""
    tried: list[str] = []
    structlog.contextvars.bind_contextvars(message=str(attempt.message.id))
    while True:
        answered = AnsweredAttempt(attempt, await pool[attempt.provider].send(attempt))
        if answered.answer.outcome not in (SendOutcome.REFUSED, SendOutcome.AWAY):
            return answered
        tried.append(attempt.provider)
        in_doubt: list[Attempt] = []
        try:
            next_attempt = await outbox.lease_again(runtime, answered, tried, pool, in_doubt)
        except Exception as error:  # noqa: BLE001 - told, and looked after
            _tell(runtime, error)
            next_attempt = await _find_begun(runtime, in_doubt)
        if next_attempt is None:
            return answered
        attempt = next_attempt


async def _find_begun(runtime: Runtime, in_doubt: list[Attempt]) -> Attempt | None:
    """The attempt, where it was leased although the answer to the commit was lost; None too where nobody can tell soon."""
    for pause_seconds in islice(short_pauses(), _MOST_LOOKS if in_doubt else 0):
        await asyncio.sleep(pause_seconds)
        try:
            begun = await outbox.list_begun(runtime, in_doubt)
        except Exception as error:  # noqa: BLE001 - told; the next look may do better
            _tell(runtime, error)
            continue
        return begun[0] if begun else None
    return None


def _tell(runtime: Runtime, error: Exception) -> None:
    if is_away(error):
        runtime.database.outage.fault(error)
    else:
        log.error("the next provider was not asked", exc_info=error)
