"""Offering a job: it stays on the list for 30 days. No money moves before somebody is hired."""

import secrets
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy import exists, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock
from core.credentials import attempts
from core.customers import profiles
from core.customers.profiles import Customer
from core.errors import BadAmount, BadChoice, Busy, KeyConflict, check_same
from core.jobs import market
from core.jobs.market import CATEGORIES, OPEN, Job
from core.jobs.refusals import TooManyJobs
from core.ledger import limits
from core.ledger.refusals import AccountClosed, OverLimit
from core.money import Money
from core.operations.refusals import JobsOff
from core.refusing import refuses, repeats
from core.runtime import Runtime
from core.tables.jobs import job as job_table
from core.tables.ledger import account

OPEN_FOR = timedelta(days=30)
MOST_OPEN = 10
MOST_A_DAY = 20
# (the smallest, how many there are, how many are tried): five digits while most of them are free, then six.
_NUMBERS = ((10_000, 90_000, 5), (100_000, 900_000, 10))


@refuses(BadAmount, OverLimit)
async def check_pay(runtime: Runtime, employer: Customer, pay: Money) -> None:
    """May the employer pay that much? BadAmount: nothing, or another currency. OverLimit: she could hire nobody for it."""
    if pay.minor <= 0 or pay.currency != employer.currency:
        raise BadAmount
    async with runtime.database.autocommit() as connection:
        tier = (await connection.scalars(select(account.c.tier).where(account.c.id == employer.wallet))).one()
    limit = limits.get(tier, pay.currency, clock.today(runtime.settings.country))
    if pay.minor > limit.transfer:
        raise OverLimit(most=Money(limit.transfer, pay.currency))


@refuses(JobsOff, TooManyJobs)
async def check_room(runtime: Runtime, employer: Customer) -> None:
    """Refuses where 10 of the employer's jobs are open."""
    async with runtime.database.autocommit() as connection:
        await _check_room(connection, employer)


@refuses(KeyConflict, market.read_place, market.read_title)
async def _find_posted(
    runtime: Runtime, employer: Customer, category: str, place: str, title: str, pay: Money, key: str
) -> Job | None:
    query = select(job_table).where(job_table.c.employer_id == employer.id, job_table.c.key == key)
    async with runtime.database.autocommit() as connection:
        row = (await connection.execute(query)).one_or_none()
        if row is None:
            return None
        check_same(row, category=category, place=market.read_place(place), title=market.read_title(title), pay=pay.minor)
        return await market.get_within(connection, row.id)


@repeats(_find_posted)
@refuses(
    JobsOff,
    BadChoice,
    market.read_place,
    market.read_title,
    check_pay,
    AccountClosed,
    KeyConflict,
    TooManyJobs,
    attempts.count_try,
    Busy,
)
async def post(
    runtime: Runtime,
    employer: Customer,
    category: str,
    place: str,
    title: str,
    pay: Money,
    key: str,
    *,
    number: int | None = None,
) -> Job:
    """Puts a job on the list, once for each `key`: the same request again gets the same job. `number` is tried first.

    BadChoice: no such category. TooManyJobs: 10 are open. TooManyTries: 20 in a day. Busy: no number was free.
    """
    if category not in CATEGORIES:
        raise BadChoice
    request = {"category": category, "place": market.read_place(place), "title": market.read_title(title)}
    await check_pay(runtime, employer, pay)
    async with runtime.database.transaction() as connection:
        # Requests of one employer run one after the other: two at once would both find room for the tenth job.
        if not await profiles.lock(connection, employer.id):
            raise AccountClosed
        is_key = (job_table.c.employer_id == employer.id) & (job_table.c.key == key)
        if await connection.scalar(select(exists().where(is_key))):
            raise KeyConflict  # or the same request, which has overtaken this one and is answered as a repetition
        await _check_room(connection, employer)
        await attempts.count_try(connection, employer.id, "job_post", most=MOST_A_DAY, country=runtime.settings.country)
        values = {**request, "employer_id": employer.id, "key": key, "currency": pay.currency, "pay": pay.minor}
        return await market.get_within(connection, await _insert(connection, values, number))


async def _check_room(connection: AsyncConnection, employer: Customer) -> None:
    is_open = (job_table.c.employer_id == employer.id) & (job_table.c.status == OPEN)
    if (await connection.scalar(select(func.count()).where(is_open)) or 0) >= MOST_OPEN:
        raise TooManyJobs


async def _insert(connection: AsyncConnection, values: dict[str, object], number: int | None) -> UUID:
    """Returns the new job's id. Busy: no number was free."""
    now = clock.now()
    row = {**values, "id": uuid4(), "created_at": now, "changed_at": now, "expires_at": now + OPEN_FOR}
    for candidate in _candidates(number):
        job_id: UUID | None = await connection.scalar(
            insert(job_table)
            .values(row | {"number": candidate})
            .on_conflict_do_nothing(index_elements=[job_table.c.number])
            .returning(job_table.c.id)
        )
        if job_id is not None:
            return job_id
    raise Busy


def _candidates(number: int | None) -> Iterator[int]:
    if number is not None:
        yield number
    for smallest, count, tries in _NUMBERS:
        for _ in range(tries):
            yield smallest + secrets.randbelow(count)
