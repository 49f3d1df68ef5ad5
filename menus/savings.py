"""Savings: money into goals, and money out of them. savings_new.py opens a goal, savings_goal.py shows one and changes it."""

from dataclasses import replace
from uuid import UUID

from core import clock
from core.customers import wallet
from core.i18n import _, translate
from core.money import Money
from core.operations.refusals import SavingsOff
from core.savings import goals, texts
from core.savings.goals import Goal
from menus import savings_goal, savings_new
from menus.balance import read_balance
from menus.engine import inputs
from menus.engine.dsl import Ask, Choice, End, Option, Outcome, Pick, again, found, ok, outcomes
from menus.engine.session import Step


@outcomes("ok", "empty")
async def list_goals(step: Step) -> Outcome:
    open_goals = await goals.list_goals(step.runtime, step.session.registered)
    return found("savings_goals", _list_items(step, open_goals)) if open_goals else Outcome("empty")


@outcomes("ok", "one", "empty")
async def choose_to_save(step: Step) -> Outcome:
    open_goals = await goals.list_goals(step.runtime, step.session.registered)
    if len(open_goals) == 1:
        return replace(await _to_save(step, open_goals[0]), code="one")
    return found("savings_save_goal", _list_items(step, open_goals)) if open_goals else Outcome("empty")


async def read_goals(step: Step) -> Outcome:
    """The list that is shown, as the goals are now."""
    return found(step.session.screen, _list_items(step, await goals.list_goals(step.runtime, step.session.registered)))


@outcomes("ok", calls=(goals.get,))
async def pick_to_save(step: Step) -> Outcome:
    return await _to_save(step, await goals.get(step.runtime, step.session.registered, UUID(step.picked)))


@outcomes("ok", calls=(goals.get,))
async def save_to_new(step: Step) -> Outcome:
    return await _to_save(step, await goals.get(step.runtime, step.session.registered, _goal_id(step)))


@outcomes("ok", "one", "empty", calls=(Goal.check_lock,))
async def choose_to_take(step: Step) -> Outcome:
    open_goals = await goals.list_goals(step.runtime, step.session.registered)
    if len(open_goals) == 1:
        return replace(_to_take(step, open_goals[0]), code="one")
    return found("savings_take_goal", _list_items(step, open_goals)) if open_goals else Outcome("empty")


@outcomes("ok", calls=(goals.get, Goal.check_lock))
async def pick_to_take(step: Step) -> Outcome:
    return _to_take(step, await goals.get(step.runtime, step.session.registered, UUID(step.picked)))


@outcomes("ok", calls=(inputs.amount, goals.check_enough))
async def quote_save(step: Step) -> Outcome:
    amount = inputs.amount(step)
    await goals.check_enough(step.runtime, step.session.registered, amount)
    return ok(amount=amount, amount_minor=amount.minor)


@outcomes("ok", calls=(inputs.amount, goals.check_withdrawal))
async def quote_take(step: Step) -> Outcome:
    amount = inputs.amount(step)
    await goals.check_withdrawal(step.runtime, step.session.registered, _goal_id(step), amount)
    return ok(amount=amount, amount_minor=amount.minor)


@outcomes("ok", calls=(goals.save,))
async def save(step: Step) -> Outcome:
    session = step.session
    receipt = await goals.save(step.runtime, session.registered, _goal_id(step), _amount(step), pin=step.text, key=step.key)
    goal = receipt.goal
    return ok(reference=receipt.reference, balance=receipt.balance, percent=goal.percent, target=goal.target)


@outcomes("ok", calls=(goals.withdraw,))
async def take_out(step: Step) -> Outcome:
    session = step.session
    receipt = await goals.withdraw(step.runtime, session.registered, _goal_id(step), _amount(step), pin=step.text, key=step.key)
    return ok(reference=receipt.reference, balance=receipt.balance)


async def _to_save(step: Step, goal: Goal) -> Outcome:
    balance = await wallet.get_balance(step.runtime, step.session.registered)
    return ok(goal=goal.name, goal_id=goal.id, balance=balance)


def _to_take(step: Step, goal: Goal) -> Outcome:
    goal.check_lock(clock.today(step.runtime.settings.country))
    return ok(goal=goal.name, goal_id=goal.id, kept=goal.balance)


async def read_kept(step: Step) -> Outcome:
    return ok(kept=(await goals.get(step.runtime, step.session.registered, _goal_id(step))).balance)


def _goal_id(step: Step) -> UUID:
    return UUID(step.session.slots["goal_id"])


def _amount(step: Step) -> Money:
    return Money(int(step.session.slots["amount_minor"]), step.session.registered.currency)


def _list_items(step: Step, open_goals: list[Goal]) -> list[tuple[str, object]]:
    line = translate(_("{goal}: {balance} ({percent}%)"), step.session.language)
    return [(line.format(goal=goal.name, balance=goal.balance, percent=goal.percent), goal.id) for goal in open_goals]


_AFTER_PIN = {
    "not_permitted": "savings",
    "account_closed": "savings",
    "key_conflict": "savings_failed",
}
SCREENS = (
    Choice(
        "savings",
        _("Savings"),
        options=(
            Option("1", _("My goals"), do=list_goals, goto={"ok": "savings_goals", "empty": "savings_empty"}),
            Option(
                "2", _("New goal"), do=savings_new.begin, goto={"ok": "savings_name", "too_many_goals": "savings"}, off=SavingsOff
            ),
            Option(
                "3",
                _("Save to a goal"),
                do=choose_to_save,
                goto={"ok": "savings_save_goal", "one": "savings_save_amount", "empty": "savings_empty"},
                off=SavingsOff,
            ),
            Option(
                "4",
                _("Withdraw from a goal"),
                do=choose_to_take,
                goto={
                    "ok": "savings_take_goal",
                    "one": "savings_take_amount",
                    "empty": "savings_empty",
                    "goal_locked": "savings",
                },
                off=SavingsOff,
            ),
        ),
    ),
    Choice(
        "savings_empty",
        _("You have no savings goal yet. A goal keeps money apart until you need it."),
        options=(Option("1", _("New goal"), goto="savings_name"),),
    ),
    Pick(
        "savings_goals",
        _("My goals"),
        do=savings_goal.show,
        fresh=read_goals,
        goto={"ok": "savings_goal", "not_permitted": "savings"},
    ),
    Choice(
        "savings_opened",
        _("Your goal {goal} is ready: {target}."),
        options=(
            Option("1", _("Save to it now"), do=save_to_new, goto={"ok": "savings_save_amount", "not_permitted": "savings"}),
            Option("2", _("Automatic saving"), goto="savings_rule"),
        ),
    ),
    Pick(
        "savings_save_goal",
        _("Save to which goal?"),
        do=pick_to_save,
        fresh=read_goals,
        goto={"ok": "savings_save_amount", "not_permitted": "savings"},
    ),
    Ask(
        "savings_save_amount",
        _("How much to save to {goal}? You have {balance}."),
        do=quote_save,
        fresh=read_balance,
        goto={"ok": "savings_save_pin", "bad_amount": "savings_save_amount", "not_enough": "savings_save_amount"},
    ),
    Ask(
        "savings_save_pin",
        _("Save {amount} to {goal}, no fee. Enter PIN"),
        do=save,
        goto={
            **_AFTER_PIN,
            "ok": "savings_saved",
            **again("savings_save_pin"),
            "bad_amount": "savings_save_amount",
            "not_enough": "savings_save_amount",
        },
        secret=True,
    ),
    End("savings_saved", _("{reference} confirmed. {amount} saved to {goal}: {percent}% of {target}. Balance {balance}.")),
    Pick(
        "savings_take_goal",
        _("Withdraw from which goal?"),
        do=pick_to_take,
        fresh=read_goals,
        goto={"ok": "savings_take_amount", "not_permitted": "savings", "goal_locked": "savings_take_goal"},
    ),
    Ask(
        "savings_take_amount",
        _("How much to take out of {goal}? It has {kept}."),
        do=quote_take,
        fresh=read_kept,
        goto={
            "ok": "savings_take_pin",
            "bad_amount": "savings_take_amount",
            "not_enough": "savings_take_amount",
            "not_permitted": "savings",
            "goal_locked": "savings",
        },
    ),
    Ask(
        "savings_take_pin",
        _("Take {amount} out of {goal}, no fee. Enter PIN"),
        do=take_out,
        goto={
            **_AFTER_PIN,
            "ok": "savings_taken",
            **again("savings_take_pin"),
            "bad_amount": "savings_take_amount",
            "not_enough": "savings_take_amount",
            "over_balance_limit": "savings_take_amount",
            "goal_locked": "savings",
        },
        secret=True,
    ),
    End("savings_taken", texts.TAKEN_OUT),
    End("savings_failed", _("Please dial again.")),
    *savings_new.SCREENS,
    *savings_goal.SCREENS,
)
