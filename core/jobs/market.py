"""The market: what a job is, and how jobs are found. A job is offered in posts.py and applied for in applications.py."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock, reading
from core.customers import profiles
from core.customers.profiles import Customer
from core.errors import BadText
from core.i18n import LANGUAGES, _, translate
from core.jobs.refusals import UnknownJob
from core.jobs.reviews import rating_of
from core.ledger.refusals import AccountClosed
from core.money import Money
from core.refusing import refuses
from core.runtime import Runtime
from core.tables.customers import customer as customer_table
from core.tables.jobs import application
from core.tables.jobs import job as job_table

# Kinds of work, by the name that a job stores. Customers type their position: new ones go last.
CATEGORIES = {
    "house": _("House work"),
    "farm": _("Farm work"),
    "building": _("Building"),
    "transport": _("Transport"),
    "cooking": _("Cooking"),
    "selling": _("Selling"),
    "childcare": _("Child care"),
    "other": _("Other work"),
}
OPEN, HIRED, FINISHED, DISPUTED = "open", "hired", "finished", "disputed"
PAID, REFUNDED, CANCELLED, EXPIRED = "paid", "refunded", "cancelled", "expired"

# As many as a phone's list shows, "all places" included.
MOST_LISTED = 40
MOST_PLACE_CHARACTERS, MOST_TITLE_CHARACTERS = 20, 30
_LEAST_CHARACTERS = 2
_WORD = r"[^\W_]+(?:'[^\W_]+)*"
_PLACE = re.compile(rf"{_WORD}(?:[ .-]{{1,2}}{_WORD})*")
# No braces: what stands in braces in a notice is filled in later.
_TITLE = re.compile(r"[^\W_](?:[^\W_]|[ ,.'/&()+-])*")
_NUMBER = re.compile(r"#?([0-9]{4,6})")


@dataclass(frozen=True, slots=True)
class Side:
    """The employer or the worker. `phone` is E.164; `rating` is as in reviews.py."""

    id: UUID
    name: str
    phone: str
    rating: str


@dataclass(frozen=True, slots=True)
class Job:
    """`number` is what people say to one another, `category` one of CATEGORIES, `status` one of those above. `applicants` counts
    the applications that wait for an answer; `changed_at` is when the status began."""

    id: UUID
    number: int
    category: str
    place: str
    title: str
    pay: Money
    status: str
    employer: Side
    worker: Side | None
    applicants: int
    created_at: datetime
    expires_at: datetime
    changed_at: datetime


@refuses(BadText)
def read_place(text: str) -> str:
    """The name of a place, each word capitalised, 20 characters at most."""
    place = reading.words(text, MOST_PLACE_CHARACTERS)
    if len(place) < _LEAST_CHARACTERS or not _PLACE.fullmatch(place) or place.isdecimal():
        raise BadText
    return re.sub(_WORD, lambda word: word[0].capitalize(), place)


@refuses(BadText)
def read_title(text: str) -> str:
    """A job's title: what is to be done, in 30 characters at most."""
    title = reading.words(text, MOST_TITLE_CHARACTERS)
    if len(title) < _LEAST_CHARACTERS or not _TITLE.fullmatch(title) or title.isdecimal():
        raise BadText
    return title[0].upper() + title[1:]


async def list_places(runtime: Runtime, category: str) -> list[str]:
    """The places that offer work of this category now, the busiest first, 39 at most."""
    query = (
        select(job_table.c.place)
        .where(_is_offered(), job_table.c.category == category)
        .group_by(job_table.c.place)
        .order_by(func.count().desc(), job_table.c.place)
        .limit(MOST_LISTED - 1)
    )
    async with runtime.database.autocommit() as connection:
        return list(await connection.scalars(query))


async def list_offered(runtime: Runtime, category: str, place: str = "") -> list[Job]:
    """The offered jobs of a category, in one place or everywhere: the newest first, 40 at most."""
    condition = _is_offered() & (job_table.c.category == category)
    if place:
        condition &= job_table.c.place == place
    return await _list_newest(runtime, condition)


async def search(runtime: Runtime, word: str = "") -> list[Job]:
    """The offered jobs with the word in title, place or category, in any language: the newest first, 40 at most."""
    searched = " ".join(word.split())[:MOST_TITLE_CHARACTERS]
    kinds = [
        name
        for name, label in CATEGORIES.items()
        if any(searched.casefold() in translate(label, language).casefold() for language in LANGUAGES)
    ]
    has_word = or_(
        job_table.c.title.icontains(searched, autoescape=True),
        job_table.c.place.icontains(searched, autoescape=True),
        job_table.c.category.in_(kinds),
    )
    return await _list_newest(runtime, _is_offered() & has_word)


@refuses(UnknownJob)
async def get_by_number(runtime: Runtime, number: str) -> Job:
    """The job with this number of four to six digits, in any status."""
    match = _NUMBER.fullmatch(number.strip())
    if match is None:
        raise UnknownJob
    async with runtime.database.autocommit() as connection:
        return _require((await connection.execute(JOBS.where(job_table.c.number == int(match[1])))).one_or_none())


@refuses(UnknownJob)
async def get(runtime: Runtime, job_id: UUID) -> Job:
    async with runtime.database.autocommit() as connection:
        return await get_within(connection, job_id)


async def list_posted(runtime: Runtime, employer: Customer) -> list[Job]:
    """The employer's jobs: those under way before those that are over, the last changed first, 40 at most."""
    is_over = job_table.c.status.in_([PAID, REFUNDED, CANCELLED, EXPIRED])
    query = JOBS.where(job_table.c.employer_id == employer.id).order_by(is_over, *_LATEST).limit(MOST_LISTED)
    async with runtime.database.autocommit() as connection:
        return [read_job(row) for row in await connection.execute(query)]


async def list_disputed(runtime: Runtime, most: int = 100) -> list[Job]:
    """The jobs that wait for a decision of the staff, the longest waiting first."""
    query = JOBS.where(job_table.c.status == DISPUTED).order_by(job_table.c.changed_at, job_table.c.id).limit(most)
    async with runtime.database.autocommit() as connection:
        return [read_job(row) for row in await connection.execute(query)]


@refuses(UnknownJob)
async def get_within(connection: AsyncConnection, job_id: UUID) -> Job:
    """The job as the caller's transaction sees it."""
    return _require((await connection.execute(JOBS.where(job_table.c.id == job_id))).one_or_none())


@refuses(UnknownJob)
async def lock(connection: AsyncConnection, job_id: UUID) -> Row[Any]:
    """Locks the job's row until the caller's transaction ends, and returns it."""
    row: Row[Any] | None = (
        await connection.execute(select(job_table).where(job_table.c.id == job_id).with_for_update(key_share=True))
    ).one_or_none()
    if row is None:
        raise UnknownJob
    return row


@refuses(AccountClosed)
async def keep_open(connection: AsyncConnection, *customer_ids: UUID) -> None:
    """`profiles.keep_open` for one or more customers. AccountClosed: one of them has closed hers already."""
    for customer_id in sorted(customer_ids):
        if not await profiles.keep_open(connection, customer_id):
            raise AccountClosed


def is_offered(job: Job | Row[Any]) -> bool:
    """May people still apply and be hired? Not after `expires_at`, even where the background worker has not come to it."""
    return bool(job.status == OPEN and job.expires_at > clock.now())


def _is_offered() -> ColumnElement[bool]:
    return (job_table.c.status == OPEN) & (job_table.c.expires_at > clock.now())


async def _list_newest(runtime: Runtime, condition: ColumnElement[bool]) -> list[Job]:
    query = JOBS.where(condition).order_by(job_table.c.created_at.desc(), job_table.c.id).limit(MOST_LISTED)
    async with runtime.database.autocommit() as connection:
        return [read_job(row) for row in await connection.execute(query)]


def _require(row: Row[Any] | None) -> Job:
    if row is None:
        raise UnknownJob
    return read_job(row)


def read_job(row: Row[Any]) -> Job:
    """A row of JOBS."""
    worker = None if row.worker_id is None else Side(row.worker_id, row.worker_name, row.worker_phone, row.worker_rating)
    return Job(
        id=row.id,
        number=row.number,
        category=row.category,
        place=row.place,
        title=row.title,
        pay=Money(row.pay, row.currency),
        status=row.status,
        employer=Side(row.employer_id, row.employer_name, row.employer_phone, row.employer_rating),
        worker=worker,
        applicants=row.applicants,
        created_at=row.created_at,
        expires_at=row.expires_at,
        changed_at=row.changed_at,
    )


_LATEST = (job_table.c.changed_at.desc(), job_table.c.id)
_employer, _worker = customer_table.alias("employer"), customer_table.alias("worker")
_waiting = (
    select(func.count()).where(application.c.job_id == job_table.c.id, application.c.status == "waiting").correlate(job_table)
)
JOBS: Select[Any] = (
    select(
        job_table,
        _employer.c.name.label("employer_name"),
        _employer.c.phone.label("employer_phone"),
        rating_of(_employer.c.id).label("employer_rating"),
        _worker.c.name.label("worker_name"),
        _worker.c.phone.label("worker_phone"),
        rating_of(_worker.c.id).label("worker_rating"),
        _waiting.scalar_subquery().label("applicants"),
    )
    .join(_employer, _employer.c.id == job_table.c.employer_id)
    .outerjoin(_worker, _worker.c.id == job_table.c.worker_id)
)
