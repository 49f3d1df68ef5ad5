"""The history of an account: what its owner can spend, its balance at any moment, and its postings page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Row, ScalarSelect, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.ledger.chart import STRIPES, WALLET, SystemAccount
from core.money import Money
from core.tables.ledger import account, hold_leg, posting, transfer


@dataclass(frozen=True, slots=True)
class Posting:
    """`amount` is negative where money left; `other_owner` is the other customer's id, if there is one."""

    version: int
    moment: datetime
    transfer_id: UUID
    kind: str
    amount: Money
    balance_after: Money
    other_owner: UUID | None


@dataclass(frozen=True, slots=True)
class RequestedTransfer:
    """A transfer as an account of its requester saw it. `amount`: moved or held, negative where it left."""

    transfer_id: UUID
    kind: str
    amount: Money
    other_owner: UUID | None


@dataclass(frozen=True, slots=True)
class Page:
    """Postings, newest first. `opening` is the balance before the oldest of them, `closing` the one after the newest.

    `cursor` asks for the page of older ones; None where there are none.
    """

    lines: list[Posting]
    opening: Money
    closing: Money
    cursor: int | None


async def get_available(connection: AsyncConnection, account_id: UUID) -> Money:
    """What the account's owner can spend: its balance less what is held."""
    row = (
        await connection.execute(select(account.c.balance - account.c.held, account.c.currency).where(account.c.id == account_id))
    ).one()
    return Money(*row)


async def get_system_balance(connection: AsyncConnection, system: SystemAccount) -> Money:
    """The balance of one of the service's own accounts: all its stripes, at one moment."""
    rows = [system.stripe(number) for number in range(STRIPES)]
    total = await connection.scalar(select(func.sum(account.c.balance)).where(account.c.id.in_(rows)))
    return Money(int(total), system.currency)


async def get_balance_at(connection: AsyncConnection, account_id: UUID, moment: datetime) -> Money:
    """The balance after everything that was posted up to and at `moment`; zero before the first posting.

    Statements by month will call it, too.
    """
    last_posting = (
        select(posting.c.balance_after)
        .where(posting.c.account_id == account_id, posting.c.created_at <= moment)
        .order_by(posting.c.version.desc())
        .limit(1)
        .scalar_subquery()
    )
    row = (
        await connection.execute(select(func.coalesce(last_posting, 0), account.c.currency).where(account.c.id == account_id))
    ).one()
    return Money(*row)


async def get_available_at(connection: AsyncConnection, account_id: UUID, moment: datetime) -> Money:
    """What the account's owner could spend at `moment`: the balance of then, less what was held then."""
    settled = transfer.alias("settled")
    is_settled = select(settled.c.id).where(settled.c.settles == hold_leg.c.hold_id, settled.c.created_at <= moment).exists()
    held = (
        select(func.coalesce(func.sum(-hold_leg.c.amount), 0))
        .join(transfer, transfer.c.id == hold_leg.c.hold_id)
        .where(hold_leg.c.account_id == account_id, hold_leg.c.amount < 0, transfer.c.created_at <= moment, ~is_settled)
    )
    balance = await get_balance_at(connection, account_id, moment)
    # Only what its owner asked for takes from an account that she is the only one to hold.
    held_minor = await connection.scalar(held.where(transfer.c.initiator == account_id))
    return balance - Money(int(held_minor or 0), balance.currency)


async def list_newest(connection: AsyncConnection, account_id: UUID, most: int) -> list[Posting]:
    """The account's newest postings, at most `most`."""
    return (await get_page(connection, account_id, most=most)).lines


async def get_page(
    connection: AsyncConnection,
    account_id: UUID,
    *,
    most: int = 50,
    cursor: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Page:
    """A page of the statement, newest first. `cursor` is the one of the page before; `since` and `until` bound the time.

    Postings never change, so pages stay what they were while new postings arrive.
    """
    query = _lines(account_id).order_by(posting.c.version.desc()).limit(most + 1)
    if cursor is not None:
        query = query.where(posting.c.version < cursor)
    if since is not None:
        query = query.where(posting.c.created_at >= since)
    if until is not None:
        query = query.where(posting.c.created_at < until)
    rows = (await connection.execute(query)).all()
    lines = [_line(row) for row in rows[:most]]
    if not lines:
        now = await _balance_before(connection, account_id, cursor, until)
        return Page([], now, now, None)
    more = lines[-1].version if len(rows) > most else None
    return Page(lines, lines[-1].balance_after - lines[-1].amount, lines[0].balance_after, more)


async def find_requested(
    connection: AsyncConnection, owner: UUID, keys: Sequence[str], since: datetime | None = None
) -> RequestedTransfer | None:
    """The newest transfer that the owner asked for under one of these idempotency keys, from any of her accounts.

    The amount is her wallet's, where the transfer touched it: what she takes out of a savings goal comes in.
    """
    side = account.alias("side")
    moved = (
        select(posting.c.amount)
        .join(side, side.c.id == posting.c.account_id)
        .where(posting.c.transfer_id == transfer.c.id, side.c.owner == account.c.owner)
        .order_by((side.c.kind == WALLET).desc(), (side.c.id == account.c.id).desc())
    )
    held = select(hold_leg.c.amount).where(hold_leg.c.hold_id == transfer.c.id, hold_leg.c.account_id == account.c.id)
    amount = func.coalesce(moved.limit(1).scalar_subquery(), held.limit(1).scalar_subquery())
    query = (
        select(transfer.c.id, transfer.c.kind, amount, account.c.currency, _other_owner(transfer.c.id, account.c.id))
        .join(account, account.c.id == transfer.c.initiator)
        .where(account.c.owner == owner, transfer.c.key.in_(keys), amount.is_not(None))
        .order_by(transfer.c.created_at.desc(), transfer.c.id.desc())
        .limit(1)
    )
    if since is not None:
        query = query.where(transfer.c.created_at >= since)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else RequestedTransfer(row[0], row[1], Money(row[2], row[3]), row[4])


async def _balance_before(connection: AsyncConnection, account_id: UUID, cursor: int | None, until: datetime | None) -> Money:
    newest = select(posting.c.balance_after).where(posting.c.account_id == account_id).order_by(posting.c.version.desc()).limit(1)
    if cursor is not None:
        newest = newest.where(posting.c.version < cursor)
    if until is not None:
        newest = newest.where(posting.c.created_at < until)
    query = select(func.coalesce(newest.scalar_subquery(), 0), account.c.currency).where(account.c.id == account_id)
    return Money(*(await connection.execute(query)).one())


def _other_owner(transfer_id: Column[UUID], account_id: Column[UUID]) -> ScalarSelect[Any]:
    """The customer on the other side of a transfer; null where it went between accounts of one owner."""
    other_posting, other, this = posting.alias("other_posting"), account.alias("other"), account.alias("this")
    return (
        select(other.c.owner)
        .select_from(other_posting.join(other, other.c.id == other_posting.c.account_id))
        .join(this, this.c.id == account_id)
        .where(other_posting.c.transfer_id == transfer_id, other.c.owner != this.c.owner)
        .order_by(other.c.owner)
        .limit(1)
        .scalar_subquery()
    )


def _lines(account_id: UUID) -> Select[Any]:
    return (
        select(
            posting.c.version,
            posting.c.created_at,
            transfer.c.id,
            transfer.c.kind,
            posting.c.amount,
            posting.c.balance_after,
            account.c.currency,
            _other_owner(transfer.c.id, account.c.id).label("other_owner"),
        )
        .join(transfer, transfer.c.id == posting.c.transfer_id)
        .join(account, account.c.id == posting.c.account_id)
        .where(posting.c.account_id == account_id)
    )


def _line(row: Row[Any]) -> Posting:
    amount, balance_after = Money(row.amount, row.currency), Money(row.balance_after, row.currency)
    return Posting(row.version, row.created_at, row.id, row.kind, amount, balance_after, row.other_owner)
