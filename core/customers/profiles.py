"""Customers: reading, finding, locking and changing their rows."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, bindparam, exists, literal_column, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock, phones, reading
from core.customers.refusals import BadName, BadNationalId, NewOwner
from core.ledger.chart import FLOAT, WALLET
from core.refusing import refuses
from core.runtime import Runtime
from core.tables.approvals import approval as approval_table
from core.tables.credentials import pin as pin_table
from core.tables.customers import customer as customer_table
from core.tables.ledger import account as account_table

MOST_NAME_CHARACTERS = 40
# With the accents that no letter is composed with: Yoruba and Ewe have tones beside dots.
_LETTER = r"[^\W\d_][\u0300-\u036f]{0,2}"
_WORD = rf"'?(?:{_LETTER})+(?:['.-]{{1,2}}(?:{_LETTER})+)*\.?"
_NAME = re.compile(rf"(?=.*[^\W\d_].*[^\W\d_]){_WORD}(?: {_WORD})*")


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody with an account. `wallet` is the ledger account's id; `phone` is E.164.

    `has_approvals`: a request waits for her approval (core/approvals/). `round_up_goal` is the savings goal into which her
    sends are rounded up. Without `has_pin` she has joined by SMS and not dialled yet (core/membership/joining.py).
    """

    id: UUID
    phone: str
    name: str
    language: str
    wallet: UUID
    currency: str
    is_agent: bool
    asks_pin_for_balance: bool = False
    has_approvals: bool = False
    round_up_goal: UUID | None = None
    has_pin: bool = True


async def find(runtime: Runtime, phone: str) -> Customer | None:
    """The active customer with this E.164 number."""
    async with runtime.database.autocommit() as connection:
        row = (await connection.execute(_FIND.where(customer_table.c.phone == phone), {"now": clock.now()})).one_or_none()
    return None if row is None else _customer(row)


async def find_by_id(connection: AsyncConnection, customer_id: UUID) -> Customer | None:
    """The active customer with this id, as the caller's transaction sees her; None where she has closed her account."""
    row = (await connection.execute(_FIND.where(customer_table.c.id == customer_id), {"now": clock.now()})).one_or_none()
    return None if row is None else _customer(row)


async def find_on_record(connection: AsyncConnection, customer_id: UUID) -> Customer | None:
    """`find_by_id`, of customers who have closed their accounts too: for a receipt of what was done when they had one."""
    row = (await connection.execute(_EVER.where(customer_table.c.id == customer_id), {"now": clock.now()})).one_or_none()
    return None if row is None else _customer(row)


@refuses(NewOwner)
def check_owner(customer: Customer, shown_id: UUID | None) -> None:
    """Refuses where the customer who has the number now is not the one who was shown. None: nobody was."""
    if shown_id is not None and customer.id != shown_id:
        raise NewOwner(phone=phones.national(customer.phone))


@refuses(NewOwner)
async def check_owned_since(runtime: Runtime, customer: Customer, moment: datetime) -> None:
    """`check_owner` where nobody has written down who was shown: whoever had the number at that moment was."""
    async with runtime.database.autocommit() as connection:
        query = select(customer_table.c.created_at).where(customer_table.c.id == customer.id)
        if (await connection.scalars(query)).one() > moment:
            raise NewOwner(phone=phones.national(customer.phone))


@refuses(BadName)
def read_name(text: str) -> str:
    """A person's name, tidied: one word of letters or more that phones can show, in 40 septets at most."""
    name = reading.tidy(text)
    if name in (name.lower(), name.upper()):
        name = re.sub(rf"{_LETTER}(?:'?{_LETTER})*", lambda word: word[0].capitalize(), name)  # Ng'ang'a is one word
    if not reading.is_shown(name, MOST_NAME_CHARACTERS) or not _NAME.fullmatch(name):
        raise BadName
    return name


@refuses(BadNationalId)
def read_national_id(text: str) -> str:
    """A national ID number, its digits only."""
    digits = re.sub(r"[\s-]", "", text)
    if not re.fullmatch(r"[0-9]{6,10}", digits):
        raise BadNationalId
    return digits


async def lock(connection: AsyncConnection, customer_id: UUID) -> bool:
    """Locks her row until the caller's transaction ends; other transactions may still write rows that refer to it.

    Returns whether her account is open.
    """
    return await _is_open(connection, customer_id, key_share=True)


async def keep_open(connection: AsyncConnection, customer_id: UUID) -> bool:
    """Keeps her from closing her account until the caller's transaction ends, and blocks nothing else.

    Returns whether it is open.
    """
    return await _is_open(connection, customer_id, read=True, key_share=True)


async def lock_to_close(connection: AsyncConnection, customer_id: UUID) -> bool:
    """Blocks whatever would refer to her row until the caller's transaction ends. Returns whether her account is open."""
    return await _is_open(connection, customer_id)


async def insert(connection: AsyncConnection, row: Mapping[str, Any]) -> bool:
    """Writes a new customer. `row` holds id, phone, name, language, country and perhaps other columns.

    False where the number has an open account already.
    """
    inserted = await connection.execute(
        upsert(customer_table)
        .values(**row, created_at=clock.now())
        # A literal, not a parameter: a prepared statement has to recognise the index by it.
        .on_conflict_do_nothing(index_elements=[customer_table.c.phone], index_where=text("status = 'active'"))
        .returning(customer_table.c.id)
    )
    return inserted.one_or_none() is not None


async def set_national_id(connection: AsyncConnection, customer_id: UUID, sealed: bytes) -> bool:
    """Stores the sealed ID number of a customer who had given none; False where she had."""
    change = (
        update(customer_table)
        .where(customer_table.c.id == customer_id, customer_table.c.national_id.is_(None))
        .values(national_id=sealed)
        .returning(customer_table.c.id)
    )
    return await connection.scalar(change) is not None


async def set_round_up_goal(
    connection: AsyncConnection, customer_id: UUID, goal_id: UUID | None, *, instead_of: UUID | None = None
) -> None:
    """Sets the goal into which her sends are rounded up; `instead_of`: only where it is that goal now."""
    change = update(customer_table).where(customer_table.c.id == customer_id)
    if instead_of is not None:
        change = change.where(customer_table.c.round_up_goal == instead_of)
    await connection.execute(change.values(round_up_goal=goal_id))


async def close(connection: AsyncConnection, customer_id: UUID) -> None:
    """Marks the customer as closed; her row stays on record."""
    change = update(customer_table).where(customer_table.c.id == customer_id).values(status="closed", closed_at=clock.now())
    await connection.execute(change)


async def set_language(runtime: Runtime, customer_id: UUID, language: str) -> None:
    async with runtime.database.autocommit() as connection:
        await connection.execute(update(customer_table).where(customer_table.c.id == customer_id).values(language=language))


async def set_balance_privacy(runtime: Runtime, customer_id: UUID, *, asks_pin: bool) -> None:
    """Sets whether her balance is shown only after her PIN."""
    async with runtime.database.autocommit() as connection:
        await connection.execute(
            update(customer_table).where(customer_table.c.id == customer_id).values(asks_pin_for_balance=asks_pin)
        )


async def _is_open(connection: AsyncConnection, customer_id: UUID, *, read: bool = False, key_share: bool = False) -> bool:
    row = select(customer_table.c.status).where(customer_table.c.id == customer_id)
    locked = row.with_for_update(read=read, key_share=key_share)
    status: str | None = await connection.scalar(locked)
    return status == "active"


def _customer(row: Row[Any]) -> Customer:
    return Customer(
        row.id,
        row.phone,
        row.name,
        row.language,
        row.wallet,
        row.currency,
        is_agent=row.is_agent,
        asks_pin_for_balance=row.asks_pin_for_balance,
        has_approvals=row.has_approvals,
        round_up_goal=row.round_up_goal,
        has_pin=row.has_pin,
    )


_wallet, _float = account_table.alias("wallet"), account_table.alias("float")
_EVER: Select[Any] = select(
    customer_table.c.id,
    customer_table.c.phone,
    customer_table.c.name,
    customer_table.c.language,
    _wallet.c.id.label("wallet"),
    _wallet.c.currency,
    exists().where(_float.c.owner == customer_table.c.id, _float.c.kind == FLOAT).label("is_agent"),
    customer_table.c.asks_pin_for_balance,
    exists()
    .where(
        approval_table.c.customer_id == customer_table.c.id,
        approval_table.c.status == literal_column("'waiting'"),
        approval_table.c.expires_at > bindparam("now"),
    )
    .label("has_approvals"),
    customer_table.c.round_up_goal,
    exists().where(pin_table.c.customer_id == customer_table.c.id).label("has_pin"),
).join(_wallet, (_wallet.c.owner == customer_table.c.id) & (_wallet.c.kind == WALLET))
# A literal, here and above: a cached plan cannot use a partial index whose condition is a parameter.
_FIND: Select[Any] = _EVER.where(customer_table.c.status == literal_column("'active'"))
