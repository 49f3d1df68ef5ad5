"""Closes accounts past the service, with everything that closing one by the phone would ask for first."""

from uuid import UUID

from sqlalchemy import text

from core import ids
from core.ledger.chart import TRUST, SystemAccount
from core.ledger.post import post
from core.ledger.transfer import Leg, Transfer
from core.runtime import Runtime


async def close(runtime: Runtime, customer_id: UUID) -> None:
    """Pays out what is in her accounts, and closes them and her."""
    async with runtime.database.autocommit() as connection:
        held = text("SELECT id, balance, currency FROM account WHERE owner = :id AND balance > 0")
        rows = (await connection.execute(held, {"id": customer_id})).all()
        if rows:
            emptied = [(Leg(row.id, -row.balance), Leg(SystemAccount(TRUST, row.currency), row.balance)) for row in rows]
            wishes = [Transfer(ids.new_id(), legs[0].account, "end", "end", legs) for legs in emptied]  # type: ignore[arg-type]
            assert all(answer.is_done for answer in await post(connection, wishes, "KE"))
        await connection.execute(text("UPDATE account SET status = 'closed' WHERE owner = :id"), {"id": customer_id})
        await connection.execute(text("UPDATE customer SET status = 'closed' WHERE id = :id"), {"id": customer_id})
