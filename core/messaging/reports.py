"""Delivery reports: what providers tell, later, about messages that they took on.

They come in any order and more than once; each moves an attempt only forward. A report may come before the provider's own
answer, or instead of it: it is kept until its attempt is known. A one-time code that did not arrive, and a message of which
nobody knew whether it had left, go to a provider that has not carried them yet.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, exists, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from core import chores, clock
from core.messaging import kinds, optouts, outbox
from core.messaging.deliveries import SendOutcome
from core.runtime import Runtime
from core.tables.base import Moment
from core.tables.messaging import outbox as outbox_table
from core.tables.messaging import sms_attempt, sms_report

SENT, UNDELIVERED, DELIVERED = "sent", "undelivered", "delivered"
_ORDER = (None, SENT, UNDELIVERED, DELIVERED)
RECIPIENT, OPT_OUT = "recipient", "opt_out"
# A report without an attempt by then is somebody else's.
_KEPT_FOR = timedelta(days=2)
_CATCH_UP = "sms: catch up"
_KEPT = ("provider", "provider_id", "reported", "phone", "reason", "fault", "received_at")


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """`reported` is SENT (on its way), UNDELIVERED or DELIVERED.

    `fault` is RECIPIENT or OPT_OUT where no provider would do better. `attempt_id` is ours, where the provider gave it back;
    otherwise the attempt is found by `provider_id` or, where we never learnt that one, by `phone`. `received_at` is by the
    database's clock; None: now.
    """

    provider: str
    provider_id: str
    reported: str
    phone: str | None = None
    attempt_id: UUID | None = None
    reason: str | None = None
    fault: str | None = None
    cost: str | None = None
    received_at: datetime | None = None

    def received(self) -> ColumnElement[datetime]:
        """When it came, in a statement."""
        return clock.in_database() if self.received_at is None else literal(self.received_at, Moment)


async def record(runtime: Runtime, report: DeliveryReport, providers: Collection[str]) -> bool:
    """Records a report. False where its attempt is not known yet: it is kept. `providers`: the names of all there are."""
    if await _settle(runtime, report, providers):
        return True
    kept = {name: getattr(report, name) for name in _KEPT} | {"received_at": report.received()}
    async with runtime.database.autocommit() as connection:
        await connection.execute(insert(sms_report).values(kept).on_conflict_do_nothing())
    return False


async def catch_up(runtime: Runtime, providers: Collection[str], most: int = 500) -> int:
    """Settles reports that came too early and whose attempts are known by now. Returns how many."""
    is_same_provider = sms_attempt.c.provider == sms_report.c.provider
    in_doubt = (sms_attempt.c.provider_id.is_(None), sms_attempt.c.outcome == SendOutcome.UNSURE)
    waiting = (
        select(sms_report)
        .where(
            sms_report.c.attempt_id.is_(None),
            sms_report.c.received_at > clock.in_database() - _KEPT_FOR,
            exists().where(is_same_provider, sms_attempt.c.provider_id == sms_report.c.provider_id)
            | exists().where(
                is_same_provider,
                *in_doubt,
                sms_attempt.c.phone == sms_report.c.phone,
                sms_attempt.c.begun_at <= sms_report.c.received_at,
            ),
        )
        .order_by(sms_report.c.received_at)
    )
    passed_over = set(chores.list_passed_over(runtime.database, _CATCH_UP))
    async with runtime.database.autocommit() as connection:
        rows = (await connection.execute(waiting.limit(most + len(passed_over)))).all()
    reports = {
        (row.provider, row.provider_id, row.reported): DeliveryReport(**{name: getattr(row, name) for name in _KEPT})
        for row in rows
    }

    async def settle(key: tuple[str, str, str]) -> bool:
        return await _settle(runtime, reports[key], providers)

    return await chores.try_each(runtime.database, _CATCH_UP, [key for key in reports if key not in passed_over], settle)


async def _settle(runtime: Runtime, report: DeliveryReport, providers: Collection[str]) -> bool:
    async with runtime.database.transaction() as connection:
        attempt = await _find_attempt(connection, report)
        if attempt is None:
            return False
        rows = await outbox.lock_attempts(connection, {attempt.id: attempt.outbox_id})
        if not rows:
            # Its time was over, and it went in this moment.
            return False
        [row] = rows
        if row.provider_id not in (None, report.provider_id):
            return False
        if _ORDER.index(report.reported) > _ORDER.index(row.reported):
            await _forward(connection, row, report, providers)
        await connection.execute(
            update(sms_report)
            .where(sms_report.c.provider == report.provider, sms_report.c.provider_id == report.provider_id)
            .values(attempt_id=attempt.id)
        )
    return True


async def _find_attempt(connection: AsyncConnection, report: DeliveryReport) -> Row[UUID, UUID] | None:
    """The attempt that the report is about, and its message."""
    query = select(sms_attempt.c.id, sms_attempt.c.outbox_id).where(sms_attempt.c.provider == report.provider)
    if report.attempt_id is not None:
        query = query.where(sms_attempt.c.id == report.attempt_id)
    else:
        query = query.where(sms_attempt.c.provider_id == report.provider_id)
    attempt = (await connection.execute(query.order_by(sms_attempt.c.begun_at.desc()).limit(1))).one_or_none()
    if attempt is None and report.phone is not None:
        return await _find_unnamed(connection, report)
    return attempt


async def _find_unnamed(connection: AsyncConnection, report: DeliveryReport) -> Row[UUID, UUID] | None:
    """The oldest unsure attempt to the report's phone for which the provider has given us no id.

    None while another attempt to it is under way and unanswered: the report may be about that one.
    """
    unnamed = (
        sms_attempt.c.provider == report.provider,
        sms_attempt.c.phone == report.phone,
        sms_attempt.c.provider_id.is_(None),
    )
    is_busy = exists().where(*unnamed, sms_attempt.c.outcome.is_(None))
    begun = sms_attempt.c.begun_at.between(report.received() - _KEPT_FOR, report.received())
    oldest = (
        select(sms_attempt.c.id, sms_attempt.c.outbox_id)
        .where(*unnamed, sms_attempt.c.outcome == SendOutcome.UNSURE, begun, ~is_busy)
        .order_by(sms_attempt.c.begun_at)
        .limit(1)
    )
    return (await connection.execute(oldest)).one_or_none()


async def _forward(connection: AsyncConnection, row: Row[Any], report: DeliveryReport, providers: Collection[str]) -> None:
    now = await clock.read_in_database(connection)
    change = {"reported": report.reported, "provider_id": report.provider_id, "reason": report.reason, "reported_at": now}
    if report.cost:
        change["cost"] = report.cost
    await connection.execute(
        update(sms_attempt).where(sms_attempt.c.id == row.attempt_id, sms_attempt.c.outbox_id == row.id).values(change)
    )
    if report.fault == OPT_OUT:
        await optouts.opt_out(connection, row.phone, report.provider)
    if status := await _next_status(connection, row, report, providers, now):
        message_change: dict[str, Any] = {"status": status, "next_at": None}
        if status != "queued":
            message_change["provider"] = report.provider
        if status == DELIVERED:
            message_change["delivered_at"] = now
        await connection.execute(update(outbox_table).where(outbox_table.c.id == row.id).values(message_change))


async def _next_status(
    connection: AsyncConnection, row: Row[Any], report: DeliveryReport, providers: Collection[str], now: datetime
) -> str | None:
    """The message's next status; None where it stays as it is."""
    if report.reported == DELIVERED:
        return DELIVERED
    if row.number != row.attempts or row.status not in ("sending", "unsure", "sent", "expired"):
        return None
    if report.reported == SENT:
        return SENT if row.status in ("unsure", "expired") else None
    kind = kinds.of(row.kind)
    is_worth_it = kind.name == kinds.CODE or row.status == "unsure"
    if is_worth_it and report.fault is None and now < row.created_at + kind.lasts:
        carried = await connection.scalars(
            select(sms_attempt.c.provider).where(
                sms_attempt.c.outbox_id == row.id, sms_attempt.c.outcome.in_((SendOutcome.SENT, SendOutcome.UNSURE))
            )
        )
        if set(providers) - {report.provider, *carried}:
            return "queued"
    return UNDELIVERED
