"""Closes a customer's savings goals with her account. Whether they are empty, the ledger checks."""

from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.savings.goals import NO_RULE
from core.tables.savings import goal


async def end(connection: AsyncConnection, customer_id: UUID) -> None:
    """Closes the customer's goals, and stops their rules."""
    await connection.execute(
        update(goal).where(goal.c.customer_id == customer_id, goal.c.status == "open").values(status="closed", **NO_RULE)
    )
