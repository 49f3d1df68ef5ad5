"""What happened on an account, newest first."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.money import Money
from core.tables.ledger import account, posting, transfer
from core.tables.people import customer


@dataclass(frozen=True, slots=True)
class Line:
    """One posting. `amount` is negative where money left; `other_side` names the other customer, if there is one."""

    moment: datetime
    transfer_id: UUID
    kind: str
    amount: Money
    balance_after: Money
    other_side: str | None


async def available(connection: AsyncConnection, account_id: UUID) -> Money:
    """What the account's owner can spend: its balance less what is held."""
    row = (
        await connection.execute(select(account.c.balance - account.c.held, account.c.currency).where(account.c.id == account_id))
    ).one()
    return Money(*row)


async def last(connection: AsyncConnection, account_id: UUID, most: int) -> list[Line]:
    """The account's `most` newest postings."""
    mine, other, owner = posting.alias("mine"), posting.alias("other"), account.alias("owner")
    other_side = (
        select(func.min(customer.c.name))
        .select_from(other.join(owner, owner.c.id == other.c.account_id).join(customer, customer.c.id == owner.c.owner))
        .where(other.c.transfer_id == mine.c.transfer_id, other.c.account_id != account_id)
        .scalar_subquery()
    )
    rows = await connection.execute(
        select(
            transfer.c.created_at,
            transfer.c.id,
            transfer.c.kind,
            mine.c.amount,
            mine.c.balance_after,
            account.c.currency,
            other_side,
        )
        .select_from(mine.join(transfer, transfer.c.id == mine.c.transfer_id).join(account, account.c.id == mine.c.account_id))
        .where(mine.c.account_id == account_id)
        .order_by(mine.c.version.desc())
        .limit(most)
    )
    return [
        Line(moment, transfer_id, kind, Money(amount, currency), Money(balance_after, currency), name)
        for moment, transfer_id, kind, amount, balance_after, currency, name in rows
    ]
