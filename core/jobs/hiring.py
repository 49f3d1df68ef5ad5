"""Hiring, and every step of a job and its pay after it.

    open -> hired -> finished -> paid              pay from hired, too; cancel, give_up: from hired to refunded
                  -> disputed -> paid, refunded    dispute: from hired or finished; settle: staff

Each step locks the job's row first: of two steps at once one wins, and the other is refused with JobClosed.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import Row, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock
from core.credentials import pins
from core.customers.profiles import Customer
from core.errors import NotPermitted
from core.jobs import applications, escrow, market, texts
from core.jobs.escrow import Hired, JobReceipt
from core.jobs.market import CANCELLED, DISPUTED, FINISHED, HIRED, OPEN, PAID, REFUNDED, Job
from core.jobs.refusals import JobClosed
from core.ledger.accounts import open_account
from core.ledger.chart import ESCROW
from core.operations.refusals import JobsOff
from core.refusing import refuses, repeats
from core.runtime import Runtime
from core.staff import Staff
from core.tables.jobs import application
from core.tables.jobs import job as job_table


@refuses(JobClosed, escrow.get_hired)
async def advance(connection: AsyncConnection, row: Row[Any], status: str, *allowed: str, **values: object) -> Hired:
    """Gives the locked row a new status, and returns the job with both sides. JobClosed: its status is none of `allowed`."""
    if row.status not in allowed:
        raise JobClosed
    return await escrow.get_hired(connection, await set_status(connection, row.id, status, **values))


async def set_status(connection: AsyncConnection, job_id: UUID, status: str, **values: object) -> Row[Any]:
    """Changes a row that the caller has locked, and returns it."""
    change = update(job_table).where(job_table.c.id == job_id).values(status=status, changed_at=clock.now(), **values)
    row: Row[Any] = (await connection.execute(change.returning(job_table))).one()
    return row


@repeats(escrow.find_kept)
@refuses(
    JobsOff,
    pins.check_for_payment,
    market.lock,
    NotPermitted,
    JobClosed,
    market.keep_open,
    escrow.get_hired,
    escrow.keep,
)
async def hire(runtime: Runtime, employer: Customer, job_id: UUID, worker_id: UUID, pin: str, key: str) -> JobReceipt:
    """Hires one of the applicants and puts the pay into escrow, once for each `key`: a repetition gets the first receipt.

    JobClosed: also where the applicant has withdrawn.
    """
    await pins.check_for_payment(runtime, employer.id, pin)
    async with runtime.database.transaction() as connection:
        row = await _lock_own(connection, job_id, employer)
        if not market.is_offered(row):
            raise JobClosed
        hired = await _choose(connection, employer, job_id, worker_id)
        await applications.decline_waiting(runtime, connection, hired.job, texts.JOB_TAKEN)
        side_texts = (hired.employer, hired.worker, texts.JOB_KEPT), (hired.worker, hired.employer, texts.JOB_HIRED)
        return await escrow.keep(runtime, connection, hired, key, side_texts)


@refuses(market.lock, NotPermitted, advance)
async def finish(runtime: Runtime, worker: Customer, job_id: UUID) -> None:
    """Marks the job as done, for its worker."""
    async with runtime.database.transaction() as connection:
        hired = await advance(connection, await _lock_hired(connection, job_id, worker), FINISHED, HIRED)
        await escrow.tell(runtime, connection, hired, hired.employer, texts.JOB_FINISHED)


@repeats(escrow.find_paid)
@refuses(pins.check_for_payment, market.lock, NotPermitted, advance, escrow.pay_out)
async def pay(runtime: Runtime, employer: Customer, job_id: UUID, pin: str, key: str) -> JobReceipt:
    """Marks the job as done and pays for it, once for each `key`: a repetition gets the first receipt."""
    await pins.check_for_payment(runtime, employer.id, pin)
    async with runtime.database.transaction() as connection:
        row = await _lock_own(connection, job_id, employer)
        hired = await advance(connection, row, PAID, HIRED, FINISHED)
        side_texts = (hired.worker, hired.employer, texts.JOB_PAID), (hired.employer, hired.worker, texts.JOB_PAYMENT)
        return await escrow.pay_out(runtime, connection, hired, key, side_texts, is_limited=True)


@refuses(market.lock, NotPermitted, advance, escrow.give_back)
async def cancel(runtime: Runtime, employer: Customer, job_id: UUID) -> JobReceipt | None:
    """Takes an open job off the list, or gives back the pay of a hired one that the worker has not marked as done.

    Returns a receipt where money came back.
    """
    async with runtime.database.transaction() as connection:
        row = await _lock_own(connection, job_id, employer)
        if row.status == OPEN:
            await set_status(connection, job_id, CANCELLED)
            await applications.decline_waiting(runtime, connection, await market.get_within(connection, job_id), texts.JOB_OFF)
            return None
        hired = await advance(connection, row, REFUNDED, HIRED)
        side_texts = (hired.employer, hired.worker, texts.JOB_REFUNDED), (hired.worker, hired.employer, texts.JOB_CANCELLED)
        return await escrow.give_back(runtime, connection, hired, "cancel", side_texts)


@refuses(market.lock, NotPermitted, advance, escrow.give_back)
async def give_up(runtime: Runtime, worker: Customer, job_id: UUID) -> None:
    """Ends the job for its hired worker, and gives the pay back to the employer."""
    async with runtime.database.transaction() as connection:
        hired = await advance(connection, await _lock_hired(connection, job_id, worker), REFUNDED, HIRED)
        side_texts = ((hired.employer, hired.worker, texts.JOB_GIVEN_UP),)
        await escrow.give_back(runtime, connection, hired, "give up", side_texts)


@refuses(market.lock, NotPermitted, advance)
async def dispute(runtime: Runtime, side: Customer, job_id: UUID) -> None:
    """Reports a problem, for either side. The pay stays in escrow until staff decide (`settle`)."""
    async with runtime.database.transaction() as connection:
        row = await market.lock(connection, job_id)
        _permit(side.id in (row.employer_id, row.worker_id))
        hired = await advance(connection, row, DISPUTED, HIRED, FINISHED)
        await escrow.tell(runtime, connection, hired, hired.other_than(side), texts.JOB_DISPUTED)


@refuses(market.get_by_number, market.lock, advance, escrow.give_back)
async def settle(runtime: Runtime, number: str, *, pay_worker: bool, by: Staff) -> Job:
    """Carries out the staff's decision: the pay goes to the worker or back. JobClosed: the job is not disputed."""
    job_id = (await market.get_by_number(runtime, number)).id
    async with runtime.database.transaction() as connection:
        row = await market.lock(connection, job_id)
        hired = await advance(connection, row, PAID if pay_worker else REFUNDED, DISPUTED, decided_by=by.name)
        receiver = hired.worker if pay_worker else hired.employer
        other = hired.other_than(receiver)
        side_texts = (receiver, other, texts.JOB_AWARDED), (other, receiver, texts.JOB_DECIDED)
        if pay_worker:
            await escrow.pay_out(runtime, connection, hired, "settle", side_texts, is_limited=False)
        else:
            await escrow.give_back(runtime, connection, hired, "settle", side_texts)
        return hired.job


async def _choose(connection: AsyncConnection, employer: Customer, job_id: UUID, worker_id: UUID) -> Hired:
    """Marks the applicant as hired for the open, locked job, and opens an empty account for the pay."""
    await market.keep_open(connection, employer.id, worker_id)
    is_theirs = application.c.job_id == job_id, application.c.worker_id == worker_id, application.c.status == applications.WAITING
    chosen = update(application).where(*is_theirs).values(status=applications.CHOSEN, changed_at=clock.now())
    if not (await connection.execute(chosen)).rowcount:
        raise JobClosed
    account = await open_account(connection, owner=employer.id, kind=ESCROW, currency=employer.currency)
    return await escrow.get_hired(connection, await set_status(connection, job_id, HIRED, worker_id=worker_id, escrow=account))


async def _lock_own(connection: AsyncConnection, job_id: UUID, employer: Customer) -> Row[Any]:
    row = await market.lock(connection, job_id)
    _permit(row.employer_id == employer.id)
    return row


async def _lock_hired(connection: AsyncConnection, job_id: UUID, worker: Customer) -> Row[Any]:
    row = await market.lock(connection, job_id)
    _permit(row.worker_id == worker.id)
    return row


def _permit(may: bool) -> None:
    if not may:
        raise NotPermitted
