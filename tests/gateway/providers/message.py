"""An SMS that a provider has taken on: what its reports are about."""

from sqlalchemy import insert, select

from core import clock, ids
from core.runtime import Runtime
from core.tables.messaging import outbox, sms_attempt

ASHA = "+254711000001"


async def sent(runtime: Runtime, provider: str, provider_id: str) -> tuple[object, object]:
    """A message that the provider has taken on: its id and its attempt's."""
    message, attempt, now = ids.new_id(), ids.new_id(), clock.now()
    async with runtime.database.transaction() as connection:
        row = {"id": message, "phone": ASHA, "language": "en", "body": "x", "created_at": now, "claimed_at": now}
        await connection.execute(insert(outbox).values(**row, status="sent", attempts=1, provider=provider))
        row = {"id": attempt, "outbox_id": message, "number": 1, "phone": ASHA, "provider": provider, "provider_id": provider_id}
        await connection.execute(insert(sms_attempt).values(**row, parts=1, begun_at=now, outcome="sent", answered_at=now))
    return message, attempt


async def status_of(runtime: Runtime, message: object) -> object:
    async with runtime.database.autocommit() as connection:
        return await connection.scalar(select(outbox.c.status).where(outbox.c.id == message))
