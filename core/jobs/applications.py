"""Applications: applying for a job, and who has applied."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock
from core.credentials import attempts
from core.customers import profiles
from core.customers.profiles import Customer
from core.errors import NotPermitted
from core.jobs import market, texts
from core.jobs.market import MOST_LISTED, Job
from core.jobs.refusals import AlreadyApplied, JobClosed, UnknownJob
from core.jobs.reviews import rating_of
from core.messaging import kinds, notices
from core.operations.refusals import JobsOff
from core.refusing import refuses
from core.runtime import Runtime
from core.tables.customers import customer as customer_table
from core.tables.jobs import application
from core.tables.jobs import job as job_table

WAITING, WITHDRAWN, CHOSEN, DECLINED = "waiting", "withdrawn", "hired", "declined"
# As many as the employer can see.
MOST_WAITING = MOST_LISTED
MOST_A_DAY = 20


@dataclass(frozen=True, slots=True)
class Application:
    """`status` is one of those above and says what became of the application; the job has a status of its own."""

    job: Job
    status: str


@dataclass(frozen=True, slots=True)
class Applicant:
    """`rating` is as in reviews.py; `jobs_done` counts the jobs that she was paid for."""

    id: UUID
    name: str
    rating: str
    jobs_done: int


@refuses(JobsOff, market.lock, NotPermitted, AlreadyApplied, JobClosed, market.keep_open, attempts.count_try)
async def apply(runtime: Runtime, worker: Customer, job_id: UUID) -> Job:
    """Applies, and tells the employer the first time: a worker may withdraw and apply again.

    NotPermitted: her own job. JobClosed: also where 40 wait for an answer already. TooManyTries: 20 in a day.
    """
    async with runtime.database.transaction() as connection:
        row = await market.lock(connection, job_id)
        if worker.id == row.employer_id or worker.currency != row.currency:
            raise NotPermitted
        is_own = and_(application.c.job_id == job_id, application.c.worker_id == worker.id)
        status: str | None = await connection.scalar(select(application.c.status).where(is_own))
        if status == WAITING:
            raise AlreadyApplied
        waiting = await connection.scalar(
            select(func.count()).where(application.c.job_id == job_id, application.c.status == WAITING)
        )
        if not market.is_offered(row) or (waiting or 0) >= MOST_WAITING:
            raise JobClosed
        await market.keep_open(connection, worker.id)
        now = clock.now()
        if status is None:
            await attempts.count_try(connection, worker.id, "job_application", most=MOST_A_DAY, country=runtime.settings.country)
            await connection.execute(
                insert(application).values(job_id=job_id, worker_id=worker.id, created_at=now, changed_at=now)
            )
            await _tell_employer(runtime, connection, worker, await market.get_within(connection, job_id))
        else:
            await connection.execute(update(application).where(is_own).values(status=WAITING, changed_at=now))
        return await market.get_within(connection, job_id)


@refuses(JobClosed)
async def withdraw(runtime: Runtime, worker: Customer, job_id: UUID) -> None:
    """Withdraws an application that waits for an answer. JobClosed: none does any more."""
    async with runtime.database.autocommit() as connection:
        withdrawn = await connection.execute(
            update(application)
            .where(application.c.job_id == job_id, application.c.worker_id == worker.id, application.c.status == WAITING)
            .values(status=WITHDRAWN, changed_at=clock.now())
        )
    if not withdrawn.rowcount:
        raise JobClosed


async def list_applications(runtime: Runtime, worker: Customer) -> list[Application]:
    """Her applications, the newest first, 40 at most."""
    query = _APPLICATIONS.where(application.c.worker_id == worker.id)
    query = query.order_by(application.c.created_at.desc(), application.c.job_id).limit(MOST_LISTED)
    async with runtime.database.autocommit() as connection:
        return [Application(market.read_job(row), row.answer) for row in await connection.execute(query)]


@refuses(UnknownJob)
async def get(runtime: Runtime, worker: Customer, job_id: UUID) -> Application:
    """Her application for this job. UnknownJob: there is none."""
    query = _APPLICATIONS.where(application.c.worker_id == worker.id, application.c.job_id == job_id)
    async with runtime.database.autocommit() as connection:
        row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise UnknownJob
    return Application(market.read_job(row), row.answer)


@refuses(market.get_within, NotPermitted)
async def list_applicants(runtime: Runtime, employer: Customer, job_id: UUID) -> list[Applicant]:
    """The applicants who wait for the employer's answer, the first one first, 40 at most."""
    paid = job_table.alias("paid")
    jobs_done = select(func.count()).where(paid.c.worker_id == customer_table.c.id, paid.c.status == market.PAID)
    query = (
        select(customer_table.c.id, customer_table.c.name, rating_of(customer_table.c.id), jobs_done.scalar_subquery())
        .join(application, application.c.worker_id == customer_table.c.id)
        .where(application.c.job_id == job_id, application.c.status == WAITING, customer_table.c.status == "active")
        .order_by(application.c.created_at, customer_table.c.id)
        .limit(MOST_LISTED)
    )
    async with runtime.database.autocommit() as connection:
        if (await market.get_within(connection, job_id)).employer.id != employer.id:
            raise NotPermitted
        return [Applicant(*row) for row in await connection.execute(query)]


async def decline_waiting(runtime: Runtime, connection: AsyncConnection, job: Job, text: str) -> None:
    """Declines every application that waits, in the caller's transaction, which has locked the job. `text` is the SMS."""
    worker_ids = await connection.scalars(
        update(application)
        .where(application.c.job_id == job.id, application.c.status == WAITING)
        .values(status=DECLINED, changed_at=clock.now())
        .returning(application.c.worker_id)
    )
    for worker_id in sorted(worker_ids.all()):
        reader = await profiles.find_by_id(connection, worker_id)
        if reader is not None:
            await notices.tell(runtime, connection, reader, text, kind=kinds.REMINDER, title=job.title, place=job.place)


async def _tell_employer(runtime: Runtime, connection: AsyncConnection, worker: Customer, job: Job) -> None:
    employer = await profiles.find_by_id(connection, job.employer.id)
    if employer is not None:
        params: dict[str, Any] = {"name": worker.name, "number": job.number, "title": job.title}
        await notices.tell(runtime, connection, employer, texts.JOB_APPLIED, kind=kinds.REMINDER, **params)


_APPLICATIONS = market.JOBS.add_columns(application.c.status.label("answer")).join(
    application, application.c.job_id == job_table.c.id
)
