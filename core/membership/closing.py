"""Closing an account for good. The number is free for a new one at once; what was done under this one stays on record.

Money that arrives at the same moment is never caught in a closed account: closing locks the ledger accounts that a payment
locks too. Either the payment comes first and closing is refused, or closing comes first and the payment is refused.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.credentials import pins
from core.customers import profiles
from core.customers.profiles import Customer
from core.ledger import accounts
from core.ledger.chart import ESCROW
from core.ledger.refusals import AccountNotEmpty
from core.membership import texts
from core.membership.refusals import AccountInUse
from core.messaging import kinds, notices
from core.money import Money
from core.operations.refusals import ClosingOff
from core.refusing import refuses
from core.runtime import Runtime
from core.tables.ledger import account


@dataclass(frozen=True, slots=True)
class Ending:
    """What a family does when an account closes. `is_in_use`: does something of its own stand in the way? `end` ends the rest."""

    is_in_use: Callable[[UUID], ColumnElement[bool]] | None = None
    end: Callable[[AsyncConnection, UUID], Awaitable[None]] | None = None


Endings = Sequence[Ending]


@refuses(ClosingOff, AccountNotEmpty, AccountInUse)
async def check_closable(runtime: Runtime, customer: Customer, endings: Endings) -> None:
    """Refuses where something stands in the way now. AccountNotEmpty says how much is left."""
    async with runtime.database.autocommit() as connection:
        await _check_nothing_waits(connection, customer, endings)
        await _check_empty(connection, customer, _ACCOUNTS)


@refuses(ClosingOff, pins.check, AccountNotEmpty, AccountInUse)
async def close(runtime: Runtime, customer: Customer, pin: str, endings: Endings) -> None:
    """Closes the account and all its ledger accounts, and says goodbye by SMS. A second call does nothing."""
    await pins.check(runtime, customer.id, pin)
    async with runtime.database.transaction() as connection:
        # Whatever begins something in her name refers to this row, and waits for this transaction.
        if not await profiles.lock_to_close(connection, customer.id):
            return
        await _check_nothing_waits(connection, customer, endings)
        # Families' rows before the ledger's accounts: every transaction locks in this order.
        for ending in endings:
            if ending.end is not None:
                await ending.end(connection, customer.id)
        await _check_empty(connection, customer, _ACCOUNTS.order_by(account.c.id).with_for_update())  # the ledger's lock order
        await accounts.close_all(connection, customer.id)
        await profiles.close(connection, customer.id)
        await notices.tell(runtime, connection, customer, texts.GOODBYE, kind=kinds.SECURITY, name=customer.name)


_ACCOUNTS = select(account.c.kind, account.c.balance, account.c.held)


async def _check_nothing_waits(connection: AsyncConnection, customer: Customer, endings: Endings) -> None:
    in_use = [ending.is_in_use(customer.id) for ending in endings if ending.is_in_use is not None]
    if await connection.scalar(select(or_(False, *in_use))):
        raise AccountInUse


async def _check_empty(connection: AsyncConnection, customer: Customer, accounts: Select[Any]) -> None:
    rows = (await connection.execute(accounts.where(account.c.owner == customer.id))).all()
    if any(row.held or (row.kind == ESCROW and row.balance) for row in rows):
        raise AccountInUse
    if left_minor := sum(row.balance for row in rows):
        raise AccountNotEmpty(balance=Money(left_minor, customer.currency))
