"""What happens to a customer's covers and claims when she closes her account."""

from uuid import UUID

from sqlalchemy import ColumnElement, exists, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.tables.insurance import claim, policy


def is_in_use(customer_id: UUID) -> ColumnElement[bool]:
    """Has she a cover that will be renewed, or a claim that waits for a decision?"""
    return exists().where(policy.c.customer_id == customer_id, policy.c.renews, policy.c.status != "ended") | exists().where(
        policy.c.customer_id == customer_id, claim.c.policy_id == policy.c.id, claim.c.status == "waiting"
    )


async def end(connection: AsyncConnection, customer_id: UUID) -> None:
    """Ends her covers that will not be renewed."""
    await connection.execute(
        update(policy).where(policy.c.customer_id == customer_id, policy.c.status != "ended").values(status="ended")
    )
