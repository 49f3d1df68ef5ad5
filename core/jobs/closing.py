"""What happens to a customer's jobs and applications when she closes her account."""

from uuid import UUID

from sqlalchemy import ColumnElement, exists, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock
from core.tables.jobs import application, job


def is_in_use(customer_id: UUID) -> ColumnElement[bool]:
    """Is a job under way that she gives or does?"""
    return exists().where(
        job.c.employer_id == customer_id, job.c.status.in_(["open", "hired", "finished", "disputed"])
    ) | exists().where(job.c.worker_id == customer_id, job.c.status.in_(["hired", "finished", "disputed"]))


async def end(connection: AsyncConnection, customer_id: UUID) -> None:
    """Withdraws her applications that wait for an answer."""
    await connection.execute(
        update(application)
        .where(application.c.worker_id == customer_id, application.c.status == "waiting")
        .values(status="withdrawn", changed_at=clock.now())
    )
