"""Opens and closes savings goals."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID, uuid5

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock, reading, septets
from core.customers import profiles
from core.customers.profiles import Customer
from core.errors import BadDate, BadText, DayOutOfRange, KeyConflict, check_same
from core.ledger import accounts, statement
from core.ledger.chart import GOAL
from core.ledger.refusals import AccountClosed, AccountNotEmpty
from core.money import Money
from core.operations.refusals import SavingsOff
from core.refusing import refuses, repeats
from core.runtime import Runtime
from core.savings import goals
from core.savings.goals import MOST_OPEN, Goal
from core.savings.refusals import TooManyGoals
from core.tables.savings import goal as goal_table

_MOST_YEARS = 10
_MOST_NAME_CHARACTERS = 20
# Every name has a letter: four digits alone may be a PIN that was typed at the wrong question.
_NAME = re.compile(rf"(?=.*[^\W\d_])[\w .,'&+/()!-]{{1,{_MOST_NAME_CHARACTERS}}}")


@refuses(BadText)
def read_name(text: str) -> str:
    """A goal's name, tidied: up to 20 plain characters, with a letter among them."""
    name = septets.plain(reading.words(text, _MOST_NAME_CHARACTERS))
    if not _NAME.fullmatch(name):
        raise BadText
    return name


@refuses(DayOutOfRange)
def check_due(due: date, country: str) -> None:
    """Checks that the day is after today and within ten years."""
    today = clock.today(country)
    if due <= today or (due.year - _MOST_YEARS, due.month, due.day) > (today.year, today.month, today.day):
        raise DayOutOfRange


@refuses(TooManyGoals)
async def check_room(runtime: Runtime, customer: Customer) -> None:
    """Checks that the customer has fewer open goals than fit."""
    if len(await goals.list_goals(runtime, customer)) >= MOST_OPEN:
        raise TooManyGoals


@refuses(KeyConflict, read_name)
async def _find_opened(
    runtime: Runtime, customer: Customer, name: str, target: Money, due: date | None, is_locked: bool, key: str
) -> Goal | None:
    """A goal that she has closed since is no answer to a repetition."""
    async with runtime.database.autocommit() as connection:
        earlier = await goals.find(connection, customer, _goal_id(customer, key))
    if earlier is None:
        return None
    check_same(earlier, target=target, due=due, is_locked=is_locked, is_open=True)
    if earlier.name not in _names(read_name(name)):
        raise KeyConflict
    return earlier


@repeats(_find_opened)
@refuses(SavingsOff, read_name, goals.check_amount, BadDate, check_due, TooManyGoals, AccountClosed, KeyConflict)
async def open_goal(
    runtime: Runtime, customer: Customer, *, name: str, target: Money, due: date | None = None, is_locked: bool = False, key: str
) -> Goal:
    """Opens a goal; once for each `key`. A name that another open goal has gets a number behind it.

    BadDate: a lock without a day.
    """
    name = read_name(name)
    goals.check_amount(target, customer.currency)
    if is_locked and due is None:
        raise BadDate
    goal = Goal(_goal_id(customer, key), name, Money(0, customer.currency), target, due, is_locked)
    async with runtime.database.transaction() as connection:
        # The customer's row is the lock: two goals opened at once could pass the limit together, or take the same name.
        if not await profiles.lock(connection, customer.id):
            raise AccountClosed
        if await goals.find(connection, customer, goal.id) is not None:
            raise KeyConflict  # or the same request, which has overtaken this one and is answered as a repetition
        if due is not None:
            check_due(due, runtime.settings.country)
        return await _open(connection, customer, goal)


@refuses(goals.lock, AccountNotEmpty)
async def close_goal(runtime: Runtime, customer: Customer, goal_id: UUID) -> None:
    """Closes an empty goal, and stops its rule and its round-ups. Closing it twice is harmless."""
    async with runtime.database.transaction() as connection:
        goal = await goals.lock(connection, customer, goal_id)
        if not goal.is_open:
            return
        if not await accounts.close_empty(connection, goal.id):
            raise AccountNotEmpty(balance=await statement.get_available(connection, goal.id))
        await connection.execute(update(goal_table).where(goal_table.c.id == goal.id).values(status="closed", **goals.NO_RULE))
        await profiles.set_round_up_goal(connection, customer.id, None, instead_of=goal.id)


def _goal_id(customer: Customer, key: str) -> UUID:
    return uuid5(customer.id, key)


async def _open(connection: AsyncConnection, customer: Customer, goal: Goal) -> Goal:
    query = select(goal_table.c.name).where(goal_table.c.customer_id == customer.id, goal_table.c.status == "open")
    taken = {name.casefold() for name in await connection.scalars(query)}
    if len(taken) >= MOST_OPEN:
        raise TooManyGoals
    opened = replace(goal, name=next(name for name in _names(goal.name) if name.casefold() not in taken))
    currency = opened.target.currency
    await accounts.open_account(connection, owner=customer.id, kind=GOAL, currency=currency, account_id=opened.id)
    await connection.execute(
        insert(goal_table).values(
            id=opened.id,
            customer_id=customer.id,
            name=opened.name,
            currency=currency,
            target=opened.target.minor,
            due=opened.due,
            is_locked=opened.is_locked,
            created_at=clock.now(),
        )
    )
    return opened


def _names(name: str) -> Sequence[str]:
    """The names that a goal may get for this one: `School`, `School 2`, `School 3` ..."""
    numbers = [f" {number}" for number in range(2, MOST_OPEN + 1)]
    return [name, *(name[: _MOST_NAME_CHARACTERS - len(number)].rstrip() + number for number in numbers)]
