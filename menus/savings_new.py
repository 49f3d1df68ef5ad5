"""A new savings goal: its name, its target, its date, and whether it is locked until then."""

from dataclasses import replace
from datetime import date

from core import clock
from core.i18n import _
from core.money import Money
from core.savings import goals, opening
from menus.engine import inputs
from menus.engine.dsl import Ask, Choice, Option, Outcome, ok, outcomes
from menus.engine.session import Step

NO_DATE = "1"


@outcomes("ok", calls=(opening.check_room,))
async def begin(step: Step) -> Outcome:
    await opening.check_room(step.runtime, step.session.registered)
    return ok()


@outcomes("ok", calls=(opening.read_name,))
async def name(step: Step) -> Outcome:
    return ok(goal=opening.read_name(step.text))


@outcomes("ok", calls=(inputs.amount, goals.check_amount))
async def set_target(step: Step) -> Outcome:
    target = inputs.amount(step)
    goals.check_amount(target, step.session.registered.currency)
    return ok(target=target, target_minor=target.minor)


@outcomes("ok", "undated", calls=(inputs.date, opening.check_due, opening.open_goal))
async def set_due(step: Step) -> Outcome:
    if step.text.strip() == NO_DATE:
        return replace(await _open(step, None, is_locked=False), code="undated")
    due = inputs.date(step)
    opening.check_due(due, step.runtime.settings.country)
    return ok(due=due.isoformat(), date=clock.day_text(due))


@outcomes("ok", calls=(opening.open_goal,))
async def open_unlocked(step: Step) -> Outcome:
    return await _open(step, date.fromisoformat(step.session.slots["due"]), is_locked=False)


@outcomes("ok", calls=(opening.open_goal,))
async def open_locked(step: Step) -> Outcome:
    return await _open(step, date.fromisoformat(step.session.slots["due"]), is_locked=True)


async def _open(step: Step, due: date | None, *, is_locked: bool) -> Outcome:
    session = step.session
    name, target = session.slots["goal"], Money(int(session.slots["target_minor"]), session.registered.currency)
    # No PIN is typed here, so the session's key stays the same for every goal that is opened in the session.
    key = f"{step.key}:goal:{name}:{target.minor}:{due}:{is_locked}"
    opened = await opening.open_goal(
        step.runtime, session.registered, name=name, target=target, due=due, is_locked=is_locked, key=key
    )
    return ok(goal=opened.name, goal_id=opened.id)


_OPENED = {
    "bad_text": "savings_name",
    "bad_amount": "savings_target",
    "bad_date": "savings_due",
    "day_out_of_range": "savings_due",
    "too_many_goals": "savings",
    "account_closed": "savings",
    "key_conflict": "savings_failed",
}

SCREENS = (
    Ask(
        "savings_name",
        _("What do you save for? Give it a short name, for example School fees."),
        do=name,
        goto={"ok": "savings_target", "bad_text": "savings_name"},
    ),
    Ask(
        "savings_target",
        _("How much do you need for {goal}?"),
        do=set_target,
        goto={"ok": "savings_due", "bad_amount": "savings_target"},
    ),
    Ask(
        "savings_due",
        _("When do you need it? Write day/month/year, or 1 for no date."),
        do=set_due,
        goto={"ok": "savings_lock", "undated": "savings_opened", **_OPENED},
    ),
    Choice(
        "savings_lock",
        _("Lock {goal} until {date}? Nothing can be taken out before then."),
        options=(
            Option("1", _("No, do not lock"), do=open_unlocked, goto={"ok": "savings_opened", **_OPENED}),
            Option("2", _("Yes, lock"), do=open_locked, goto={"ok": "savings_opened", **_OPENED}),
        ),
    ),
)
