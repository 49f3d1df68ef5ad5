"""SMS that came in: each is answered once, however often its provider delivers it, and a flood from one number is not."""

from datetime import timedelta
from enum import Enum

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock
from core.runtime import Runtime
from core.tables.messaging import inbound

MOST_IN_AN_HOUR = 30
MOST_IN_A_DAY = 120
# A worker that needs longer has died: the provider delivers the SMS again, and another worker leases it.
_LEASE = timedelta(seconds=30)


class Intake(Enum):
    """What to do with an SMS that has arrived."""

    LEASED = "answer it"
    ANSWERED = "nothing: it was answered before"
    LEASED_BY_ANOTHER = "nothing now: another worker has it, and the provider may deliver it again"
    TOO_MANY = "nothing: its sender has sent too many"


async def lease(runtime: Runtime, provider: str, provider_id: str, phone: str) -> Intake:
    """Leases an SMS to this worker. `provider_id` is the provider's name for it, `phone` E.164."""
    now = clock.in_database()
    added = (
        insert(inbound)
        .values(provider=provider, provider_id=provider_id, phone=phone, received_at=now, claimed_at=now)
        .on_conflict_do_nothing()
        .returning(inbound.c.provider_id)
    )
    # One that is far in the future is that of a gateway whose clock was wrong.
    this_sms = (inbound.c.provider == provider) & (inbound.c.provider_id == provider_id)
    lease_again = (
        update(inbound)
        .where(this_sms, inbound.c.answered_at.is_(None), ~inbound.c.claimed_at.between(now - _LEASE, now + _LEASE))
        .values(claimed_at=now)
        .returning(inbound.c.provider_id)
    )
    async with runtime.database.autocommit() as connection:
        is_new = await connection.scalar(added) is not None
        if not is_new and await connection.scalar(lease_again) is None:
            answered_at = await connection.scalar(select(inbound.c.answered_at).where(this_sms))
            return Intake.LEASED_BY_ANOTHER if answered_at is None else Intake.ANSWERED
        if is_new and await _is_flood(connection, phone):
            await connection.execute(update(inbound).where(this_sms).values(answered_at=now, verb="unanswered"))
            return Intake.TOO_MANY
    return Intake.LEASED


async def mark_answered(connection: AsyncConnection, provider: str, provider_id: str, verb: str) -> bool:
    """Records that the SMS is answered, in the transaction of the answer. False where another worker was first."""
    change = (
        update(inbound)
        .where(inbound.c.provider == provider, inbound.c.provider_id == provider_id, inbound.c.answered_at.is_(None))
        .values(answered_at=clock.in_database(), verb=verb)
        .returning(inbound.c.provider_id)
    )
    return await connection.scalar(change) is not None


async def _is_flood(connection: AsyncConnection, phone: str) -> bool:
    now = clock.in_database()
    hour, day = now - timedelta(hours=1), now - timedelta(days=1)
    counted = select(func.count().filter(inbound.c.received_at > hour) > MOST_IN_AN_HOUR, func.count() > MOST_IN_A_DAY).where(
        inbound.c.phone == phone, inbound.c.received_at > day
    )
    in_hour, in_day = (await connection.execute(counted)).one()
    return bool(in_hour or in_day)
