"""How messages leave the outbox: leased, handed to a provider, answered.

    queued -> sending -> sent -> delivered, undelivered     the last two by the provider's delivery report: reports.py
              sending -> queued      every provider has refused it: again after a while, until the kind's time is over
              sending -> failed      the recipient's number is at fault
              sending -> unsure      nobody knows whether it left: we wait for a delivery report, then another provider sends it
    queued, unsure -> expired        its time is over
    queued -> suppressed             the recipient has opted out, or has had enough of the kind

A lease is committed, with an attempt for each message, before any provider is called. So a crash leaves attempts without an
outcome, and only those are ambiguous. They are counted, and each message is sent at most once more.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core import chores, clock, ids, septets
from core.messaging import kinds, notices, optouts, turns
from core.messaging.deliveries import AnsweredAttempt, Attempt, Pool, SendOutcome
from core.runtime import Runtime
from core.tables.messaging import outbox, sms_attempt

# A worker that has recorded no answer by then is taken for dead. It is longer than all providers together may take.
LEASE = timedelta(seconds=60)

# A worker that was only cut off from the database has recorded its answers by then.
_RECONNECT = timedelta(seconds=10)
_FIRST_WAIT_SECONDS = 4
# A message that cannot be read, of a release to come say, does not stay before all others.
_UNREADABLE_RESTS = timedelta(minutes=10)
_RELEASE = "sms: release"
_LONGEST_WAIT_SECONDS = 300

_ATTEMPT = (
    sms_attempt.c.id.label("attempt_id"),
    sms_attempt.c.number,
    sms_attempt.c.provider_id,
    sms_attempt.c.outcome,
    sms_attempt.c.reported,
)
# One statement each, for any number of messages.
_BEGIN = text(
    """WITH leased AS (
        UPDATE outbox SET status = 'sending', attempts = attempts + 1, claimed_at = :now, next_at = NULL
        FROM unnest(CAST(:messages AS uuid[])) AS message (id) WHERE outbox.id = message.id
    )
    INSERT INTO sms_attempt (id, outbox_id, number, phone, provider, parts, begun_at)
    SELECT new.*, :now FROM unnest(
        CAST(:ids AS uuid[]), CAST(:messages AS uuid[]), CAST(:numbers AS smallint[]), CAST(:phones AS text[]),
        CAST(:providers AS text[]), CAST(:parts AS smallint[])) AS new"""
)
_RECORD = text(
    """UPDATE sms_attempt SET outcome = answer.outcome, code = answer.code, cost = answer.cost, answered_at = :now,
        provider_id = coalesce(sms_attempt.provider_id, answer.provider_id)
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:messages AS uuid[]), CAST(:outcomes AS text[]), CAST(:codes AS text[]),
        CAST(:costs AS text[]), CAST(:provider_ids AS text[])) AS answer (id, message, outcome, code, cost, provider_id)
    WHERE sms_attempt.id = answer.id AND sms_attempt.outbox_id = answer.message"""
)
_MOVE = text(
    """UPDATE outbox SET status = new.status, next_at = new.next_at, provider = new.provider
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:statuses AS text[]), CAST(:next_ats AS timestamptz[]), CAST(:providers AS text[])
    ) AS new (id, status, next_at, provider)
    WHERE outbox.id = new.id"""
)


@dataclass(frozen=True, slots=True)
class Leased:
    """`settled`: how many messages were looked at and will not be sent."""

    attempts: list[Attempt]
    settled: int


@dataclass(frozen=True, slots=True)
class _Move:
    """A message's new state. Where it waits, it is not sent before `next_at`."""

    id: UUID
    status: str
    next_at: datetime | None
    provider: str | None


async def lease(runtime: Runtime, most: int, pool: Pool, in_doubt: list[Attempt] | None = None) -> Leased:
    """Leases up to `most` messages, one for each recipient, so that no other worker sends them.

    Where it raises, `in_doubt` has what may have been leased all the same: ask `list_begun` when the database answers again.
    """
    async with runtime.database.transaction() as connection:
        now = await clock.read_in_database(connection)
        wanted, settled = await turns.select_next_of_each(connection, most, now)
        providers = await pool.assign(connection, [row.avoided for row in wanted]) if wanted else []
        attempts: list[Attempt] = []
        for row, provider in zip(wanted, providers, strict=True):
            if provider is not None and not await chores.try_one(
                runtime.database, "sms: send", row.id, partial(_add_attempt, runtime, row, provider, attempts)
            ):
                await _move(connection, [_Move(row.id, row.status, now + _UNREADABLE_RESTS, None)])
        if attempts:
            await _begin(connection, attempts, now)
            if in_doubt is not None:
                in_doubt[:] = attempts
    if in_doubt is not None:
        in_doubt.clear()
    return Leased(attempts, settled)


async def list_begun(runtime: Runtime, attempts: Sequence[Attempt]) -> list[Attempt]:
    """Those of a lease in doubt that were leased: nobody else sends them, and no provider has been called.

    One whose lease is half over is left to whoever releases messages of dead workers.
    """
    begun = (
        select(sms_attempt.c.id)
        .join(outbox, outbox.c.id == sms_attempt.c.outbox_id)
        .where(
            sms_attempt.c.id.in_([attempt.id for attempt in attempts]),
            sms_attempt.c.outbox_id.in_([attempt.message.id for attempt in attempts]),
            sms_attempt.c.outcome.is_(None),
            outbox.c.id.in_([attempt.message.id for attempt in attempts]),
            outbox.c.status == "sending",
            outbox.c.attempts == sms_attempt.c.number,
            outbox.c.claimed_at > clock.in_database() - LEASE // 2,
        )
    )
    async with runtime.database.autocommit() as connection:
        ids_begun = set(await connection.scalars(begun))
    return [attempt for attempt in attempts if attempt.id in ids_begun]


async def _add_attempt(runtime: Runtime, row: Row[Any], provider: str, attempts: list[Attempt]) -> bool:
    attempts.append(Attempt(ids.new_id(), notices.read_message(runtime, row), row.attempts + 1, provider))
    return True


async def lease_again(
    runtime: Runtime, failed: AnsweredAttempt, tried: Sequence[str], pool: Pool, in_doubt: list[Attempt] | None = None
) -> Attempt | None:
    """Leases a message that a provider has refused for another provider.

    None where there is no other: the caller then records the answer with `record_answers`. `in_doubt` as for `lease`.
    """
    message = failed.attempt.message
    async with runtime.database.transaction() as connection:
        rows = await lock_attempts(connection, {failed.attempt.id: message.id})
        provider = await pool.choose_another(connection, tried)
        if provider is None or not rows or not _is_latest(rows[0], failed.attempt):
            return None
        now = await clock.read_in_database(connection)
        await _record(connection, [failed], now)
        await pool.note_answers(connection, [failed])
        attempt = Attempt(ids.new_id(), message, failed.attempt.number + 1, provider)
        await _begin(connection, [attempt], now)
        if in_doubt is not None:
            in_doubt[:] = [attempt]
    return attempt


async def record_answers(runtime: Runtime, answers: Sequence[AnsweredAttempt], pool: Pool) -> None:
    """Records what providers have answered, and what becomes of the messages. Doing it twice is harmless."""
    async with runtime.database.transaction() as connection:
        messages = {answered.attempt.id: answered.attempt.message.id for answered in answers}
        rows = {row.attempt_id: row for row in await lock_attempts(connection, messages)}
        now = await clock.read_in_database(connection)
        await _record(connection, answers, now)
        moves = [_move_after(rows.get(answered.attempt.id), answered, now) for answered in answers]
        await _move(connection, [move for move in moves if move is not None])
        for answered in answers:
            if answered.answer.has_opted_out:
                await optouts.opt_out(connection, answered.attempt.message.phone, answered.attempt.provider)
        await pool.note_answers(connection, answers)


async def release_dead(runtime: Runtime, most: int = 500) -> int:
    """Messages of dead workers become unsure. Returns how many there were."""
    database = runtime.database
    is_next = chores.is_not_passed_over(database, _RELEASE, outbox.c.id)
    async with database.autocommit() as connection:
        now = await clock.read_in_database(connection)
        dead = select(outbox.c.id).where(_is_dead(now), is_next).order_by(outbox.c.claimed_at, outbox.c.id).limit(most)
        message_ids = (await connection.scalars(dead)).all()
    return await chores.try_each(database, _RELEASE, message_ids, partial(_release_dead, runtime, now))


async def _release_dead(runtime: Runtime, now: datetime, message_id: UUID) -> bool:
    dead = (
        select(outbox, *_ATTEMPT)
        .outerjoin(sms_attempt, (sms_attempt.c.outbox_id == outbox.c.id) & (sms_attempt.c.number == outbox.c.attempts))
        .where(outbox.c.id == message_id, _is_dead(now))
        .with_for_update(skip_locked=True, of=outbox)
    )
    async with runtime.database.transaction() as connection:
        row = (await connection.execute(dead)).one_or_none()
        if row is None:
            return False
        unanswered = (sms_attempt.c.id == row.attempt_id, sms_attempt.c.outbox_id == row.id, sms_attempt.c.outcome.is_(None))
        await connection.execute(
            update(sms_attempt).where(*unanswered).values(outcome=SendOutcome.UNSURE, code="lost", answered_at=now)
        )
        await _move(connection, [_release(row, now)])
    return True


def _is_dead(now: datetime) -> ColumnElement[bool]:
    # A literal, not a parameter: a cached plan cannot use a partial index whose condition is one.
    return and_(text("outbox.status = 'sending'"), outbox.c.claimed_at < now - LEASE)


async def hand_over(runtime: Runtime, most: int, provider: str) -> int:
    """Delivers up to `most` messages at once, for a provider that asks nobody. Returns how many it looked at."""
    async with runtime.database.transaction() as connection:
        now = await clock.read_in_database(connection)
        wanted, settled = await turns.select_all_due(connection, most, now)
        if wanted:
            await connection.execute(
                update(outbox)
                .where(outbox.c.id.in_([row.id for row in wanted]))
                .values(status="delivered", provider=provider, claimed_at=now, delivered_at=now)
            )
    return len(wanted) + settled


async def _begin(connection: AsyncConnection, attempts: Sequence[Attempt], now: datetime) -> None:
    params = {
        "now": now,
        "ids": [attempt.id for attempt in attempts],
        "messages": [attempt.message.id for attempt in attempts],
        "numbers": [attempt.number for attempt in attempts],
        "phones": [attempt.message.phone for attempt in attempts],
        "providers": [attempt.provider for attempt in attempts],
        "parts": [len(septets.parts(attempt.message.body)) for attempt in attempts],
    }
    await connection.execute(_BEGIN, params)


async def lock_attempts(connection: AsyncConnection, messages: Mapping[UUID, UUID]) -> Sequence[Row[Any]]:
    """Locks the attempts and their messages, always in the same order, so that two workers never wait in a circle.

    `messages` has each attempt's message, which says in which period the two are: the others are not looked at.
    """
    query = (
        select(outbox, *_ATTEMPT)
        .join(sms_attempt, sms_attempt.c.outbox_id == outbox.c.id)
        .where(sms_attempt.c.id.in_(messages), outbox.c.id.in_(messages.values()), sms_attempt.c.outbox_id.in_(messages.values()))
        .order_by(outbox.c.id)
        .with_for_update(of=(outbox, sms_attempt))
    )
    return (await connection.execute(query)).all()


async def _record(connection: AsyncConnection, answers: Sequence[AnsweredAttempt], now: datetime) -> None:
    params = {
        "now": now,
        "ids": [answered.attempt.id for answered in answers],
        "messages": [answered.attempt.message.id for answered in answers],
        "outcomes": [str(answered.answer.outcome) for answered in answers],
        "codes": [answered.answer.code[:64] for answered in answers],
        "costs": [answered.answer.cost for answered in answers],
        "provider_ids": [answered.answer.provider_id for answered in answers],
    }
    await connection.execute(_RECORD, params)


async def _move(connection: AsyncConnection, moves: Sequence[_Move]) -> None:
    if moves:
        params = {
            "ids": [move.id for move in moves],
            "statuses": [move.status for move in moves],
            "next_ats": [move.next_at for move in moves],
            "providers": [move.provider for move in moves],
        }
        await connection.execute(_MOVE, params)


def _move_after(row: Row[Any] | None, answered: AnsweredAttempt, now: datetime) -> _Move | None:
    """What becomes of the message; None where it is gone, or a faster delivery report or a later attempt has decided that."""
    outcome = answered.answer.outcome
    if row is None or row.reported in ("delivered", "undelivered"):
        return None
    if outcome is SendOutcome.SENT or row.reported == "sent":
        is_news = row.status in ("queued", "sending", "unsure", "expired")
        return _move_to(row, "sent", now, answered.attempt.provider) if is_news else None
    if not _is_latest(row, answered.attempt):
        return None
    if outcome is SendOutcome.BARRED:
        return _move_to(row, "failed", now, answered.attempt.provider)
    return _move_to(row, "unsure" if outcome is SendOutcome.UNSURE else "queued", now)


def _move_to(row: Row[Any], status: str, since: datetime, provider: str | None = None) -> _Move:
    kind = kinds.of(row.kind)
    wait = {"unsure": kind.wait, "queued": _backoff(row.attempts)}.get(status)
    next_at = None if wait is None else min(since + wait, row.created_at + kind.lasts)
    return _Move(row.id, status, next_at, provider)


def _release(row: Row[Any], now: datetime) -> _Move:
    """What becomes of a dead worker's message. It waits since its lease began, and for `_RECONNECT` in any case."""
    lately = now + _RECONNECT - kinds.of(row.kind).wait
    return _move_to(row, "sent" if row.reported else "unsure", max(row.claimed_at, lately))


def _is_latest(row: Row[Any], attempt: Attempt) -> bool:
    return bool(row.status == "sending" and row.attempts == attempt.number)


def _backoff(attempts: int) -> timedelta:
    """Longer each time, and random: messages that failed together do not come back together."""
    seconds = min(_FIRST_WAIT_SECONDS << min(attempts - 1, 16), _LONGEST_WAIT_SECONDS)
    return timedelta(milliseconds=seconds * random.randrange(750, 1250))  # noqa: S311 - spreads load, guards nothing
