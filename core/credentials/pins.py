"""PINs: hashed so that a stolen database does not give them away, and locked after three wrong ones.

A PIN has ten thousand values, so no hash alone can hide it: the HMAC's key, the pepper, is not in the database. Argon2id then
makes each guess slow, even for a thief who has both.
"""

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, case, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningUpdate

from core import clock
from core.credentials.refusals import BadPin, MoneyOutWaits, NoPin, PinLocked, WeakPin, WrongPin
from core.errors import Busy
from core.refusing import check_still_on, refuses
from core.runtime import Runtime
from core.tables.credentials import one_time_code
from core.tables.credentials import pin as pin_table

MOST_WRONG = 3
# A try of which nothing was heard for so long was cut off before its PIN was compared.
CUT_OFF = timedelta(seconds=60)
# No two clocks at work are so far apart: a later try was by one that was wrong, and has been put right.
FARTHEST = timedelta(hours=1)

_RUNS = "01234567890", "09876543210"
_KEYPAD_COLUMNS = frozenset({"2580", "0852"})


@refuses(BadPin, WeakPin)
def check_new(pin: str, *, phone: str) -> str:
    """Returns the new PIN where it is hard enough to guess."""
    if not re.fullmatch(r"[0-9]{4}", pin):
        raise BadPin
    if is_weak(pin) or phone.endswith(pin):
        raise WeakPin
    return pin


def is_weak(pin: str) -> bool:
    """Is it one of those that a thief tries first: runs, repetitions, pairs, keypad lines, years of birth?"""
    return (
        any(pin in run for run in _RUNS)
        or len(set(pin)) == 1
        or pin[:2] == pin[2:]
        or (pin[0] == pin[1] and pin[2] == pin[3])
        or pin in _KEYPAD_COLUMNS
        or 1920 <= int(pin) <= clock.now().year + 5
    )


@refuses(check_new, Busy)
async def hash_new(runtime: Runtime, customer_id: UUID, phone: str, pin: str) -> str:
    """The hash of a new PIN, to be stored. Slow: call it outside of transactions."""
    check_new(pin, phone=phone)
    with runtime.pin_hasher.place():
        return await runtime.pin_hasher.hash(pin, customer_id)


async def write(connection: AsyncConnection, customer_id: UUID, hashed: str) -> None:
    """Stores the hash of a customer's first PIN."""
    await connection.execute(insert(pin_table).values(customer_id=customer_id, hash=hashed, changed_at=clock.now()))


async def replace(
    connection: AsyncConnection,
    customer_id: UUID,
    hashed: str,
    *,
    only_unlocked: bool = False,
    money_out_from: datetime | None = None,
) -> bool:
    """Replaces the PIN's hash and sets its wrong tries to 0; False where `only_unlocked` and the PIN is locked.

    `money_out_from`: until then no money leaves. None keeps the time that is stored.
    """
    change = update(pin_table).where(pin_table.c.customer_id == customer_id)
    if only_unlocked:
        change = change.where(pin_table.c.locked_at.is_(None), pin_table.c.failures < MOST_WRONG)
    # No earlier than the codes that were right before it, whichever process took those by whichever clock.
    last_code = select(func.max(one_time_code.c.used_at)).where(one_time_code.c.customer_id == customer_id)
    changed_at = func.greatest(clock.now(), last_code.scalar_subquery())
    values: dict[str, Any] = {"hash": hashed, "failures": 0, "locked_at": None, "changed_at": changed_at}
    if money_out_from is not None:
        values["money_out_from"] = money_out_from
    return (await connection.execute(change.values(values))).rowcount == 1


@refuses(BadPin, WrongPin, PinLocked, Busy)
async def check(runtime: Runtime, customer_id: UUID, pin: str) -> None:
    """Returns where the PIN is right.

    The try is counted and committed before the PIN is compared, so that a hundred guesses sent at once, or a crash in
    between, are no cheaper than a hundred in a row. A right PIN takes back its own try and those that began before it.
    """
    await _check(runtime, customer_id, pin)


@refuses(check, MoneyOutWaits)
async def check_for_payment(runtime: Runtime, customer_id: UUID, pin: str) -> None:
    """`check` for a PIN that lets money leave for somebody else. MoneyOutWaits: a forgotten PIN was replaced lately."""
    _check_money_out(runtime, await _check(runtime, customer_id, pin))


async def _check(runtime: Runtime, customer_id: UUID, pin: str) -> datetime | None:
    """Returns from when on money may leave."""
    if not re.fullmatch(r"[0-9]{4}", pin):
        raise BadPin
    with runtime.pin_hasher.place():
        row = await _change(runtime, _begin(customer_id))
        if row is None:
            raise PinLocked
        is_right = await runtime.pin_hasher.matches(row.hash, pin, customer_id)
    # Another PIN may have replaced this one meanwhile: this try says nothing about that one.
    this_pin = update(pin_table).where(pin_table.c.customer_id == customer_id, pin_table.c.hash == row.hash)
    begun_since = pin_table.c.tries - row.tries
    if is_right:
        # A lock that later guesses have set meanwhile stays.
        forgive = this_pin.where(pin_table.c.locked_at.is_(None)).values(failures=func.least(pin_table.c.failures, begun_since))
        await _change(runtime, forgive.returning(pin_table.c.failures))
        # Where many wait for their PIN, staff may have switched off meanwhile what it is for.
        await check_still_on(runtime)
        money_out_from: datetime | None = row.money_out_from
        return money_out_from
    # Its place among those that count now: a right one may have taken it back.
    place = pin_table.c.failures - begun_since
    is_last = (pin_table.c.locked_at.is_(None)) & (place >= MOST_WRONG)
    lock = this_pin.values(locked_at=case((is_last, clock.now()), else_=pin_table.c.locked_at))
    judged = await _change(runtime, lock.returning(place.label("place"), pin_table.c.locked_at))
    if judged is not None and judged.locked_at is not None:
        raise PinLocked
    raise WrongPin(tries_left=MOST_WRONG - max(judged.place if judged else 0, 0))


def _begin(customer_id: UUID) -> ReturningUpdate[Any]:
    """Counts a try. No row where there is none left. `tries` never goes back, so that it tells which of two began first."""
    now = clock.now()
    is_over = or_(pin_table.c.tried_at < now - CUT_OFF, pin_table.c.tried_at > now + FARTHEST)
    is_one_left = or_(pin_table.c.failures < MOST_WRONG, is_over)
    return (
        update(pin_table)
        .where(pin_table.c.customer_id == customer_id, pin_table.c.locked_at.is_(None), is_one_left)
        .values(failures=func.least(pin_table.c.failures + 1, MOST_WRONG), tries=pin_table.c.tries + 1, tried_at=now)
        .returning(pin_table.c.hash, pin_table.c.tries, pin_table.c.money_out_from)
    )


@refuses(NoPin, PinLocked)
async def require_open(runtime: Runtime, customer_id: UUID) -> None:
    """For an order that a one-time code confirms: the code is worth no more than a PIN, so the PIN has to be there and open."""
    await _require_open(runtime, customer_id)


@refuses(require_open, MoneyOutWaits)
async def require_open_for_payment(runtime: Runtime, customer_id: UUID) -> None:
    """`require_open` for an order that lets money leave for somebody else."""
    _check_money_out(runtime, await _require_open(runtime, customer_id))


async def _require_open(runtime: Runtime, customer_id: UUID) -> datetime | None:
    query = select(pin_table.c.failures, pin_table.c.locked_at, pin_table.c.money_out_from)
    async with runtime.database.autocommit() as connection:
        row = (await connection.execute(query.where(pin_table.c.customer_id == customer_id))).one_or_none()
    if row is None:
        raise NoPin(service_code=runtime.settings.service_code)
    if row.locked_at is not None or row.failures >= MOST_WRONG:
        raise PinLocked
    money_out_from: datetime | None = row.money_out_from
    return money_out_from


def _check_money_out(runtime: Runtime, begins: datetime | None) -> None:
    if begins is not None and clock.now() < begins:
        raise MoneyOutWaits(moment=clock.moment_text(begins, runtime.settings.country))


async def _change(runtime: Runtime, statement: ReturningUpdate[Any]) -> Row[Any] | None:
    async with runtime.database.autocommit() as connection:
        row: Row[Any] | None = (await connection.execute(statement)).one_or_none()
        return row
