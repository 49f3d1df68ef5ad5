"""Claims: what a customer asks of her cover. Staff decide them in decisions.py."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock, reading, septets
from core.customers import profiles
from core.customers.profiles import Customer
from core.errors import BadText, DayOutOfRange, KeyConflict, NotPermitted, RequestWaits, check_same
from core.i18n import translate
from core.insurance import texts
from core.insurance.policies import Policy, read_policy
from core.insurance.products import NAMES
from core.insurance.refusals import NotCovered
from core.messaging import notices
from core.money import Money
from core.operations.refusals import ClaimsOff
from core.refusing import refuses, repeats
from core.runtime import Runtime
from core.tables.insurance import claim as claim_table
from core.tables.insurance import policy as policy_table

# Staff cannot look into what happened longer ago.
MOST_DAYS_AGO = 90
MOST_TEXT_CHARACTERS = 60
MOST_LISTED = 20
WAITING, PAID, DECLINED = "waiting", "paid", "declined"
_LEAST_NUMBER, _NUMBERS = 100_000, 900_000


@dataclass(frozen=True, slots=True)
class Claim:
    """`number` is what people say; `cover` is the most that may be paid, `paid` what was paid, `decision` why nothing was."""

    id: UUID
    number: int
    product: str
    reason: str
    happened: date
    status: str
    cover: Money
    paid: Money | None
    decision: str | None
    created_at: datetime

    @property
    def name(self) -> str:
        """What customers call the product: a message id."""
        return NAMES[self.product]


@refuses(BadText)
def read_text(text: str) -> str:
    """A few plain words with a letter in them, tidied and in the phone's alphabet: 60 septets at most."""
    words = septets.plain(reading.words(text, MOST_TEXT_CHARACTERS))
    if not any(character.isalpha() for character in words):
        raise BadText
    return words


async def list_claimable(runtime: Runtime, customer: Customer) -> list[Policy]:
    """Her covers that may be claimed of: the last one of each product, those too that ended in the last 90 days."""
    oldest = _today(runtime) - timedelta(days=MOST_DAYS_AGO)
    query = (
        select(policy_table)
        .where(policy_table.c.customer_id == customer.id, policy_table.c.ends > oldest)
        .order_by(policy_table.c.starts)
    )
    async with runtime.database.autocommit() as connection:
        return list({row.product: read_policy(row) for row in await connection.execute(query)}.values())


@refuses(KeyConflict, read_text)
async def _find_submitted(
    runtime: Runtime, customer: Customer, policy_id: UUID, reason: str, happened: date, key: str
) -> Claim | None:
    runs = _runs(customer, policy_id).with_only_columns(policy_table.c.id)
    async with runtime.database.autocommit() as connection:
        row = (await connection.execute(CLAIMS.where(policy_table.c.id.in_(runs), claim_table.c.key == key))).one_or_none()
    if row is None:
        return None
    check_same(row, happened=happened, reason=read_text(reason))
    return read_claim(row)


@repeats(_find_submitted)
@refuses(ClaimsOff, read_text, DayOutOfRange, NotPermitted, KeyConflict, NotCovered, RequestWaits)
async def submit(runtime: Runtime, customer: Customer, policy_id: UUID, reason: str, happened: date, key: str) -> Claim:
    """Claims for what happened on a day, once for each `key`: a repetition gets the first claim.

    `policy_id` names any run of days of the product: the run that covers the day is found here. DayOutOfRange: in the future, or
    more than 90 days ago. NotPermitted: not hers, or her account is closed. RequestWaits: another claim of this cover waits.
    """
    reason, today = read_text(reason), _today(runtime)
    if not today - timedelta(days=MOST_DAYS_AGO) <= happened <= today:
        raise DayOutOfRange
    async with runtime.database.transaction() as connection:
        # Nothing can be paid into a closed account.
        if not await profiles.keep_open(connection, customer.id):
            raise NotPermitted
        runs = await _lock_runs(connection, customer, policy_id)
        earlier = await _of_runs(connection, runs)
        if any(row.key == key for row in earlier):
            raise KeyConflict  # or the same request, which has overtaken this one and is answered as a repetition
        covered = [run for run in runs if run.waits_until <= happened < run.ends]
        if not covered:
            raise NotCovered
        if any(row.status == WAITING for row in earlier):
            raise RequestWaits
        number = await _insert(connection, covered[0].id, key=key, reason=reason, happened=happened)
        claim = read_claim((await connection.execute(CLAIMS.where(claim_table.c.number == number))).one())
        await notices.tell(
            runtime, connection, customer, texts.CLAIM_MADE, number=number, product=translate(claim.name, customer.language)
        )
    return claim


async def list_claims(runtime: Runtime, customer: Customer) -> list[Claim]:
    """Her claims, the newest first, 20 at most."""
    query = (
        CLAIMS.where(policy_table.c.customer_id == customer.id)
        .order_by(claim_table.c.created_at.desc(), claim_table.c.id)
        .limit(MOST_LISTED)
    )
    async with runtime.database.autocommit() as connection:
        return [read_claim(row) for row in await connection.execute(query)]


def _today(runtime: Runtime) -> date:
    return clock.today(runtime.settings.country)


async def _lock_runs(connection: AsyncConnection, customer: Customer, policy_id: UUID) -> Sequence[Row[Any]]:
    """Locks all her runs of days of the policy's product, so that claims of one cover run one after the other."""
    query = _runs(customer, policy_id).order_by(policy_table.c.id).with_for_update()
    runs: Sequence[Row[Any]] = (await connection.execute(query)).all()
    if not runs:
        raise NotPermitted
    return runs


def _runs(customer: Customer, policy_id: UUID) -> Select[Any]:
    is_own = policy_table.c.customer_id == customer.id
    product = select(policy_table.c.product).where(is_own, policy_table.c.id == policy_id).scalar_subquery()
    return select(policy_table).where(is_own, policy_table.c.product == product)


async def _of_runs(connection: AsyncConnection, runs: Sequence[Row[Any]]) -> Sequence[Row[Any]]:
    rows: Sequence[Row[Any]] = (await connection.execute(CLAIMS.where(policy_table.c.id.in_([run.id for run in runs])))).all()
    return rows


async def _insert(connection: AsyncConnection, policy_id: UUID, **values: object) -> int:
    """Writes a claim under a random number that no other claim has, and returns the number."""
    while True:
        number = _LEAST_NUMBER + secrets.randbelow(_NUMBERS)
        new_claim = (
            insert(claim_table)
            .values(id=uuid4(), policy_id=policy_id, number=number, created_at=clock.now(), **values)
            .on_conflict_do_nothing(index_elements=[claim_table.c.number])
            .returning(claim_table.c.id)
        )
        if (await connection.execute(new_claim)).one_or_none() is not None:
            return number


def read_claim(row: Row[Any]) -> Claim:
    """A row of CLAIMS."""
    paid = None if row.paid is None else Money(row.paid, row.currency)
    return Claim(
        row.id,
        row.number,
        row.product,
        row.reason,
        row.happened,
        row.status,
        Money(row.cover, row.currency),
        paid,
        row.decision,
        row.created_at,
    )


CLAIMS: Select[Any] = select(
    claim_table, policy_table.c.customer_id, policy_table.c.product, policy_table.c.cover, policy_table.c.currency
).join(policy_table, policy_table.c.id == claim_table.c.policy_id)
