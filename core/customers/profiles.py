"""Customers: who has which number, and how somebody becomes one."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, bindparam, exists, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock
from core.customers.refusals import BadName, BadNationalId
from core.ledger.chart import FLOAT, WALLET
from core.runtime import Runtime
from core.tables.approvals import approval as approval_table
from core.tables.credentials import pin as pin_table
from core.tables.customers import customer as customer_table
from core.tables.ledger import account as account_table

MOST_NAME_CHARACTERS = 40
_WORD = r"[^\W\d_]+(?:['’.-]{1,2}[^\W\d_]+)*\.?"
_NAME = re.compile(rf"{_WORD}(?: {_WORD})+")


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody with an account. `wallet` is the ledger account's id; `phone` is E.164.

    `has_approvals`: something waits for her yes (core/approvals.py). `round_up_goal` is the savings goal that her sends
    are rounded up into. Without `has_pin` she has joined by SMS and not dialled yet (core/membership/joining.py).
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


async def load(connection: AsyncConnection, customer_id: UUID) -> Customer | None:
    """The active customer with this id, as the caller's transaction sees her; None where she has closed her account."""
    row = (await connection.execute(_FIND.where(customer_table.c.id == customer_id), {"now": clock.now()})).one_or_none()
    return None if row is None else _customer(row)


def read_name(text: str) -> str:
    """A person's full name, tidied. Raises BadName unless it is two words of letters, at most 40 characters."""
    # Composed, or the accent of a letter typed in two parts would count as no letter.
    name = " ".join(unicodedata.normalize("NFKC", text).split())
    if name in (name.lower(), name.upper()):
        name = re.sub(r"[^\W\d_]+(?:['’][^\W\d_]+)*", lambda word: word[0].capitalize(), name)  # Ng'ang'a is one word
    if len(name) > MOST_NAME_CHARACTERS or not _NAME.fullmatch(name):
        raise BadName
    return name


def read_national_id(text: str) -> str:
    """A national ID number, its digits only. Raises BadNationalId."""
    digits = re.sub(r"[\s-]", "", text)
    if not re.fullmatch(r"[0-9]{6,10}", digits):
        raise BadNationalId
    return digits


async def set_language(runtime: Runtime, customer_id: UUID, language: str) -> None:
    async with runtime.database.autocommit() as connection:
        await connection.execute(update(customer_table).where(customer_table.c.id == customer_id).values(language=language))


async def set_balance_privacy(runtime: Runtime, customer_id: UUID, *, asks_pin: bool) -> None:
    """Whether what she has is shown only after her PIN."""
    async with runtime.database.autocommit() as connection:
        await connection.execute(
            update(customer_table).where(customer_table.c.id == customer_id).values(asks_pin_for_balance=asks_pin)
        )


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
_FIND: Select[Any] = (
    select(
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
    )
    .join(_wallet, (_wallet.c.owner == customer_table.c.id) & (_wallet.c.kind == WALLET))
    # In words, here and above: a plan that is kept cannot use a partial index whose condition is only bound.
    .where(customer_table.c.status == literal_column("'active'"))
)
