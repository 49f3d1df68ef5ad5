"""Savings goals: what a customer puts money aside for, each in a ledger account of its own with the goal's id.

How a goal begins and ends is in opening.py, what it does by itself in rules.py; sends add to it by core/sending/round_ups.py.
"""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock, ids
from core.credentials import pins
from core.customers import wallet
from core.customers.profiles import Customer
from core.errors import BadAmount, Busy, KeyConflict, NotPermitted
from core.ledger.refusals import AccountClosed, NotEnoughMoney, OverBalanceLimit
from core.ledger.transfer import Leg, Notice, PostingResult, Transfer
from core.messaging import notices
from core.money import Money
from core.refusing import refuses
from core.runtime import Runtime
from core.savings import texts
from core.savings.refusals import GoalLocked
from core.tables.customers import customer as customer_table
from core.tables.ledger import account as account_table
from core.tables.savings import goal as goal_table

KIND_SAVE, KIND_TAKE_OUT = "save", "take_out"
MOST_OPEN = 10
# The columns of a goal that no longer saves by itself.
NO_RULE = {"rule": None, "rule_amount": None, "rule_next": None, "rule_day": None}
# What a screen has room for.
_MOST_UNITS = 999_999_999


@dataclass(frozen=True, slots=True)
class Goal:
    """`id` is the ledger account's too. Nothing comes out of a locked goal before `due`.

    `rule` (weekly, monthly) puts `rule_amount` aside by itself, next on `rule_next`. `rounds_up`: sends are rounded up into it.
    """

    id: UUID
    name: str
    balance: Money
    target: Money
    due: date | None
    is_locked: bool
    is_open: bool = True
    rule: str | None = None
    rule_amount: Money | None = None
    rule_next: date | None = None
    rounds_up: bool = False

    @property
    def percent(self) -> int:
        """How much of the target is there: at most 100, and 100 only where it is reached."""
        return min(self.balance.minor * 100 // self.target.minor, 100)

    @refuses(GoalLocked)
    def check_lock(self, today: date) -> None:
        """GoalLocked before the day from which its money may come out."""
        if self.is_locked and self.due is not None and today < self.due:
            raise GoalLocked(date=clock.day_text(self.due))


@dataclass(frozen=True, slots=True)
class Receipt:
    """`goal` is as it was after the money moved, `balance` what the wallet could spend then."""

    reference: str
    goal: Goal
    amount: Money
    balance: Money


@refuses(BadAmount)
def check_amount(amount: Money, currency: str) -> None:
    """BadAmount for what a goal does not take: nothing, cents, another currency, or more than a screen can show.

    Whole units only, because a phone can only take whole ones out again.
    """
    if amount.currency != currency or not amount.is_whole or not 0 < amount.minor <= Money.of_units(_MOST_UNITS, currency).minor:
        raise BadAmount


@refuses(check_amount, NotEnoughMoney)
async def check_enough(runtime: Runtime, customer: Customer, amount: Money) -> None:
    """Before it is confirmed: may so much be saved? NotEnoughMoney by the balance of now."""
    check_amount(amount, customer.currency)
    if await wallet.get_balance(runtime, customer) < amount:
        raise NotEnoughMoney(needed=amount)


async def goals(runtime: Runtime, customer: Customer) -> list[Goal]:
    """Her open goals, oldest first: at most ten."""
    query = _GOALS.where(goal_table.c.customer_id == customer.id, goal_table.c.status == "open")
    async with runtime.database.autocommit() as connection:
        rows = await connection.execute(query.order_by(goal_table.c.created_at, goal_table.c.id).limit(MOST_OPEN))
        return [_goal(row) for row in rows]


@refuses(NotPermitted)
async def find(runtime: Runtime, customer: Customer, goal_id: UUID) -> Goal:
    """One of her goals, open or closed; NotPermitted where it is not hers, or there is none."""
    async with runtime.database.autocommit() as connection:
        return _hers(await load(connection, customer, goal_id))


@refuses(NotPermitted)
async def lock(connection: AsyncConnection, customer: Customer, goal_id: UUID) -> Goal:
    """The same, and nobody else changes it before the caller's transaction is over."""
    hers = select(goal_table.c.id).where(goal_table.c.id == goal_id, goal_table.c.customer_id == customer.id)
    await connection.execute(hers.with_for_update())
    return _hers(await load(connection, customer, goal_id))


async def load(connection: AsyncConnection, customer: Customer, goal_id: UUID) -> Goal | None:
    """The same, as the caller's transaction sees it; None where it is not hers."""
    query = _GOALS.where(goal_table.c.id == goal_id, goal_table.c.customer_id == customer.id)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _goal(row)


@refuses(find, check_amount, Goal.check_lock, NotEnoughMoney)
async def check_withdrawal(runtime: Runtime, customer: Customer, goal_id: UUID, amount: Money) -> None:
    """Before it is confirmed; NotEnoughMoney by what the goal has now."""
    goal = await find(runtime, customer, goal_id)
    check_amount(amount, customer.currency)
    goal.check_lock(clock.today(runtime.settings.country))
    if goal.balance < amount:
        raise NotEnoughMoney(needed=amount)


@refuses(find, check_amount, NotEnoughMoney, AccountClosed, KeyConflict, Busy)
async def save_confirmed(runtime: Runtime, customer: Customer, goal_id: UUID, amount: Money, key: str) -> Receipt:
    """Puts money from the wallet into a goal, for whoever has the customer's yes; once for each `key`, whose first receipt a
    repetition gets again."""
    goal = await find(runtime, customer, goal_id)
    check_amount(amount, customer.currency)
    answer = await runtime.poster.submit(saving(customer, goal, amount, kind=KIND_SAVE, key=key, text=texts.SAVED))
    return _receipt(answer, goal, amount, goal_leg=1)


@refuses(find, check_amount, pins.check, save_confirmed)
async def save(runtime: Runtime, customer: Customer, goal_id: UUID, amount: Money, *, pin: str, key: str) -> Receipt:
    """`save_confirmed`, by the customer's PIN."""
    await find(runtime, customer, goal_id)
    check_amount(amount, customer.currency)
    await pins.check(runtime, customer.id, pin)
    return await save_confirmed(runtime, customer, goal_id, amount, key)


@refuses(save, Goal.check_lock, OverBalanceLimit)
async def withdraw(runtime: Runtime, customer: Customer, goal_id: UUID, amount: Money, *, pin: str, key: str) -> Receipt:
    """Puts money from a goal back into the wallet; once for each goal and `key`, as `save` does."""
    goal = await find(runtime, customer, goal_id)
    check_amount(amount, customer.currency)
    goal.check_lock(clock.today(runtime.settings.country))
    await pins.check(runtime, customer.id, pin)
    transfer_id = ids.new_id()
    wish = Transfer(
        id=transfer_id,
        initiator=goal.id,
        key=key,
        kind=KIND_TAKE_OUT,
        legs=(Leg(goal.id, -amount.minor), Leg(customer.wallet, amount.minor)),
        # A goal has no limits of its own; this makes the ledger look at the wallet's.
        limited_minor=amount.minor,
        notices=(_notice(customer, goal, amount, transfer_id, texts.TAKEN_OUT, wallet_leg=1),),
    )
    return _receipt(await runtime.poster.submit(wish), goal, amount, goal_leg=0)


def saving(customer: Customer, goal: Goal, amount: Money, *, kind: str, key: str, text: str) -> Transfer:
    """The transfer from wallet to goal, with an SMS that says so in the words of `text`."""
    transfer_id = ids.new_id()
    return Transfer(
        id=transfer_id,
        initiator=customer.wallet,
        key=key,
        kind=kind,
        legs=(Leg(customer.wallet, -amount.minor), Leg(goal.id, amount.minor)),
        notices=(_notice(customer, goal, amount, transfer_id, text),),
    )


def _notice(customer: Customer, goal: Goal, amount: Money, transfer_id: UUID, text: str, *, wallet_leg: int = 0) -> Notice:
    said: dict[str, Any] = {"reference": ids.reference(transfer_id), "amount": amount, "goal": goal.name}
    return notices.write(customer, text, leg=wallet_leg, **said)


def _receipt(answer: PostingResult, goal: Goal, amount: Money, *, goal_leg: int) -> Receipt:
    if not answer.is_done:
        answer.raise_refusal(amount.currency, needed=amount)
    saved = Money(answer.available_minor[goal_leg], amount.currency)
    left = Money(answer.available_minor[1 - goal_leg], amount.currency)
    return Receipt(ids.reference(answer.transfer_id), replace(goal, balance=saved), amount, left)


def _hers(found: Goal | None) -> Goal:
    if found is None:
        raise NotPermitted
    return found


def _goal(row: Row[Any]) -> Goal:
    return Goal(
        id=row.id,
        name=row.name,
        balance=Money(row.balance, row.currency),
        target=Money(row.target, row.currency),
        due=row.due,
        is_locked=row.is_locked,
        is_open=row.status == "open",
        rule=row.rule,
        rule_amount=None if row.rule_amount is None else Money(row.rule_amount, row.currency),
        rule_next=row.rule_next,
        rounds_up=bool(row.rounds_up),
    )


_GOALS: Select[Any] = (
    select(goal_table, account_table.c.balance, (customer_table.c.round_up_goal == goal_table.c.id).label("rounds_up"))
    .join(account_table, account_table.c.id == goal_table.c.id)
    .join(customer_table, customer_table.c.id == goal_table.c.customer_id)
)
