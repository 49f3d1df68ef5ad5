"""What customers are told by SMS: written into the outbox, in the transaction that it tells about. outbox.py sends it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Row, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock, ids, septets
from core.hashing import code_digits
from core.i18n import translate
from core.ledger.transfer import Notice
from core.messaging import kinds
from core.runtime import Runtime
from core.tables.credentials import one_time_code
from core.tables.messaging import outbox


class Reader(Protocol):
    """Somebody who can get an SMS: `phone` is E.164."""

    @property
    def phone(self) -> str: ...

    @property
    def language(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Message:
    """An SMS out of the outbox. `id` is stable: a message that is sent twice after a crash has the same one.

    `body` may hold a one-time code, so it stays out of every log.
    """

    id: UUID
    phone: str
    body: str = field(repr=False)
    created_at: datetime


def write(reader: Reader, text: str, *, leg: int = 0, **params: object) -> Notice:
    """A text of texts.py for a transfer to carry.

    Where it says `{balance}`, it tells what the account of leg number `leg` can spend afterwards.
    """
    return Notice(reader.phone, reader.language, _fill(text, reader.language, params), leg)


async def tell(
    runtime: Runtime,
    connection: AsyncConnection,
    reader: Reader,
    text: str,
    *,
    kind: str = kinds.RECEIPT,
    code_id: UUID | None = None,
    **params: object,
) -> None:
    """Writes a text of texts.py to a customer, in the caller's transaction: it is sent if and only if that commits.

    `kind` is one of kinds.py. `code_id` names the one-time code that `{code}` in the text stands for, and makes the SMS a CODE.
    """
    body = _fill(text, reader.language, _service_code(runtime) | params)
    await _enqueue(connection, reader.phone, reader.language, body, kinds.CODE if code_id else kind, code_id)


async def tell_number(
    runtime: Runtime,
    connection: AsyncConnection,
    phone: str,
    language: str,
    text: str,
    /,
    *,
    kind: str = kinds.RECEIPT,
    **params: object,
) -> None:
    """`tell` for a number that has no account. `phone` is E.164."""
    await _enqueue(connection, phone, language, _fill(text, language, _service_code(runtime) | params), kind)


async def _enqueue(
    connection: AsyncConnection, phone: str, language: str, body: str, kind: str, code_id: UUID | None = None
) -> None:
    row = {"phone": phone, "language": language, "body": body, "code_id": code_id, "kind": kind}
    priority = kinds.by_name()[kind].priority
    await connection.execute(insert(outbox).values(id=ids.new_id(), priority=priority, created_at=clock.in_database(), **row))


def _service_code(runtime: Runtime) -> dict[str, object]:
    """What every text may mention: the number that people dial."""
    return {"service_code": runtime.settings.service_code}


def _fill(text: str, language: str, params: Mapping[str, object]) -> str:
    """The text translated and filled in, in the phone's alphabet. `{balance}` and `{code}` stay: they are filled in later."""
    later = {"balance": "{balance}", "code": "{code}"}
    values = {name: septets.plain(str(value)) for name, value in params.items()}
    return translate(text, language).format(**{**later, **values})


async def list_inbox(runtime: Runtime, phone: str, most: int = 20) -> list[Message]:
    """What a phone has received from the local provider, newest first: the simulator's inbox."""
    received = (
        select(*MESSAGE_COLUMNS)
        .where(outbox.c.phone == phone, outbox.c.provider == "local", outbox.c.status == "delivered")
        .order_by(outbox.c.created_at.desc(), outbox.c.id.desc())
        .limit(most)
    )
    async with runtime.database.autocommit() as connection:
        return [read_message(runtime, row) for row in await connection.execute(received)]


_PURPOSE = select(one_time_code.c.purpose).where(one_time_code.c.id == outbox.c.code_id).scalar_subquery()
# The columns that `read_message` needs.
MESSAGE_COLUMNS = (outbox.c.id, outbox.c.phone, outbox.c.body, outbox.c.created_at, outbox.c.code_id, _PURPOSE.label("purpose"))


def read_message(runtime: Runtime, row: Row[*tuple[Any, ...]]) -> Message:
    """The message as it leaves, with the one-time code, which no row holds, unless that is gone: codes are kept for a time."""
    body: str = row.body
    if row.code_id is not None and row.purpose is not None:
        body = body.replace("{code}", code_digits(runtime.settings.pin_pepper, row.code_id, row.purpose))
    return Message(row.id, row.phone, body, row.created_at)
