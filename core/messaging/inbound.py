"""SMS that came in: each is taken once, however often its provider delivers it, and a flood from one number is not answered."""

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
# Whoever has it in hand for longer has died: the provider delivers it again, and another takes it.
_CLAIM_LASTS = timedelta(seconds=30)


class Taken(Enum):
    """What is to be done with an SMS that has arrived."""

    YES = "answer it"
    ALREADY = "it was answered before"
    BY_ANOTHER = "another has it in hand: the provider may come again"
    TOO_MANY = "its sender has sent too many to be answered"


async def take(runtime: Runtime, provider: str, provider_id: str, phone: str) -> Taken:
    """Takes an SMS in hand. `provider_id` is the provider's name for it, `phone` E.164."""
    now = clock.now()
    added = (
        insert(inbound)
        .values(provider=provider, provider_id=provider_id, phone=phone, received_at=now, claimed_at=now)
        .on_conflict_do_nothing()
        .returning(inbound.c.provider_id)
    )
    own = (inbound.c.provider == provider) & (inbound.c.provider_id == provider_id)
    taken_over = (
        update(inbound)
        .where(own, inbound.c.answered_at.is_(None), inbound.c.claimed_at < now - _CLAIM_LASTS)
        .values(claimed_at=now)
        .returning(inbound.c.provider_id)
    )
    async with runtime.database.autocommit() as connection:
        is_new = await connection.scalar(added) is not None
        if not is_new and await connection.scalar(taken_over) is None:
            answered = await connection.scalar(select(inbound.c.answered_at).where(own))
            return Taken.BY_ANOTHER if answered is None else Taken.ALREADY
        if is_new and await _is_flood(connection, phone):
            await connection.execute(update(inbound).where(own).values(answered_at=now, verb="unanswered"))
            return Taken.TOO_MANY
    return Taken.YES


async def answered(connection: AsyncConnection, provider: str, provider_id: str, verb: str) -> bool:
    """Records that the SMS is answered, in the transaction of the answer. False where another was first."""
    done = (
        update(inbound)
        .where(inbound.c.provider == provider, inbound.c.provider_id == provider_id, inbound.c.answered_at.is_(None))
        .values(answered_at=clock.now(), verb=verb)
        .returning(inbound.c.provider_id)
    )
    return await connection.scalar(done) is not None


async def _is_flood(connection: AsyncConnection, phone: str) -> bool:
    now = clock.now()
    hour, day = now - timedelta(hours=1), now - timedelta(days=1)
    counted = select(func.count().filter(inbound.c.received_at > hour) > MOST_IN_AN_HOUR, func.count() > MOST_IN_A_DAY).where(
        inbound.c.phone == phone, inbound.c.received_at > day
    )
    in_hour, in_day = (await connection.execute(counted)).one()
    return bool(in_hour or in_day)
