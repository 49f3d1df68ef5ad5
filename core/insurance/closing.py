"""What becomes of somebody's covers and claims when she closes her account."""

from uuid import UUID

from sqlalchemy import ColumnElement, exists, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.tables.insurance import claim, policy


def is_in_use(customer_id: UUID) -> ColumnElement[bool]:
    """Is there a cover that is to go on, or a claim that nobody has decided?"""
    return exists().where(policy.c.customer_id == customer_id, policy.c.renews, policy.c.status != "ended") | exists().where(
        policy.c.customer_id == customer_id, claim.c.policy_id == policy.c.id, claim.c.status == "waiting"
    )


async def end(connection: AsyncConnection, customer_id: UUID) -> None:
    """Ends the covers that would not be renewed."""
    await connection.execute(
        update(policy).where(policy.c.customer_id == customer_id, policy.c.status != "ended").values(status="ended")
    )
