"""A customer's wallet: its balance, and its postings with the name of the other side."""

import csv
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core import ids
from core.customers.profiles import Customer
from core.ledger import statement
from core.money import Money
from core.runtime import Runtime
from core.tables.customers import customer as customer_table

_CSV_COLUMNS = ("time", "reference", "kind", "other side", "amount", "balance", "currency")
_CSV_PAGE = 500


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One posting. `amount` is negative where money left; `other_side` names the other customer, if there is one."""

    moment: datetime
    transfer_id: UUID
    kind: str
    amount: Money
    balance_after: Money
    other_side: str | None


@dataclass(frozen=True, slots=True)
class DoneTransfer:
    """A transfer that she asked for. `amount` was moved or held; it is negative where it left."""

    transfer_id: UUID
    kind: str
    amount: Money
    other_side: str | None


async def get_balance(runtime: Runtime, customer: Customer) -> Money:
    """What she can spend."""
    async with runtime.database.autocommit() as connection:
        return await statement.get_available(connection, customer.wallet)


async def list_newest(runtime: Runtime, customer: Customer, most: int = 5) -> list[StatementLine]:
    """Her newest postings."""
    async with runtime.database.autocommit() as connection:
        return await _named(connection, await statement.list_newest(connection, customer.wallet, most))


async def find_last_done(
    runtime: Runtime, customer: Customer, keys: list[str], since: datetime | None = None
) -> DoneTransfer | None:
    """The newest transfer that she asked for under one of these keys: what a session that broke off may have moved."""
    async with runtime.database.autocommit() as connection:
        done = await statement.find_requested(connection, customer.id, keys, since)
        if done is None:
            return None
        names = await _names(connection, [] if done.other_owner is None else [done.other_owner])
    return DoneTransfer(done.transfer_id, done.kind, done.amount, _name(names, done.other_owner))


async def write_csv(connection: AsyncConnection, wallet: UUID, since: datetime, until: datetime) -> AsyncIterator[str]:
    """A statement as CSV (RFC 4180), newest first, in pieces: a header, then a line for each posting.

    Nothing calls it yet; REST's statement will.
    """
    yield _csv_line(_CSV_COLUMNS)
    cursor: int | None = None
    while True:
        page = await statement.get_page(connection, wallet, most=_CSV_PAGE, cursor=cursor, since=since, until=until)
        for line in await _named(connection, page.lines):
            reference, moment = ids.reference(line.transfer_id), line.moment.isoformat()
            money = (line.amount.plain, line.balance_after.plain, line.amount.currency)
            yield _csv_line((moment, reference, line.kind, line.other_side or "", *money))
        cursor = page.cursor
        if cursor is None:
            return


async def _named(connection: AsyncConnection, lines: list[statement.Posting]) -> list[StatementLine]:
    names = await _names(connection, {line.other_owner for line in lines if line.other_owner is not None})
    return [
        StatementLine(line.moment, line.transfer_id, line.kind, line.amount, line.balance_after, _name(names, line.other_owner))
        for line in lines
    ]


async def _names(connection: AsyncConnection, owners: Collection[UUID]) -> Mapping[UUID, str]:
    """Names by owner, of customers who have closed their accounts too."""
    if not owners:
        return {}
    rows = await connection.execute(select(customer_table.c.id, customer_table.c.name).where(customer_table.c.id.in_(owners)))
    return {row.id: row.name for row in rows}


def _name(names: Mapping[UUID, str], owner: UUID | None) -> str | None:
    return None if owner is None else names.get(owner)


def _csv_line(values: tuple[str, ...]) -> str:
    written = StringIO()
    # A spreadsheet would run a cell that begins like a formula.
    csv.writer(written).writerow([f"'{value}" if value[:1] in "=+@\t\r" else value for value in values])
    return written.getvalue()
