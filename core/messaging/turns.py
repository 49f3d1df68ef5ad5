"""Which messages of the outbox are next, and which are not sent at all: too late, opted out, or enough of the kind."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core import ids
from core.messaging import kinds
from core.tables.messaging import outbox

# How often a message is sent when nobody knows whether it had left.
MOST_UNSURE = 2

# The statuses are literals, not parameters, so that the planner sees that a partial index fits.
#
# Of a recipient's waiting messages only the first may go, and none while one is on its way. So they arrive in order, and a crash
# leaves few in doubt. A one-time code does not wait for an unsure message.
_IS_NEXT = """
    AND NOT EXISTS (SELECT FROM outbox busy WHERE busy.phone = o.phone AND busy.status = 'sending')
    AND o.id = (
        SELECT first.id FROM outbox first
        WHERE first.phone = o.phone AND first.status IN ('queued', 'unsure')
            AND (first.status = 'queued' OR first.id = o.id OR o.kind <> 'code')
        ORDER BY first.priority, first.created_at, first.id LIMIT 1)"""
_HAD = """
    CASE WHEN o.kind = ANY(:bounded) THEN (
        SELECT count(*) FROM outbox had
        WHERE had.id >= :three_days_ago AND had.phone = o.phone AND had.created_at > :now - interval '2 days'
            AND had.kind = o.kind AND had.id <> o.id
            AND had.claimed_at > :now - interval '{}' AND had.status NOT IN ('queued', 'failed', 'expired', 'suppressed')
    ) ELSE 0 END"""
_DUE = """
    SELECT o.id, o.phone, o.body, o.created_at, o.code_id, o.kind, o.status, o.attempts,
        (SELECT purpose FROM one_time_code WHERE id = o.code_id) AS purpose,
        (
            SELECT provider FROM sms_attempt WHERE outbox_id = o.id AND number = o.attempts AND outcome IN ('sent', 'unsure')
        ) AS avoided,
        CASE WHEN o.status = 'unsure' THEN (
            SELECT count(*) FROM sms_attempt WHERE outbox_id = o.id AND outcome = 'unsure'
        ) ELSE 0 END AS unsure,
        o.kind = ANY(:declinable) AND EXISTS (
            SELECT FROM opt_out WHERE phone = o.phone AND ended_at IS NULL
        ) AS is_opted_out,
        {in_an_hour} AS in_an_hour, {in_a_day} AS in_a_day
    FROM outbox o
    WHERE o.status IN ('queued', 'unsure') AND (o.next_at IS NULL OR o.next_at <= :now) {is_next}
    ORDER BY o.priority, o.created_at, o.id
    LIMIT :most FOR UPDATE OF o SKIP LOCKED"""
_COUNTED = {"in_an_hour": _HAD.format("1 hour"), "in_a_day": _HAD.format("1 day")}
_NEXT_OF_EACH = text(_DUE.format(is_next=_IS_NEXT, **_COUNTED))
_ALL_DUE = text(_DUE.format(is_next="", **_COUNTED))


async def select_next_of_each(connection: AsyncConnection, most: int, now: datetime) -> tuple[list[Row[Any]], int]:
    """Locks up to `most` messages to send, the most urgent first: the first of each recipient who has none on its way.

    Settles those that will not be sent, and returns how many of them there were beside the messages.
    """
    rows = (await connection.execute(_NEXT_OF_EACH, _params(now, most))).all()
    return await _judge(connection, rows, now)


async def select_all_due(connection: AsyncConnection, most: int, now: datetime) -> tuple[list[Row[Any]], int]:
    """`select_next_of_each` for a provider that delivers at once: any number for each recipient, and none is too late."""
    rows = (await connection.execute(_ALL_DUE, _params(now, most))).all()
    return await _judge(connection, rows, None)


def _params(now: datetime, most: int) -> dict[str, Any]:
    all_kinds = kinds.by_name().values()
    return {
        "now": now,
        # An id is as old as its message; it says which periods of the outbox are looked at.
        "three_days_ago": ids.first_at(now - timedelta(days=3)),
        "most": most,
        "bounded": [kind.name for kind in all_kinds if kind.most_in_an_hour is not None or kind.most_in_a_day is not None],
        "declinable": [kind.name for kind in all_kinds if kind.is_declinable],
    }


async def _judge(connection: AsyncConnection, rows: Sequence[Row[Any]], now: datetime | None) -> tuple[list[Row[Any]], int]:
    """Returns those that are to be sent and settles the others. Without `now` nothing is too late."""
    wanted: list[Row[Any]] = []
    settled: dict[str, list[UUID]] = defaultdict(list)
    had: Counter[tuple[str, str]] = Counter()
    for row in rows:
        kind = kinds.of(row.kind)
        more = had[row.phone, row.kind]
        if row.unsure >= MOST_UNSURE or (now is not None and now >= row.created_at + kind.lasts):
            settled["expired"].append(row.id)
        elif (
            row.is_opted_out
            or _is_enough(row.in_an_hour + more, kind.most_in_an_hour)
            or _is_enough(row.in_a_day + more, kind.most_in_a_day)
        ):
            settled["suppressed"].append(row.id)
        else:
            wanted.append(row)
            had[row.phone, row.kind] += 1
    for status, message_ids in settled.items():
        await connection.execute(update(outbox).where(outbox.c.id.in_(message_ids)).values(status=status, next_at=None))
    return wanted, len(rows) - len(wanted)


def _is_enough(had: int, most: int | None) -> bool:
    return most is not None and had >= most
