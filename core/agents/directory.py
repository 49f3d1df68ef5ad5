"""Who is an agent, and what has gone over an agent's counter."""

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock, phones, reading
from core.agents import texts
from core.agents.refusals import NoAgentNear
from core.countries import COUNTRIES
from core.customers import profiles
from core.customers.profiles import Customer
from core.customers.refusals import UnknownRecipient
from core.errors import BadText, NotPermitted, UnknownAgent
from core.ledger.accounts import open_account
from core.ledger.chart import COMMISSION, FLOAT
from core.messaging import notices
from core.money import Money
from core.refusing import refuses
from core.runtime import Runtime
from core.tables.agents import agent as agent_table
from core.tables.customers import customer as customer_table
from core.tables.ledger import account, posting, transfer

# The ledger's kinds of transfer over an agent's counter.
CASH_IN, CASH_OUT = "cash_in", "cash_out"
MOST_NAME_CHARACTERS, MOST_PLACE_CHARACTERS = 40, 20
MOST_NEAR = 12
_LEAST_SEARCHED = 2
_WORDS = re.compile(r"[^\W_](?:[^\W_]|[ &'.-])*")
_NUMBER = re.compile(r"[0-9]{6}")


@dataclass(frozen=True, slots=True)
class Agent:
    """`number` has six digits, and customers type it. `name` is the shop's; `place` is as people there call it, or empty.

    `float_account` holds what she can sell as balance, `commission_account` what she has earned and not taken out.
    """

    customer: Customer
    number: str
    name: str
    place: str
    float_account: UUID
    commission_account: UUID


@dataclass(frozen=True, slots=True)
class Shop:
    """What the service tells anybody about an agent."""

    number: str
    name: str
    place: str


@dataclass(frozen=True, slots=True)
class CounterDay:
    """What has gone over an agent's counter on one calendar day."""

    top_ups: int
    topped_up: Money
    withdrawals: int
    withdrawn: Money
    commission: Money


@refuses(NotPermitted)
async def get_by_customer(runtime: Runtime, customer: Customer) -> Agent:
    """The agent that this customer is; NotPermitted where she is none."""
    async with runtime.database.autocommit() as connection:
        row = (await connection.execute(_FIND.where(agent_table.c.customer_id == customer.id))).one_or_none()
    if row is None:
        raise NotPermitted
    return Agent(customer, row.number, row.name, row.place, row.float_account, row.commission_account)


def read_number(text: str) -> str:
    """An agent's number as it was typed, without blanks and dashes."""
    return re.sub(r"[\s-]", "", text)


@refuses(UnknownAgent)
async def get_by_number(runtime: Runtime, number: str) -> Agent:
    """The agent with this number, which may be written with spaces."""
    digits = read_number(number)
    if not _NUMBER.fullmatch(digits):
        raise UnknownAgent
    async with runtime.database.autocommit() as connection:
        return await _get(connection, agent_table.c.number == digits)


@refuses(UnknownAgent)
async def get_by_id(connection: AsyncConnection, customer_id: UUID) -> Agent:
    """The agent with this customer's id, as the caller's transaction sees her."""
    return await _get(connection, agent_table.c.customer_id == customer_id)


async def get_on_record(connection: AsyncConnection, customer_id: UUID) -> Agent:
    """The agent with this customer's id, who may have closed her account: for a receipt of what was done when she had one."""
    row = (await connection.execute(_EVER.where(agent_table.c.customer_id == customer_id))).one()
    customer = await profiles.find_on_record(connection, customer_id)
    assert customer is not None, customer_id
    return Agent(customer, row.number, row.name, row.place, row.float_account, row.commission_account)


@refuses(NoAgentNear)
async def list_near(runtime: Runtime, place: str) -> list[Shop]:
    """Agents whose place or shop is spelt like `place`, nearest spelling first; 12 at most."""
    searched = reading.tidy(place).lower()
    if len(searched) < _LEAST_SEARCHED or not searched.isprintable():
        raise NoAgentNear
    place_column, name_column = func.lower(agent_table.c.place), func.lower(agent_table.c.name)
    begins = place_column.startswith(searched, autoescape=True)
    says_more = (place_column != "") & (func.strpos(searched, place_column) > 0)  # "Kibera, Nairobi"
    query = (
        select(agent_table.c.number, agent_table.c.name, agent_table.c.place)
        .join(customer_table, customer_table.c.id == agent_table.c.customer_id)
        .where(
            customer_table.c.status == "active",
            or_(place_column.contains(searched, autoescape=True), name_column.contains(searched, autoescape=True), says_more),
        )
        .order_by(begins.desc(), place_column, name_column, agent_table.c.number)
        .limit(MOST_NEAR)
    )
    async with runtime.database.autocommit() as connection:
        shops = [Shop(*row) for row in await connection.execute(query)]
    if not shops:
        raise NoAgentNear
    return shops


@refuses(UnknownRecipient, BadText)
async def add(runtime: Runtime, phone: str, name: str, place: str = "", number: str | None = None) -> Agent:
    """Makes a customer an agent, with a float and a commission account; an agent stays as she is.

    `phone` is E.164. Without `number` the service picks a free one. BadText: the name or the place. Raises ValueError where
    another agent has the number.
    """
    name, place = _tidy(name, MOST_NAME_CHARACTERS), _tidy(place, MOST_PLACE_CHARACTERS) if place.strip() else ""
    customer = await profiles.find(runtime, phone)
    if customer is None:
        raise UnknownRecipient(phone=phones.national(phone))
    async with runtime.database.transaction() as connection:
        # A second caller waits here, and then finds the agent that the first one made.
        if not await profiles.lock(connection, customer.id):
            raise UnknownRecipient(phone=phones.national(phone))  # she has closed her account meanwhile
        query = select(agent_table.c.customer_id).where(agent_table.c.customer_id == customer.id)
        if await connection.scalar(query) is None:
            number = await _insert(connection, customer, name, place, number)
            await _open_accounts(connection, customer)
            params: dict[str, Any] = {"name": name, "number": number}
            await notices.tell(runtime, connection, customer, texts.AGENT_ADDED, **params)
        return await get_by_id(connection, customer.id)


async def get_today(runtime: Runtime, agent: Agent) -> CounterDay:
    """The agent's day since midnight at home."""
    country, currency = runtime.settings.country, agent.customer.currency
    day = clock.today(country)
    midnight = datetime.combine(day, time.min, COUNTRIES[country].zone)
    async with runtime.database.autocommit() as connection:
        sums = {
            (row.account_id, row.kind): (int(row.count), Money(int(row.minor), currency))
            for account_id in (agent.float_account, agent.commission_account)
            for row in await connection.execute(_since(account_id, midnight))
        }
    nothing = (0, Money(0, currency))
    top_ups, topped_up = sums.get((agent.float_account, CASH_IN), nothing)
    withdrawals, withdrawn = sums.get((agent.float_account, CASH_OUT), nothing)
    commissions = [sums.get((agent.commission_account, kind), nothing)[1].minor for kind in (CASH_IN, CASH_OUT)]
    return CounterDay(top_ups, -topped_up, withdrawals, withdrawn, Money(sum(commissions), currency))


def _since(account_id: UUID, moment: datetime) -> Select[Any]:
    """How many postings the account has since `moment`, by kind, and their sum. Reads no posting before it but the last."""
    before = (
        select(posting.c.version)
        .where(posting.c.account_id == account_id, posting.c.created_at < moment)
        .order_by(posting.c.version.desc())
        .limit(1)
        .scalar_subquery()
    )
    return (
        select(posting.c.account_id, transfer.c.kind, func.count().label("count"), func.sum(posting.c.amount).label("minor"))
        .join(transfer, transfer.c.id == posting.c.transfer_id)
        .where(posting.c.account_id == account_id, posting.c.version > func.coalesce(before, 0))
        .group_by(posting.c.account_id, transfer.c.kind)
    )


async def _get(connection: AsyncConnection, condition: ColumnElement[bool]) -> Agent:
    row = (await connection.execute(_FIND.where(condition))).one_or_none()
    customer = None if row is None else await profiles.find_by_id(connection, row.customer_id)
    if row is None or customer is None:
        raise UnknownAgent
    return Agent(customer, row.number, row.name, row.place, row.float_account, row.commission_account)


async def _open_accounts(connection: AsyncConnection, customer: Customer) -> None:
    """Opens the agent's accounts, but for one that she has had since before agents had numbers."""
    query = select(account.c.kind).where(account.c.owner == customer.id, account.c.kind.in_([FLOAT, COMMISSION]))
    kinds = (await connection.scalars(query)).all()
    for kind in (FLOAT, COMMISSION):
        if kind not in kinds:
            await open_account(connection, owner=customer.id, kind=kind, currency=customer.currency)


async def _insert(connection: AsyncConnection, customer: Customer, name: str, place: str, number: str | None) -> str:
    """Writes the agent's row under the given number, or under one that no agent has, and answers with that number."""
    for candidate in _candidates() if number is None else [number]:
        row = {"customer_id": customer.id, "number": candidate, "name": name, "place": place, "created_at": clock.now()}
        statement = insert(agent_table).values(row).on_conflict_do_nothing(index_elements=[agent_table.c.number])
        if await connection.scalar(statement.returning(agent_table.c.number)) is not None:
            return candidate
    raise ValueError(f"the agent number {number} is taken" if number else "no agent number is free")


def _candidates() -> Iterator[str]:
    for _ in range(100):
        yield str(100_000 + secrets.randbelow(900_000))


def _tidy(text: str, most: int) -> str:
    """The name of a shop or a place, on one line."""
    name = reading.words(text, most)
    if not _WORDS.fullmatch(name):
        raise BadText
    return name


_float, _commission = account.alias("float"), account.alias("commission")
_EVER: Select[Any] = (
    select(
        agent_table.c.customer_id,
        agent_table.c.number,
        agent_table.c.name,
        agent_table.c.place,
        _float.c.id.label("float_account"),
        _commission.c.id.label("commission_account"),
    )
    .join(customer_table, customer_table.c.id == agent_table.c.customer_id)
    .join(_float, (_float.c.owner == agent_table.c.customer_id) & (_float.c.kind == FLOAT))
    .join(_commission, (_commission.c.owner == agent_table.c.customer_id) & (_commission.c.kind == COMMISSION))
)
_FIND: Select[Any] = _EVER.where(customer_table.c.status == "active")
