"""What customers are told by SMS, and the outbox in which it waits until a worker sends it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock, ids, septets
from core.i18n import _, translate
from core.runtime import Runtime
from core.settings import Settings
from core.tables.notices import outbox

# A worker that has not said by then what became of a message is taken for dead, and another sends it.
CLAIM_LASTS = timedelta(seconds=60)

WELCOME = _(
    "Welcome to Jasho, {name}. Dial {service_code} to save, send and receive money. We never ask for your PIN by SMS or call."
)
# {balance} is filled in by the ledger, in the transfer's own transaction.
SENT = _("{reference} confirmed. {amount} sent to {name} {phone}. Fee {fee}. Balance {balance}.")
RECEIVED = _("{reference} confirmed. You received {amount} from {name} {phone}. Balance {balance}.")
# All of them, for the lint: each has to fit one SMS at its longest.
TEXTS = (WELCOME, SENT, RECEIVED)


@dataclass(frozen=True, slots=True)
class Message:
    """An SMS out of the outbox. `id` is stable: a message sent twice after a crash carries the same one."""

    id: UUID
    phone: str
    body: str
    created_at: datetime


def welcome(name: str, settings: Settings, language: str) -> str:
    return translate(WELCOME, language).format(name=septets.plain(name), service_code=settings.service_code)


async def enqueue(connection: AsyncConnection, *, phone: str, language: str, body: str) -> None:
    """Writes a notice in the caller's transaction: it is sent if and only if that commits."""
    await connection.execute(
        insert(outbox).values(id=ids.new_id(), phone=phone, language=language, body=body, created_at=clock.now())
    )


async def claim(runtime: Runtime, most: int) -> list[Message]:
    """Takes up to `most` waiting messages in hand, oldest first, so that no other worker sends them."""
    now = clock.now()
    waiting = (
        select(outbox.c.id)
        .where(
            outbox.c.status != "delivered",
            (outbox.c.status == "queued") | (outbox.c.claimed_at < now - CLAIM_LASTS),
        )
        .order_by(outbox.c.created_at, outbox.c.id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    take = (
        update(outbox)
        .where(outbox.c.id.in_(waiting))
        .values(status="sending", claimed_at=now)
        .returning(outbox.c.id, outbox.c.phone, outbox.c.body, outbox.c.created_at)
    )
    async with runtime.database.autocommit() as connection:
        rows = (await connection.execute(take)).all()
    return sorted((Message(*row) for row in rows), key=lambda message: (message.created_at, message.id))


async def delivered(runtime: Runtime, messages: Sequence[Message], provider: str) -> None:
    """Records that the messages have arrived."""
    async with runtime.database.autocommit() as connection:
        await connection.execute(
            update(outbox)
            .where(outbox.c.id.in_([message.id for message in messages]))
            .values(status="delivered", provider=provider, delivered_at=clock.now())
        )


async def inbox(runtime: Runtime, phone: str, most: int = 20) -> list[Message]:
    """What a phone has received from the local provider, newest first: the simulator's inbox."""
    received = (
        select(outbox.c.id, outbox.c.phone, outbox.c.body, outbox.c.created_at)
        .where(outbox.c.phone == phone, outbox.c.provider == "local", outbox.c.status == "delivered")
        .order_by(outbox.c.created_at.desc(), outbox.c.id.desc())
        .limit(most)
    )
    async with runtime.database.autocommit() as connection:
        return [Message(*row) for row in await connection.execute(received)]
