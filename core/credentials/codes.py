"""One-time codes: a customer who types one holds the phone that it was sent to.

A code is stored nowhere. It is computed from its row's id and a key that is not in the database, when the SMS leaves
(core/messaging/notices.py) and again when the code is typed.
"""

import hmac
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock, ids
from core.credentials.refusals import CodeEnded, TooManyTries, WrongCode
from core.hashing import code_digits
from core.refusing import refuses
from core.runtime import Runtime
from core.settings import Settings
from core.tables.credentials import one_time_code, pin
from core.tables.customers import customer

# What codes are for.
PIN, SMS = "pin", "sms"
MOST_WRONG = 5
# For all codes of one purpose together: each order brings a new code, so a limit for each code alone would limit nothing.
MOST_WRONG_A_DAY = 10


async def issue(connection: AsyncConnection, customer_id: UUID, purpose: str, ttl: timedelta) -> UUID:
    """Writes a new code in the caller's transaction and returns its id, for `notices.tell`. Earlier codes of the purpose end."""
    code_id, now = ids.new_id(), clock.in_database()
    # Later than all before it: a release before 0018 serves beside this one and knows the newest by its time.
    is_same = (one_time_code.c.customer_id == customer_id) & (one_time_code.c.purpose == purpose)
    last = select(func.max(one_time_code.c.created_at) + timedelta(microseconds=1)).where(is_same)
    created_at = func.greatest(now, last.scalar_subquery())
    row = {"id": code_id, "customer_id": customer_id, "purpose": purpose, "created_at": created_at, "expires_at": now + ttl}
    await connection.execute(insert(one_time_code).values(row))
    return code_id


def matches(settings: Settings, code_id: UUID, purpose: str, typed: str) -> bool:
    """Was this code typed? Spaces do not matter. It counts no try; `check` does."""
    return hmac.compare_digest("".join(typed.split()).encode(), code_digits(settings.pin_pepper, code_id, purpose).encode())


async def find_newest(connection: AsyncConnection, customer_id: UUID, purpose: str) -> Row[Any] | None:
    """The only code that can still be valid: its `id`, `failures`, `expires_at` and `used_at`; `read_at`: the time now."""
    newest = (
        select(one_time_code, clock.in_database().label("read_at"))
        .where(one_time_code.c.customer_id == customer_id, one_time_code.c.purpose == purpose)
        # Those from before 0018 have no number.
        .order_by(one_time_code.c.number.desc(), one_time_code.c.created_at.desc(), one_time_code.c.id.desc())
        .limit(1)
    )
    return (await connection.execute(newest)).one_or_none()


def is_waiting(code: Row[Any] | None) -> bool:
    """Can the code still be typed?"""
    return code is not None and code.used_at is None and code.failures < MOST_WRONG and code.read_at < code.expires_at


@refuses(TooManyTries)
async def check_not_guessed(connection: AsyncConnection, customer_id: UUID, purpose: str) -> None:
    """Call it before a further code is issued. TooManyTries: ten wrong codes were typed in the last 24 hours."""
    if await _count_wrong(connection, customer_id, purpose) >= MOST_WRONG_A_DAY:
        raise TooManyTries


@refuses(WrongCode, CodeEnded, TooManyTries)
async def check(runtime: Runtime, customer_id: UUID, purpose: str, typed: str) -> UUID:
    """Marks the customer's newest code as used where `typed` is it, and returns its id.

    The try is counted and committed before it is compared, so that guesses sent at once are no cheaper than one by one. The
    fifth wrong try ends the code. TooManyTries: ten codes of the purpose were wrong in the last 24 hours, and this one is not
    looked at. Of two right tries at once, one is accepted.
    """
    async with runtime.database.transaction() as connection:
        code, left = await _count_try(connection, customer_id, purpose)
    if matches(runtime.settings, code.id, purpose, typed):
        change = update(one_time_code).where(one_time_code.c.id == code.id, one_time_code.c.used_at.is_(None))
        # After the PIN that is there, whichever process has set that by whichever clock: `pins.replace` does the reverse.
        set_before = select(pin.c.changed_at + timedelta(microseconds=1)).where(pin.c.customer_id == customer_id)
        used_at = func.greatest(clock.in_database(), set_before.scalar_subquery())
        async with runtime.database.autocommit() as connection:
            if await connection.scalar(change.values(used_at=used_at).returning(one_time_code.c.id)) is None:
                raise CodeEnded
        code_id: UUID = code.id
        return code_id
    if code.failures >= MOST_WRONG:
        raise CodeEnded
    if not left:
        raise TooManyTries
    raise WrongCode(tries_left=min(MOST_WRONG - code.failures, left))


@refuses(CodeEnded, TooManyTries)
async def _count_try(connection: AsyncConnection, customer_id: UUID, purpose: str) -> tuple[Row[Any], int]:
    """Counts a try at the newest code. Returns the code with it, and how many wrong ones of the day are left after it."""
    # The customer's row is the lock: each try sees those before it, also at other codes.
    await connection.execute(select(customer.c.id).where(customer.c.id == customer_id).with_for_update(key_share=True))
    code = await find_newest(connection, customer_id, purpose)
    if code is None or not is_waiting(code):
        raise CodeEnded
    left = MOST_WRONG_A_DAY - await _count_wrong(connection, customer_id, purpose)
    if left <= 0:
        raise TooManyTries
    count = update(one_time_code).where(one_time_code.c.id == code.id).values(failures=one_time_code.c.failures + 1)
    return (await connection.execute(count.returning(one_time_code))).one(), left - 1


async def _count_wrong(connection: AsyncConnection, customer_id: UUID, purpose: str) -> int:
    """How many wrong codes may have been typed in the last 24 hours, with those that are looked at now."""
    # `failures` counts a right try too.
    wrong = func.coalesce(func.sum(one_time_code.c.failures), 0) - func.count(one_time_code.c.used_at)
    # Until a code ends, it is typed.
    lately = one_time_code.c.expires_at > clock.in_database() - timedelta(days=1)
    is_same = (one_time_code.c.customer_id == customer_id) & (one_time_code.c.purpose == purpose)
    return int(await connection.scalar(select(wrong).where(is_same, lately)) or 0)
