"""Customers: who has which number, and how somebody becomes one."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, Select, bindparam, exists, literal_column, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock
from core.errors import AlreadyRegistered, BadName, BadNationalId
from core.ledger.accounts import open_account
from core.ledger.chart import FLOAT, WALLET
from core.ledger.limits import VERIFIED
from core.runtime import Runtime
from core.services import notices, pins, texts, unclaimed
from core.tables.agents import approval as approval_table
from core.tables.ledger import account as account_table
from core.tables.people import customer as customer_table
from core.tables.people import pin as pin_table

MOST_NAME_CHARACTERS = 40
_WORD = r"[^\W\d_]+(?:['’.-]{1,2}[^\W\d_]+)*\.?"
_NAME = re.compile(rf"{_WORD}(?: {_WORD})+")


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody with an account. `wallet` is the ledger account's id; `phone` is E.164.

    `has_approvals`: something waits for her yes (core/services/approvals.py). `round_up_goal` is the savings goal that her sends
    are rounded up into. Without `has_pin` she has joined by SMS and not dialled yet (core/services/joining.py).
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


async def register(runtime: Runtime, *, phone: str, name: str, national_id: str, language: str, pin: str) -> Customer:
    """Opens an account: the customer, her PIN and an empty wallet, or nothing.

    Raises AlreadyRegistered, BadPin, WeakPin or Busy.
    """
    pins.choose(pin, phone=phone)
    customer_id = uuid4()
    with runtime.pin_hasher.place():
        hashed = await runtime.pin_hasher.hash(pin, customer_id)
    sealed = runtime.vault.seal(national_id, customer_id)
    row = {"id": customer_id, "phone": phone, "name": name, "language": language, "national_id": sealed}
    async with runtime.database.transaction() as connection:
        customer = await add(connection, runtime, row, tier=VERIFIED, welcome=texts.WELCOME)
        await connection.execute(insert(pin_table).values(customer_id=customer_id, hash=hashed, changed_at=clock.now()))
    return customer


async def add(connection: AsyncConnection, runtime: Runtime, row: dict[str, Any], *, tier: str, welcome: str) -> Customer:
    """A customer with a wallet, welcomed, and with the money that waited for her, in the caller's transaction.

    `row` holds her id, phone, name and language, and what else of the table is known. Raises AlreadyRegistered.
    """
    added = await connection.execute(
        insert(customer_table)
        .values(**row, country=runtime.settings.country, created_at=clock.now())
        # In words, not as a parameter: a prepared statement has to recognise the index by it.
        .on_conflict_do_nothing(index_elements=[customer_table.c.phone], index_where=text("status = 'active'"))
        .returning(customer_table.c.id)
    )
    if added.one_or_none() is None:
        raise AlreadyRegistered
    currency = runtime.settings.currency
    wallet = await open_account(connection, owner=row["id"], kind=WALLET, currency=currency, tier=tier)
    customer = Customer(row["id"], row["phone"], row["name"], row["language"], wallet, currency, is_agent=False)
    await notices.tell(connection, customer, welcome, name=customer.name, service_code=runtime.settings.service_code)
    await unclaimed.credit(connection, runtime, customer)
    return customer


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
