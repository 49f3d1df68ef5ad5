"""Reviews: each side of a paid job gives the other one to five stars."""

from uuid import UUID

from sqlalchemy import Column, ScalarSelect, Text, func, literal, select
from sqlalchemy.dialects.postgresql import insert

from core import clock
from core.customers.profiles import Customer
from core.errors import BadChoice, NotPermitted
from core.i18n import _
from core.jobs.refusals import AlreadyReviewed, JobClosed, UnknownJob
from core.refusing import refuses
from core.runtime import Runtime
from core.tables.jobs import job as job_table
from core.tables.jobs import review

# The rating of a person without reviews.
NEW = _("new")
MOST_STARS = 5


def rating_of(person: Column[UUID]) -> ScalarSelect[str]:
    """SQL for a person's average stars to one decimal (`4.5`), or NEW."""
    average = func.round(func.avg(review.c.stars), 1).cast(Text)
    return select(func.coalesce(average, literal(NEW))).where(review.c.about_id == person).scalar_subquery()


@refuses(BadChoice, UnknownJob, NotPermitted, JobClosed, AlreadyReviewed)
async def rate(runtime: Runtime, rater: Customer, job_id: UUID, stars: int) -> None:
    """Stores one side's stars, 1 to 5, for the other. JobClosed: the job is not paid."""
    if not 1 <= stars <= MOST_STARS:
        raise BadChoice
    async with runtime.database.transaction() as connection:
        row = (await connection.execute(select(job_table).where(job_table.c.id == job_id))).one_or_none()
        if row is None:
            raise UnknownJob
        other_side = {row.employer_id: row.worker_id, row.worker_id: row.employer_id}
        if rater.id not in other_side:
            raise NotPermitted
        if row.status != "paid":
            raise JobClosed
        inserted = await connection.execute(
            insert(review)
            .values(job_id=job_id, by_id=rater.id, about_id=other_side[rater.id], stars=stars, created_at=clock.now())
            .on_conflict_do_nothing()
            .returning(review.c.job_id)
        )
        if inserted.one_or_none() is None:
            raise AlreadyReviewed


async def has_rated(runtime: Runtime, rater: Customer, job_id: UUID) -> bool:
    """Has this side rated the other already?"""
    query = select(review.c.job_id).where(review.c.job_id == job_id, review.c.by_id == rater.id)
    async with runtime.database.autocommit() as connection:
        return (await connection.scalar(query)) is not None
