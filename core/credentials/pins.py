"""PINs: hashed so that a stolen database does not give them away, and locked after three wrong ones.

A PIN has ten thousand values, so no hash alone can hide it: the HMAC's key, the pepper, is not in the database. Argon2id then
makes each guess slow, even for a thief who has both.
"""

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, case, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningUpdate

from core import clock
from core.credentials import tries
from core.credentials.refusals import BadPin, MoneyOutWaits, NoPin, PinLocked, WeakPin, WrongPin
from core.errors import Busy
from core.refusing import check_still_on, refuses
from core.runtime import Runtime
from core.tables.credentials import one_time_code
from core.tables.credentials import pin as pin_table

MOST_WRONG = 3
# A PIN may be replaced while it is compared. Nobody does that again and again.
_MOST_PINS = 3
# For tries that a release before 0018 has begun. One of which nothing was heard for so long was cut off; one that is dated later
# than that was by a clock that was wrong, and has been put right.
_CUT_OFF = timedelta(seconds=60)
_FARTHEST = timedelta(hours=1)

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
    with runtime.pin_hasher.place(customer_id):
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
        change = change.where(pin_table.c.locked_at.is_(None))
    # No earlier than the codes that were right before it, whichever process took those by whichever clock.
    last_code = select(func.max(one_time_code.c.used_at)).where(one_time_code.c.customer_id == customer_id)
    changed_at = func.greatest(clock.now(), last_code.scalar_subquery())
    values: dict[str, Any] = {"hash": hashed, "failures": 0, "locked_at": None, "changed_at": changed_at, "last_wrong": None}
    if money_out_from is not None:
        values["money_out_from"] = money_out_from
    return (await connection.execute(change.values(values))).rowcount == 1


@refuses(BadPin, WrongPin, PinLocked, Busy)
async def check(runtime: Runtime, customer_id: UUID, pin: str) -> None:
    """Returns where the PIN is right.

    Nobody learns what a PIN was before that is written down: of a hundred guesses sent at once three are answered as wrong, and
    the others, a right one among them, find the PIN locked, or too many under way. A try that is cut off in between has told
    nothing and counts for nothing, and one that is repeated under its name (`tries.naming`) counts once, so no crash and no lost
    line locks anybody out.
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
    for _ in range(_MOST_PINS):
        row = await _get_open(runtime, customer_id)
        with runtime.pin_hasher.place(customer_id):
            is_right = await runtime.pin_hasher.matches(row.hash, pin, customer_id)
        judged = await _change(runtime, _judge(customer_id, row.hash, is_right=is_right))
        if judged is not None:
            break
    else:
        raise Busy
    if judged.locked_at is not None:
        raise PinLocked
    if not is_right:
        raise WrongPin(tries_left=MOST_WRONG - judged.failures)
    # Where many wait for their PIN, staff may have switched off meanwhile what it is for.
    await check_still_on(runtime)
    money_out_from: datetime | None = judged.money_out_from
    return money_out_from


async def _get_open(runtime: Runtime, customer_id: UUID) -> Row[Any]:
    async with runtime.database.autocommit() as connection:
        row = (await connection.execute(select(pin_table).where(pin_table.c.customer_id == customer_id))).one_or_none()
    if row is None or row.locked_at is not None:
        raise PinLocked
    if row.failures >= MOST_WRONG and _is_under_way(row.tried_at):
        raise Busy
    return row


def _is_under_way(tried_at: datetime | None) -> bool:
    """May a process of a release before 0018, which counts a try when it begins, still be at work on one?"""
    return tried_at is not None and clock.now() - _CUT_OFF <= tried_at <= clock.now() + _FARTHEST


def _judge(customer_id: UUID, hashed: str, *, is_right: bool) -> ReturningUpdate[Any]:
    """Writes down what a PIN was. It writes nothing, and returns no row, where the PIN was locked or replaced meanwhile."""
    name = tries.get_name()
    more = 1 if name is None else case((pin_table.c.last_wrong == name, 0), else_=1)
    failures = func.least(pin_table.c.failures + more, MOST_WRONG)
    wrong = {
        "failures": failures,
        # By which a release before 0018 tells which tries are later than its own.
        "tries": pin_table.c.tries + more,
        "locked_at": case((failures >= MOST_WRONG, clock.now()), else_=pin_table.c.locked_at),
        "last_wrong": name,
    }
    return (
        update(pin_table)
        .where(pin_table.c.customer_id == customer_id, pin_table.c.locked_at.is_(None), pin_table.c.hash == hashed)
        .values({"failures": 0} if is_right else wrong)
        .returning(pin_table.c.failures, pin_table.c.locked_at, pin_table.c.money_out_from)
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
    query = select(pin_table.c.locked_at, pin_table.c.money_out_from)
    async with runtime.database.autocommit() as connection:
        row = (await connection.execute(query.where(pin_table.c.customer_id == customer_id))).one_or_none()
    if row is None:
        raise NoPin(service_code=runtime.settings.service_code)
    if row.locked_at is not None:
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
