"""Opening an account for somebody, in the transaction of whatever it is opened for."""

from uuid import UUID, uuid4

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock
from core.tables.ledger import account


async def open_account(
    connection: AsyncConnection, *, owner: UUID, kind: str, currency: str, tier: str | None = None, account_id: UUID | None = None
) -> UUID:
    """A customer's new, empty account, which can never be overdrawn. `kind` is one of chart.py's, `tier` one of limits.toml's.

    `account_id`: where something else of the same id says what it is for.
    """
    account_id = account_id or uuid4()
    await connection.execute(
        insert(account).values(
            id=account_id, owner=owner, kind=kind, currency=currency, tier=tier, floor=0, created_at=clock.now()
        )
    )
    return account_id
