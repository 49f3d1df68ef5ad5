"""Opens and closes customers' accounts and sets their tiers, in the caller's transaction."""

from uuid import UUID, uuid4

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock
from core.tables.ledger import account


async def open_account(
    connection: AsyncConnection, *, owner: UUID, kind: str, currency: str, tier: str | None = None, account_id: UUID | None = None
) -> UUID:
    """Opens an empty account, which can never be overdrawn. `kind` is one of chart.py's, `tier` one of limits.toml's.

    `account_id`: where a row elsewhere with the same id says what the account is for.
    """
    account_id = account_id or uuid4()
    await connection.execute(
        insert(account).values(
            id=account_id, owner=owner, kind=kind, currency=currency, tier=tier, floor=0, created_at=clock.now()
        )
    )
    return account_id


async def close_empty(connection: AsyncConnection, account_id: UUID) -> bool:
    """Closes an account. False where there is money in it."""
    emptied = (
        update(account)
        .where(account.c.id == account_id, account.c.balance == 0, account.c.held == 0)
        .values(status="closed")
        .returning(account.c.id)
    )
    return await connection.scalar(emptied) is not None


async def close_all(connection: AsyncConnection, owner: UUID) -> None:
    """Closes all accounts of an owner. The caller has locked them and seen that they are empty."""
    await connection.execute(update(account).where(account.c.owner == owner).values(status="closed"))


async def set_tier(connection: AsyncConnection, *, owner: UUID, kind: str, tier: str) -> None:
    """The limits of this tier hold for the account from now on."""
    await connection.execute(update(account).where(account.c.owner == owner, account.c.kind == kind).values(tier=tier))
