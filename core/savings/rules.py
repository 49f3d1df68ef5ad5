"""Rules by which goals save every week or month, and reminders of the day that a goal is for: duties of the worker.

The worker moves money and writes to people in the daytime only. After an outage a goal saves once, not for every week that it has
missed: our outage must not empty a wallet.
"""

from calendar import monthrange
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Literal
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, Row, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core import chores, clock
from core.chores import Due
from core.countries import COUNTRIES
from core.credentials import pins
from core.customers import profiles
from core.customers.profiles import Customer
from core.ledger.post import post
from core.ledger.refusals import AccountClosed
from core.messaging import kinds, notices
from core.money import Money
from core.operations.refusals import SavingsOff
from core.refusing import refuses
from core.runtime import Runtime
from core.savings import goals, texts
from core.tables.chores import chore
from core.tables.ledger import account
from core.tables.savings import goal as goal_table

Rule = Literal["weekly", "monthly"]

KIND = "save_by_rule"
_SAVED, _SOON, _DUE = "saving", "goal soon", "goal day"
_DAYTIME = range(8, 20)
_REMIND_BEFORE = timedelta(days=7)
# After an outage the worker sends no reminder of a day that is longer past than this.
_REMIND_UNTIL = timedelta(days=7)

log = structlog.get_logger()


@refuses(SavingsOff, goals.check_amount, pins.check, goals.lock, AccountClosed)
async def set_rule(runtime: Runtime, customer: Customer, goal_id: UUID, rule: Rule, amount: Money, *, pin: str) -> None:
    """Lets the goal save `amount` by itself, the first time in a week or a month.

    It takes the PIN because it will move money.
    """
    goals.check_amount(amount, customer.currency)
    await pins.check(runtime, customer.id, pin)
    today = clock.today(runtime.settings.country)
    day = today.day if rule == "monthly" else None
    values = {"rule": rule, "rule_amount": amount.minor, "rule_next": next_saving_day(today, today, day), "rule_day": day}
    await _write_rule(runtime, customer, goal_id, values)


@refuses(goals.lock, AccountClosed)
async def stop_rule(runtime: Runtime, customer: Customer, goal_id: UUID) -> None:
    """Stops the goal's rule."""
    await _write_rule(runtime, customer, goal_id, goals.NO_RULE)


@refuses(SavingsOff, goals.lock, AccountClosed)
async def round_up_into(runtime: Runtime, customer: Customer, goal_id: UUID) -> None:
    """Lets the customer's sends be rounded up into this goal, and into no other."""
    async with runtime.database.transaction() as connection:
        if not (await goals.lock(connection, customer, goal_id)).is_open:
            raise AccountClosed
        await profiles.set_round_up_goal(connection, customer.id, goal_id)


async def stop_rounding_up(runtime: Runtime, customer: Customer) -> None:
    """Stops rounding up the customer's sends."""
    async with runtime.database.transaction() as connection:
        await profiles.set_round_up_goal(connection, customer.id, None)


def next_saving_day(last: date, today: date, day_of_month: int | None) -> date:
    """The first day after today on which a rule saves that has saved on `last`.

    Without `day_of_month` it is a weekly rule. A month that is too short for `day_of_month` has its last day instead.
    """
    if day_of_month is None:
        return last + timedelta(days=7 * ((today - last).days // 7 + 1))
    this_month = _in_month(today.year, today.month, day_of_month)
    if this_month > max(today, last):
        return this_month
    year, month = (today.year + 1, 1) if today.month == 12 else (today.year, today.month + 1)
    return _in_month(year, month, day_of_month)


async def save(runtime: Runtime) -> int:
    """Saves by the rules that are due, once for each goal and period; answers with how many."""
    today = _today_if_daytime(runtime)
    if today is None:
        return 0
    is_due = (goal_table.c.status == "open", goal_table.c.rule_next <= today)

    async def save_one(connection: AsyncConnection, row: Row[Any]) -> bool:
        # A round with many goals lasts: the rest of it waits where savings go off amid it.
        await runtime.switches.look()
        if runtime.switches.is_off(SavingsOff.switch):
            return False
        next_day = next_saving_day(row.rule_next, today, row.rule_day)
        await connection.execute(update(goal_table).where(goal_table.c.id == row.id).values(rule_next=next_day))
        if await chores.mark_done(connection, row.id, _SAVED, row.rule_next.isoformat()):
            await _save(runtime, connection, row, next_day)
        return True

    due = Due(select(goal_table).where(*is_due), goal_table.c.id, (goal_table.c.rule_next,))
    return await chores.work_through(runtime.database, "savings: save", due, save_one)


async def remind(runtime: Runtime) -> int:
    """Reminds customers of goals that are due soon and short of their target, and of goals that are due; once of each.

    Answers with how many.
    """
    today = _today_if_daytime(runtime)
    if today is None:
        return 0
    count = 0
    for kind, is_due in (
        (_SOON, _is_soon(today)),
        (_DUE, goal_table.c.due.between(today - _REMIND_UNTIL, today)),
    ):
        count += await _remind(runtime, kind, is_due)
    return count


async def _write_rule(runtime: Runtime, customer: Customer, goal_id: UUID, values: Mapping[str, object]) -> None:
    async with runtime.database.transaction() as connection:
        goal = await goals.lock(connection, customer, goal_id)
        if not goal.is_open:
            raise AccountClosed
        await connection.execute(update(goal_table).where(goal_table.c.id == goal_id).values(**values))


async def _save(runtime: Runtime, connection: AsyncConnection, row: Row[Any], next_day: date) -> None:
    """Posts the saving, or tells the owner that her balance was too low. She owes nothing then."""
    owner = await profiles.find_by_id(connection, row.customer_id)
    if owner is None:
        return
    goal = await goals.find(connection, owner, row.id)
    assert goal is not None, row.id
    amount = Money(row.rule_amount, row.currency)
    key = f"rule:{row.id}:{row.rule_next.isoformat()}"
    transfer = goals.build_saving(owner, goal, amount, kind=KIND, key=key, text=texts.SAVED_BY_RULE)
    [answer] = await post(connection, [transfer], runtime.settings.country)
    if answer.outcome == "not_enough":
        date_text = clock.day_text(next_day)
        await notices.tell(runtime, connection, owner, texts.RULE_SHORT, amount=amount, goal=goal.name, date=date_text)
    elif not answer.is_done:
        log.warning("a goal could not save by itself", goal=str(row.id), outcome=answer.outcome)


async def _remind(runtime: Runtime, kind: str, is_due: ColumnElement[bool]) -> int:
    period = func.to_char(goal_table.c.due, "YYYY-MM-DD")
    is_reminded = exists().where(chore.c.subject == goal_table.c.id, chore.c.kind == kind, chore.c.period == period)
    query = (
        select(goal_table, account.c.balance)
        .join(account, account.c.id == goal_table.c.id)
        .where(goal_table.c.status == "open", is_due, ~is_reminded)
    )

    async def remind_one(connection: AsyncConnection, row: Row[Any]) -> bool:
        if not await chores.mark_done(connection, row.id, kind, row.due.isoformat()):
            return False
        owner = await profiles.find_by_id(connection, row.customer_id)
        if owner is not None:
            await notices.tell(runtime, connection, owner, _reminder(kind, row), kind=kinds.REMINDER, **_sms_params(row))
        return True

    due = Due(query, goal_table.c.id, (goal_table.c.due,))
    return await chores.work_through(runtime.database, "savings: remind", due, remind_one)


def _is_soon(today: date) -> ColumnElement[bool]:
    """Due within a week, short of its target, and opened before that week: she who has just chosen the day needs no reminder."""
    days = _REMIND_BEFORE.days
    return (
        goal_table.c.due.between(today + timedelta(days=1), today + _REMIND_BEFORE)
        & (account.c.balance < goal_table.c.target)
        & (goal_table.c.created_at < goal_table.c.due - days)
    )


def _reminder(kind: str, row: Row[Any]) -> str:
    if kind == _SOON:
        return texts.GOAL_SOON
    return texts.GOAL_REACHED if row.balance >= row.target else texts.GOAL_SHORT


def _sms_params(row: Row[Any]) -> dict[str, Any]:
    return {
        "goal": row.name,
        "date": clock.day_text(row.due),
        "amount": Money(row.balance, row.currency),
        "target": Money(row.target, row.currency),
    }


def _in_month(year: int, month: int, day: int) -> date:
    return date(year, month, min(day, monthrange(year, month)[1]))


def _today_if_daytime(runtime: Runtime) -> date | None:
    country, now = runtime.settings.country, clock.now()
    is_daytime = now.astimezone(COUNTRIES[country].zone).hour in _DAYTIME
    return clock.day(now, country) if is_daytime else None
