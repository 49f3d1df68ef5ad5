"""Savings goals: money that a customer puts aside for something. Each goal has a ledger account of its own, with the goal's id.

opening.py opens and closes goals, rules.py saves by itself, and core/sending/round_ups.py adds to a goal with each send.
"""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock, ids
from core.credentials import pins
from core.customers import profiles, wallet
from core.customers.profiles import Customer
from core.errors import BadAmount, Busy, KeyConflict, NotPermitted
from core.ledger import answers
from core.ledger.refusals import AccountClosed, NotEnoughMoney, OverBalanceLimit
from core.ledger.transfer import Leg, Notice, PostingResult, Transfer
from core.messaging import notices
from core.money import Money
from core.operations.refusals import SavingsOff
from core.refusing import refuses, repeats
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
# A screen has room for no more.
_MOST_UNITS = 999_999_999


@dataclass(frozen=True, slots=True)
class Goal:
    """`id` is the ledger account's too. Nothing comes out of a locked goal before `due`.

    `rule` is `weekly` or `monthly` where the goal saves `rule_amount` by itself, next on `rule_next`. `rounds_up`: the customer's
    sends are rounded up into it.
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
        """How much of the target is saved: 100 at most, and 100 only where the goal has reached it."""
        return min(self.balance.minor * 100 // self.target.minor, 100)

    @refuses(GoalLocked)
    def check_lock(self, today: date) -> None:
        """Checks that the goal's money may come out today."""
        if self.is_locked and self.due is not None and today < self.due:
            raise GoalLocked(date=clock.day_text(self.due))


@dataclass(frozen=True, slots=True)
class GoalReceipt:
    """`goal` is the goal after the money has moved. `balance` is the wallet's, afterwards."""

    reference: str
    goal: Goal
    amount: Money
    balance: Money


@refuses(BadAmount)
def check_amount(amount: Money, currency: str) -> None:
    """BadAmount for an amount that a goal does not take: nothing, cents, another currency, or more than a screen can show.

    A goal holds whole units, because a phone can only take whole units out again.
    """
    if amount.currency != currency or not amount.is_whole or not 0 < amount.minor <= Money.of_units(_MOST_UNITS, currency).minor:
        raise BadAmount


@refuses(SavingsOff, check_amount, NotEnoughMoney)
async def check_enough(runtime: Runtime, customer: Customer, amount: Money) -> None:
    """Checks that the wallet has the amount now, before the customer confirms that she saves it."""
    check_amount(amount, customer.currency)
    if await wallet.get_balance(runtime, customer) < amount:
        raise NotEnoughMoney(needed=amount)


async def list_goals(runtime: Runtime, customer: Customer) -> list[Goal]:
    """The customer's open goals, oldest first; ten at most."""
    query = _GOALS.where(goal_table.c.customer_id == customer.id, goal_table.c.status == "open")
    async with runtime.database.autocommit() as connection:
        rows = await connection.execute(query.order_by(goal_table.c.created_at, goal_table.c.id).limit(MOST_OPEN))
        return [_goal(row) for row in rows]


@refuses(NotPermitted)
async def get(runtime: Runtime, customer: Customer, goal_id: UUID) -> Goal:
    """One of the customer's goals, open or closed. NotPermitted: it is somebody else's, or there is none."""
    async with runtime.database.autocommit() as connection:
        return _existing(await find(connection, customer, goal_id))


@refuses(NotPermitted)
async def lock(connection: AsyncConnection, customer: Customer, goal_id: UUID) -> Goal:
    """One of the customer's goals, locked until the caller's transaction ends. Refuses as `get` does.

    Her own row is locked before it, as everywhere: closing her account does the same.
    """
    await profiles.lock(connection, customer.id)
    row = select(goal_table.c.id).where(goal_table.c.id == goal_id, goal_table.c.customer_id == customer.id)
    await connection.execute(row.with_for_update())
    return _existing(await find(connection, customer, goal_id))


async def find(connection: AsyncConnection, customer: Customer, goal_id: UUID) -> Goal | None:
    """One of the customer's goals, as the caller's transaction sees it; None where it is somebody else's, or there is none."""
    query = _GOALS.where(goal_table.c.id == goal_id, goal_table.c.customer_id == customer.id)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _goal(row)


@refuses(SavingsOff, get, check_amount, Goal.check_lock, NotEnoughMoney)
async def check_withdrawal(runtime: Runtime, customer: Customer, goal_id: UUID, amount: Money) -> None:
    """Checks that the goal has the amount now, before the customer confirms that she takes it out."""
    goal = await get(runtime, customer, goal_id)
    check_amount(amount, customer.currency)
    goal.check_lock(clock.today(runtime.settings.country))
    if goal.balance < amount:
        raise NotEnoughMoney(needed=amount)


@refuses(KeyConflict)
async def find_saved(runtime: Runtime, customer: Customer, goal_id: UUID, amount: Money, key: str) -> GoalReceipt | None:
    """The receipt of what was saved under this key, as it was then. KeyConflict: the key was for another request."""
    return await _find_receipt(runtime, customer, goal_id, amount, customer.wallet, key, KIND_SAVE)


@refuses(KeyConflict)
async def _find_taken(runtime: Runtime, customer: Customer, goal_id: UUID, amount: Money, key: str) -> GoalReceipt | None:
    return await _find_receipt(runtime, customer, goal_id, amount, goal_id, key, KIND_TAKE_OUT)


async def _find_receipt(
    runtime: Runtime, customer: Customer, goal_id: UUID, amount: Money, initiator: UUID, key: str, kind: str
) -> GoalReceipt | None:
    async with runtime.database.autocommit() as connection:
        first = await answers.find(connection, initiator, key, kind)
        goal = None if first is None else await find(connection, customer, goal_id)
    if first is None or goal is None:
        return None
    moved = first.moved(goal_id)
    if (moved if kind == KIND_SAVE else -moved) != amount:
        raise KeyConflict
    goal_leg = 1 if kind == KIND_SAVE else 0
    then = replace(goal, balance=first.balance(goal_leg), is_open=True)
    return GoalReceipt(first.reference, then, amount, first.balance(1 - goal_leg))


@repeats(find_saved)
@refuses(SavingsOff, get, check_amount, NotEnoughMoney, AccountClosed, KeyConflict, Busy)
async def save_confirmed(runtime: Runtime, customer: Customer, goal_id: UUID, amount: Money, key: str) -> GoalReceipt:
    """Moves money from the wallet into a goal without a PIN: the caller has the customer's confirmation. Otherwise as `save`."""
    return await _save(runtime, customer, await get(runtime, customer, goal_id), amount, key)


async def _save(runtime: Runtime, customer: Customer, goal: Goal, amount: Money, key: str) -> GoalReceipt:
    check_amount(amount, customer.currency)
    answer = await runtime.poster.submit(build_saving(customer, goal, amount, kind=KIND_SAVE, key=key, text=texts.SAVED))
    return _receipt(answer, goal, amount, goal_leg=1)


@repeats(find_saved)
@refuses(SavingsOff, get, check_amount, pins.check, save_confirmed)
async def save(runtime: Runtime, customer: Customer, goal_id: UUID, amount: Money, *, pin: str, key: str) -> GoalReceipt:
    """Moves money from the wallet into a goal; once for each `key`. A repetition gets the first receipt again."""
    goal = await get(runtime, customer, goal_id)
    check_amount(amount, customer.currency)
    await pins.check(runtime, customer.id, pin)
    return await _save(runtime, customer, goal, amount, key)


@repeats(_find_taken)
@refuses(SavingsOff, save, Goal.check_lock, OverBalanceLimit)
async def withdraw(runtime: Runtime, customer: Customer, goal_id: UUID, amount: Money, *, pin: str, key: str) -> GoalReceipt:
    """Moves money from a goal back into the wallet; once for each goal and `key`. A repetition gets the first receipt again."""
    goal = await get(runtime, customer, goal_id)
    check_amount(amount, customer.currency)
    goal.check_lock(clock.today(runtime.settings.country))
    await pins.check(runtime, customer.id, pin)
    transfer_id = ids.new_id()
    transfer = Transfer(
        id=transfer_id,
        initiator=goal.id,
        key=key,
        kind=KIND_TAKE_OUT,
        legs=(Leg(goal.id, -amount.minor), Leg(customer.wallet, amount.minor)),
        # A goal has no limits of its own: this makes the ledger check the wallet's.
        limited_minor=amount.minor,
        notices=(_notice(customer, goal, amount, transfer_id, texts.TAKEN_OUT, wallet_leg=1),),
    )
    return _receipt(await runtime.poster.submit(transfer), goal, amount, goal_leg=0)


def build_saving(customer: Customer, goal: Goal, amount: Money, *, kind: str, key: str, text: str) -> Transfer:
    """The transfer from wallet to goal, with an SMS in the words of `text`."""
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
    params: dict[str, Any] = {"reference": ids.reference(transfer_id), "amount": amount, "goal": goal.name}
    return notices.write(customer, text, leg=wallet_leg, **params)


def _receipt(answer: PostingResult, goal: Goal, amount: Money, *, goal_leg: int) -> GoalReceipt:
    if not answer.is_done:
        answer.raise_refusal(amount.currency, needed=amount)
    goal_balance = Money(answer.available_minor[goal_leg], amount.currency)
    wallet_balance = Money(answer.available_minor[1 - goal_leg], amount.currency)
    return GoalReceipt(ids.reference(answer.transfer_id), replace(goal, balance=goal_balance), amount, wallet_balance)


def _existing(goal: Goal | None) -> Goal:
    if goal is None:
        raise NotPermitted
    return goal


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
