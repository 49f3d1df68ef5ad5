"""One savings goal: its progress, its rule and its round-ups."""

from dataclasses import replace
from typing import get_args
from uuid import UUID

from core import clock
from core.i18n import _, translate
from core.money import Money
from core.savings import goals, opening, rules
from core.savings.goals import Goal
from core.savings.rules import Rule
from core.sending import round_ups
from menus.engine import inputs
from menus.engine.dsl import Ask, Choice, Option, Outcome, again, ok, outcomes
from menus.engine.session import Step

# How the goal's screen words each rule, and how the question to its owner words it.
_PERIODS = {"weekly": _("every week"), "monthly": _("every month")}
_FIRST_PERIODS = {"weekly": _("every week, from next week"), "monthly": _("every month, from next month")}


@outcomes("ok", calls=(goals.get,))
async def show(step: Step) -> Outcome:
    return _shown(step, await goals.get(step.runtime, step.session.registered, UUID(step.picked)))


@outcomes("ok")
async def choose_rule(step: Step) -> Outcome:
    rule = get_args(Rule)[int(step.text) - 1]
    return ok(rule=rule, period=translate(_FIRST_PERIODS[rule], step.session.language))


@outcomes("ok", calls=(inputs.amount, goals.check_amount))
async def set_rule_amount(step: Step) -> Outcome:
    amount = inputs.amount(step)
    goals.check_amount(amount, step.session.registered.currency)
    return ok(amount=amount, amount_minor=amount.minor)


@outcomes("ok", calls=(rules.set_rule, goals.get))
async def start_rule(step: Step) -> Outcome:
    slots, customer = step.session.slots, step.session.registered
    rule: Rule = "weekly" if slots["rule"] == "weekly" else "monthly"
    amount = Money(int(slots["amount_minor"]), customer.currency)
    await rules.set_rule(step.runtime, customer, _goal_id(step), rule, amount, pin=step.text)
    return await _again(step)


@outcomes("ok", calls=(rules.stop_rule, goals.get))
async def stop_rule(step: Step) -> Outcome:
    await rules.stop_rule(step.runtime, step.session.registered, _goal_id(step))
    return await _again(step)


@outcomes("ok", calls=(rules.round_up_into, goals.get))
async def round_up(step: Step) -> Outcome:
    session, goal_id = step.session, _goal_id(step)
    await rules.round_up_into(step.runtime, session.registered, goal_id)
    session.customer = replace(session.registered, round_up_goal=goal_id)
    return await _again(step)


@outcomes("ok", calls=(goals.get,))
async def round_up_no_more(step: Step) -> Outcome:
    session = step.session
    goal = await goals.get(step.runtime, session.registered, _goal_id(step))
    if goal.rounds_up:
        await rules.stop_rounding_up(step.runtime, session.registered)
        session.customer = replace(session.registered, round_up_goal=None)
    return await _again(step)


@outcomes("ok", calls=(opening.close_goal,))
async def close(step: Step) -> Outcome:
    await opening.close_goal(step.runtime, step.session.registered, _goal_id(step))
    if step.session.registered.round_up_goal == _goal_id(step):
        step.session.customer = replace(step.session.registered, round_up_goal=None)
    return ok()


async def _again(step: Step) -> Outcome:
    """The goal after a change: Back leads to its screen."""
    return _shown(step, await goals.get(step.runtime, step.session.registered, _goal_id(step)))


def _shown(step: Step, goal: Goal) -> Outcome:
    return ok(
        goal_id=goal.id,
        goal=goal.name,
        balance=goal.balance,
        target=goal.target,
        percent=goal.percent,
        unit=round_ups.unit(goal.target.currency),
        lines="\n".join(_facts(goal, step.session.language)),
    )


def _facts(goal: Goal, language: str) -> list[str]:
    facts = [translate(_("No date."), language)]
    if goal.due is not None:
        day = _("Locked until {date}.") if goal.is_locked else _("By {date}.")
        facts = [translate(day, language).format(date=clock.day_text(goal.due))]
    if goal.rule is not None:
        period = translate(_PERIODS[goal.rule], language)
        facts.append(translate(_("Gets {amount} {period}."), language).format(amount=goal.rule_amount, period=period))
    if goal.rounds_up:
        facts.append(translate(_("Sends are rounded up for it."), language))
    return facts


def _goal_id(step: Step) -> UUID:
    return UUID(step.session.slots["goal_id"])


_CHANGED = {"not_permitted": "savings", "account_closed": "savings"}

SCREENS = (
    Choice(
        "savings_goal",
        _("{goal}: {balance} of {target}, {percent}%\n{lines}"),
        options=(
            Option("1", _("Automatic saving"), goto="savings_rule"),
            Option("2", _("Round up sends"), goto="savings_round_up"),
            Option(
                "3",
                _("Close goal"),
                do=close,
                goto={"ok": "savings_closed", "not_permitted": "savings", "account_not_empty": "savings_goal"},
            ),
        ),
        fresh=_again,
    ),
    Choice(
        "savings_rule",
        _("Should money go to {goal} by itself?"),
        options=(
            Option("1", _("Every week"), do=choose_rule, goto={"ok": "savings_rule_amount"}),
            Option("2", _("Every month"), do=choose_rule, goto={"ok": "savings_rule_amount"}),
            Option("3", _("No"), do=stop_rule, goto={"ok": "savings_rule_off", **_CHANGED}),
        ),
    ),
    Ask(
        "savings_rule_amount",
        _("How much {period}?"),
        do=set_rule_amount,
        goto={"ok": "savings_rule_pin", "bad_amount": "savings_rule_amount"},
    ),
    Ask(
        "savings_rule_pin",
        _("{amount} to {goal} {period}, no fee. Enter PIN"),
        do=start_rule,
        goto={
            "ok": "savings_rule_on",
            "bad_amount": "savings_rule_amount",
            **again("savings_rule_pin"),
            **_CHANGED,
        },
        secret=True,
    ),
    Choice("savings_rule_on", _("Done. {amount} goes to {goal} {period}. You can stop it at any time.")),
    Choice("savings_rule_off", _("Done. Nothing goes to {goal} by itself any more.")),
    Choice(
        "savings_round_up",
        _("When you send money, round it up to the next {unit} and put the difference into {goal}?"),
        options=(
            Option("1", _("Yes, round up"), do=round_up, goto={"ok": "savings_round_up_on", **_CHANGED}),
            Option("2", _("No, do not"), do=round_up_no_more, goto={"ok": "savings_round_up_off", "not_permitted": "savings"}),
        ),
    ),
    Choice("savings_round_up_on", _("Done. From now on your sends are rounded up to the next {unit} for {goal}.")),
    Choice("savings_round_up_off", _("Done. Your sends are not rounded up for {goal}.")),
    Choice("savings_closed", _("The goal {goal} is closed.\nReply 00 for menu."), navigation=False),
)
