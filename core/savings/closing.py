"""What becomes of somebody's savings goals when she closes her account. The ledger asks whether they are empty."""

from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.savings.goals import NO_RULE
from core.tables.savings import goal


async def end(connection: AsyncConnection, customer_id: UUID) -> None:
    """Closes her goals, with what they do by themselves."""
    await connection.execute(
        update(goal).where(goal.c.customer_id == customer_id, goal.c.status == "open").values(status="closed", **NO_RULE)
    )
