"""What a provider brought and nobody could handle: kept aside, so that it does not come again for hours, and shown to operators.

Kept is what it was and why, never what was written: it may have held a PIN.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import Row, case, delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock
from core.faults import describe
from core.runtime import Runtime
from core.tables.messaging import sms_aside

SMS, REPORT, OPT_OUT = "sms", "report", "opt-out"
FAILED, STATUS, SENDER = "failed", "status", "sender"
_MOST_DETAIL_CHARACTERS = 200
_MOST_SENDER_CHARACTERS = 32
_MOST_TIMES = 30_000
# Providers bring the same thing again for twelve hours. What fails later under the same name has failed for the first time.
_COMES_AGAIN = timedelta(hours=13)
LATELY = timedelta(days=7)
# Statuses are words of the provider. Anything else in their place may be a customer's, and is not repeated.
_WORD = re.compile(r"[A-Za-z][A-Za-z _-]{0,39}")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Brought:
    """What a provider has brought: in which `way` (SMS, REPORT, OPT_OUT), and its `id`, printable, by which it is known again.

    A message has several reports, each with a `status` of its own.
    """

    provider: str
    way: str
    id: str
    status: str = ""


async def note_failure(runtime: Runtime, brought: Brought, error: BaseException, *, would_fail_again: bool) -> bool:
    """Counts a failure. True where it is kept aside from now on: where it `would_fail_again` for sure, or has failed lately."""
    row = await _keep(runtime, brought, FAILED, describe(error), is_aside=would_fail_again)
    if row.aside_at is None:
        return False
    log.error("an SMS or report is kept aside", provider=brought.provider, way=brought.way, id=brought.id, reason=row.detail)
    return True


async def forget(runtime: Runtime, brought: Brought) -> None:
    """It was handled after all. For what may be brought a second time: its next failure is a first one again."""
    rows = delete(sms_aside).where(
        sms_aside.c.provider == brought.provider, sms_aside.c.way == brought.way, sms_aside.c.provider_id == brought.id
    )
    async with runtime.database.autocommit() as connection:
        await connection.execute(rows)


async def keep_status(runtime: Runtime, brought: Brought) -> None:
    """Keeps a report whose status is none that we know. The first one of each status is told."""
    word = _word(brought.status) or "no word"
    async with runtime.database.autocommit() as connection:
        before = select(literal(1)).where(
            sms_aside.c.reason == STATUS, sms_aside.c.provider == brought.provider, sms_aside.c.detail == word
        )
        is_new = await connection.scalar(before.limit(1)) is None
    await _keep(runtime, brought, STATUS, word, is_aside=True)
    if is_new:
        log.warning("delivery reports have a status that is not known", provider=brought.provider, reason=word)


async def keep_sender(runtime: Runtime, brought: Brought, sender: str) -> None:
    """Counts an SMS from a sender to whom nothing can be written: a name, a short code, a number of another country."""
    await _keep(runtime, brought, SENDER, printable(sender), is_aside=True)
    log.info("an SMS of a sender that nothing can be written to", provider=brought.provider, is_anybodys=True)


def printable(sender: str) -> str:
    """The beginning of a sender's name or number, fit for a row."""
    return "".join(character if character.isprintable() else "?" for character in sender[:_MOST_SENDER_CHARACTERS])


async def count(connection: AsyncConnection) -> list[Row[Any]]:
    """How many were kept aside LATELY: `provider`, `way`, `reason`, `detail`, `number`, the newest first; senders together."""
    detail = case((sms_aside.c.reason == SENDER, ""), else_=sms_aside.c.detail)
    kinds = (sms_aside.c.provider, sms_aside.c.way, sms_aside.c.reason)
    query = (
        select(*kinds, detail.label("detail"), func.count().label("number"))
        .where(sms_aside.c.aside_at.is_not(None), sms_aside.c.last_at > clock.in_database() - LATELY)
        .group_by(*kinds, detail)
        .order_by(func.max(sms_aside.c.last_at).desc())
    )
    return list((await connection.execute(query)).all())


async def _keep(runtime: Runtime, brought: Brought, reason: str, detail: str, *, is_aside: bool) -> Row[Any]:
    now = clock.in_database()
    new = insert(sms_aside).values(
        provider=brought.provider,
        way=brought.way,
        provider_id=brought.id,
        status=_word(brought.status),
        reason=reason,
        detail=detail[:_MOST_DETAIL_CHARACTERS],
        times=1,
        first_at=now,
        last_at=now,
        aside_at=now if is_aside else None,
    )
    # A clock that is put right leaves a time ahead, which is no reason to count anew.
    is_same = literal(is_aside) | (sms_aside.c.last_at > now - _COMES_AGAIN)
    again = {
        "detail": new.excluded.detail,
        "times": case((is_same, func.least(sms_aside.c.times + 1, _MOST_TIMES)), else_=1),
        "last_at": now,
        "aside_at": case((is_same, func.coalesce(sms_aside.c.aside_at, now)), else_=None),
    }
    kept = new.on_conflict_do_update(index_elements=[*sms_aside.primary_key], set_=again).returning(
        sms_aside.c.aside_at, sms_aside.c.detail
    )
    async with runtime.database.autocommit() as connection:
        return (await connection.execute(kept)).one()


def _word(status: str) -> str:
    return status if not status or _WORD.fullmatch(status) else "no word"
