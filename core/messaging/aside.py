"""What a provider brought and nobody could handle: kept aside, so that it does not come again for hours, and shown to operators.

Kept is what it was and why, never what was written: it may have held a PIN.
"""

import re
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Row, case, func, literal, select
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
# Statuses are words of the provider. Anything else in their place may be a customer's, and is not repeated.
_WORD = re.compile(r"[A-Za-z][A-Za-z _-]{0,39}")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Brought:
    """What a provider has brought: in which `way` (SMS, REPORT, OPT_OUT), and its `id`, printable, by which it is known again."""

    provider: str
    way: str
    id: str


async def note_failure(runtime: Runtime, brought: Brought, error: BaseException, *, would_fail_again: bool) -> bool:
    """Counts a failure. True where it is kept aside from now on: at its second one, or where it `would_fail_again` for sure."""
    row = await _keep(runtime, brought, FAILED, describe(error), is_aside=would_fail_again)
    if row.aside_at is None:
        return False
    log.error("an SMS or report is kept aside", provider=brought.provider, way=brought.way, id=brought.id, reason=row.detail)
    return True


async def keep_status(runtime: Runtime, brought: Brought, status: str) -> None:
    """Keeps a report whose status is none that we know. The first one of each status is told."""
    word = status if _WORD.fullmatch(status) else "no word"
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
    shown = "".join(character if character.isprintable() else "?" for character in sender[:_MOST_SENDER_CHARACTERS])
    await _keep(runtime, brought, SENDER, shown, is_aside=True)
    log.info("an SMS of a sender that nothing can be written to", provider=brought.provider, is_anybodys=True)


async def count(connection: AsyncConnection) -> list[Row[Any]]:
    """How many are kept aside: `provider`, `way`, `reason`, `detail` and `number`, the newest first; of senders one number."""
    detail = case((sms_aside.c.reason == SENDER, ""), else_=sms_aside.c.detail)
    kinds = (sms_aside.c.provider, sms_aside.c.way, sms_aside.c.reason)
    query = (
        select(*kinds, detail.label("detail"), func.count().label("number"))
        .where(sms_aside.c.aside_at.is_not(None))
        .group_by(*kinds, detail)
        .order_by(func.max(sms_aside.c.last_at).desc())
    )
    return list((await connection.execute(query)).all())


async def _keep(runtime: Runtime, brought: Brought, reason: str, detail: str, *, is_aside: bool) -> Row[Any]:
    now = clock.now()
    new = insert(sms_aside).values(
        provider=brought.provider,
        way=brought.way,
        provider_id=brought.id,
        reason=reason,
        detail=detail[:_MOST_DETAIL_CHARACTERS],
        times=1,
        first_at=now,
        last_at=now,
        aside_at=now if is_aside else None,
    )
    again = {
        "reason": new.excluded.reason,
        "detail": new.excluded.detail,
        "times": func.least(sms_aside.c.times + 1, _MOST_TIMES),
        "last_at": now,
        "aside_at": func.coalesce(sms_aside.c.aside_at, now),
    }
    keys = (sms_aside.c.provider, sms_aside.c.way, sms_aside.c.provider_id)
    kept = new.on_conflict_do_update(index_elements=keys, set_=again).returning(sms_aside.c.aside_at, sms_aside.c.detail)
    async with runtime.database.autocommit() as connection:
        return (await connection.execute(kept)).one()
