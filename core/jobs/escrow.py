"""The pay of a hired job: kept in a ledger account of its own, and let out of it once, to the worker or back to the employer.

Everything here runs in the caller's transaction, which has locked the job's row, and comes last in it.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core import ids, phones
from core.customers import profiles
from core.customers.profiles import Customer
from core.errors import KeyConflict
from core.jobs import market
from core.jobs.market import Job
from core.ledger import answers, statement
from core.ledger.post import post_one
from core.ledger.refusals import AccountClosed, NotEnoughMoney, OverBalanceLimit, OverDayLimit, OverLimit
from core.ledger.transfer import Leg, PostingResult, Transfer
from core.messaging import notices
from core.money import Money
from core.refusing import refuses
from core.runtime import Runtime
from core.tables.jobs import job as job_table

# The ledger's kinds: into escrow, out of it to the worker, out of it back to the employer.
KIND_KEEP, KIND_PAY, KIND_REFUND = "job_hire", "job_pay", "job_refund"


@dataclass(frozen=True, slots=True)
class JobReceipt:
    """`balance` is what the employer can spend now."""

    reference: str
    balance: Money


@dataclass(frozen=True, slots=True)
class Hired:
    """A job with a worker. `account` is the ledger account that keeps its pay."""

    job: Job
    account: UUID
    employer: Customer
    worker: Customer

    def other_than(self, side: Customer) -> Customer:
        return self.worker if side.id == self.employer.id else self.employer


# Of each text: its reader, the side that it tells about, and the text.
SideTexts = tuple[tuple[Customer, Customer, str], ...]


@refuses(market.get_within, AccountClosed)
async def get_hired(connection: AsyncConnection, row: Row[Any]) -> Hired:
    """A hired job's row with both sides. AccountClosed: one of them is no customer any more."""
    employer, worker = (
        await profiles.find_by_id(connection, row.employer_id),
        await profiles.find_by_id(connection, row.worker_id),
    )
    if employer is None or worker is None:
        raise AccountClosed
    return Hired(await market.get_within(connection, row.id), row.escrow, employer, worker)


@refuses(NotEnoughMoney, OverLimit, OverDayLimit, AccountClosed, KeyConflict)
async def keep(runtime: Runtime, connection: AsyncConnection, hired: Hired, key: str, side_texts: SideTexts) -> JobReceipt:
    """Moves the pay out of the employer's wallet."""
    pay = hired.job.pay
    legs = Leg(hired.employer.wallet, -pay.minor), Leg(hired.account, pay.minor)
    transfer = _transfer(runtime, hired, hired.employer.wallet, key, KIND_KEEP, legs, side_texts, limited_minor=pay.minor)
    answer = await post_one(connection, transfer, country=runtime.settings.country, currency=pay.currency, needed=pay)
    return JobReceipt(ids.reference(answer.transfer_id), Money(answer.available_minor[0], pay.currency))


@refuses(OverBalanceLimit, AccountClosed)
async def pay_out(
    runtime: Runtime, connection: AsyncConnection, hired: Hired, key: str, side_texts: SideTexts, *, is_limited: bool
) -> JobReceipt:
    """Moves the pay into the worker's wallet. OverBalanceLimit: only where `is_limited`."""
    limited_minor = hired.job.pay.minor if is_limited else 0
    balance = await statement.get_available(connection, hired.employer.wallet)
    answer = await _empty(runtime, connection, hired, hired.worker, KIND_PAY, key, side_texts, limited_minor)
    return JobReceipt(ids.reference(answer.transfer_id), balance)


@refuses(AccountClosed)
async def give_back(runtime: Runtime, connection: AsyncConnection, hired: Hired, key: str, side_texts: SideTexts) -> JobReceipt:
    """Moves the pay back into the employer's wallet."""
    answer = await _empty(runtime, connection, hired, hired.employer, KIND_REFUND, key, side_texts, 0)
    return JobReceipt(ids.reference(answer.transfer_id), Money(answer.available_minor[1], hired.job.pay.currency))


@refuses(KeyConflict)
async def find_kept(runtime: Runtime, employer: Customer, job_id: UUID, worker_id: UUID, key: str) -> JobReceipt | None:
    """The receipt of a hire under this key, as it was then. KeyConflict: the key was for another request."""
    async with runtime.database.autocommit() as connection:
        first = await answers.find(connection, employer.wallet, key, KIND_KEEP)
        row = None if first is None else await _find_own(connection, employer, job_id)
    if first is None:
        return None
    if row is None or row.worker_id != worker_id or not first.moved(row.escrow).minor:
        raise KeyConflict
    return JobReceipt(first.reference, first.balance(leg=0))


@refuses(KeyConflict)
async def find_paid(runtime: Runtime, employer: Customer, job_id: UUID, key: str) -> JobReceipt | None:
    """The receipt of a job's pay under this key, with the balance of then: whoever repeats it has not proved her PIN now."""
    async with runtime.database.autocommit() as connection:
        row = await _find_own(connection, employer, job_id)
        first = None if row is None else await answers.find(connection, row.escrow, key, KIND_PAY)
        if first is None:
            return None
        return JobReceipt(first.reference, await statement.get_available_at(connection, employer.wallet, first.moment))


async def _find_own(connection: AsyncConnection, employer: Customer, job_id: UUID) -> Row[Any] | None:
    """The worker and the escrow of a job that she has hired somebody for."""
    query: Select[Any] = select(job_table.c.worker_id, job_table.c.escrow)
    is_hers = (job_table.c.id == job_id) & (job_table.c.employer_id == employer.id) & job_table.c.escrow.is_not(None)
    row: Row[Any] | None = (await connection.execute(query.where(is_hers))).one_or_none()
    return row


async def tell(
    runtime: Runtime, connection: AsyncConnection, hired: Hired, reader: Customer, text: str, **params: object
) -> None:
    """Writes to one side about the other."""
    await notices.tell(runtime, connection, reader, text, **{**_job_params(hired, hired.other_than(reader)), **params})


async def _empty(
    runtime: Runtime,
    connection: AsyncConnection,
    hired: Hired,
    receiver: Customer,
    kind: str,
    key: str,
    side_texts: SideTexts,
    limited_minor: int,
) -> PostingResult:
    pay = hired.job.pay
    legs = Leg(hired.account, -pay.minor), Leg(receiver.wallet, pay.minor)
    transfer = _transfer(runtime, hired, hired.account, key, kind, legs, side_texts, limited_minor)
    return await post_one(connection, transfer, country=runtime.settings.country, currency=pay.currency, needed=pay)


def _transfer(
    runtime: Runtime,
    hired: Hired,
    initiator: UUID,
    key: str,
    kind: str,
    legs: tuple[Leg, ...],
    side_texts: SideTexts,
    limited_minor: int,
) -> Transfer:
    """Only a reader with a wallet among the legs may be told `{balance}`, which is then hers."""
    transfer_id = ids.new_id()
    reference = ids.reference(transfer_id)
    params = {"reference": reference, "service_code": runtime.settings.service_code}
    written = tuple(
        notices.write(reader, text, leg=_leg_of(reader, legs), **params, **_job_params(hired, other))
        for reader, other, text in side_texts
    )
    return Transfer(transfer_id, initiator, key, kind, legs, written, limited_minor)


def _leg_of(reader: Customer, legs: tuple[Leg, ...]) -> int:
    return next((index for index, leg in enumerate(legs) if leg.account == reader.wallet), 0)


def _job_params(hired: Hired, other: Customer) -> dict[str, Any]:
    """What fills a text about the job; `name` and `phone` are the other side's."""
    job = hired.job
    params = {"number": job.number, "title": job.title, "place": job.place, "amount": job.pay}
    return {**params, "name": other.name, "phone": phones.national(other.phone)}
