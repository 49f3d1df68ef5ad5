"""What customers are told by SMS, and the outbox in which it waits until a worker sends it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock, ids, septets
from core.i18n import translate
from core.ledger.transfer import Notice
from core.runtime import Runtime
from core.tables.notices import outbox

if TYPE_CHECKING:
    from core.services.customers import Customer

# A worker that has not said by then what became of a message is taken for dead, and another sends it.
CLAIM_LASTS = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Message:
    """An SMS out of the outbox. `id` is stable: a message sent twice after a crash carries the same one."""

    id: UUID
    phone: str
    body: str
    created_at: datetime


def write(reader: "Customer", text: str, *, leg: int = 0, **params: object) -> Notice:
    """A text of texts.py for a transfer to carry; where it says `{balance}`, what leg `leg`'s account can spend then stands."""
    return Notice(reader.phone, reader.language, _filled(text, reader.language, params), leg)


async def tell(
    connection: AsyncConnection, reader: "Customer", text: str, *, code_id: UUID | None = None, **params: object
) -> None:
    """Writes a text of texts.py to a customer, in the caller's transaction: it is sent if and only if that commits.

    `code_id` names the one-time code that `{code}` in the text stands for.
    """
    body = _filled(text, reader.language, params)
    await _enqueue(connection, phone=reader.phone, language=reader.language, body=body, code_id=code_id)


async def tell_number(connection: AsyncConnection, phone: str, language: str, text: str, **params: object) -> None:
    """The same to a number that has no account. `phone` is E.164."""
    await _enqueue(connection, phone=phone, language=language, body=_filled(text, language, params))


async def _enqueue(connection: AsyncConnection, *, phone: str, language: str, body: str, code_id: UUID | None = None) -> None:
    await connection.execute(
        insert(outbox).values(id=ids.new_id(), phone=phone, language=language, body=body, code_id=code_id, created_at=clock.now())
    )


def _filled(text: str, language: str, params: Mapping[str, object]) -> str:
    """Translated and filled in, in the phone's alphabet. What is filled in later stays as it is."""
    later = {"balance": "{balance}", "code": "{code}"}
    said = {name: septets.plain(str(value)) for name, value in params.items()}
    return translate(text, language).format(**{**later, **said})


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
