"""Agent: what an agent does at her counter."""

from core.agents import approval, cash, directory, floats
from core.agents.directory import Agent
from core.i18n import _, translate
from core.operations.refusals import CashInOff, FloatOff, WithdrawOff
from menus.engine import agreed, inputs
from menus.engine.dsl import Ask, Choice, End, Option, Outcome, again, ok, outcomes, paying_again
from menus.engine.session import Session, Step

TOP_UPS = _("Top-ups: {count}, {amount}")
PAID_OUT = _("Paid out: {count}, {amount}")
EARNED = _("Commission: {amount}")


@outcomes("ok", calls=(directory.get_by_customer, inputs.phone, cash.get_customer))
async def find_customer(step: Step) -> Outcome:
    agent = await _get_agent(step)
    customer = await cash.get_customer(step.runtime, agent, inputs.phone(step))
    balance = await floats.get_balance(step.runtime, agent)
    return ok(recipient=customer.name, recipient_phone=customer.phone, recipient_id=customer.id, balance=balance)


@outcomes("ok", calls=(directory.get_by_customer, inputs.amount, cash.check_top_up))
async def check_top_up(step: Step) -> Outcome:
    amount = inputs.amount(step)
    await cash.check_top_up(step.runtime, await _get_agent(step), amount)
    return ok(amount=amount, amount_minor=amount.minor)


@outcomes("ok", calls=(directory.get_by_customer, cash.top_up))
async def top_up(step: Step) -> Outcome:
    receipt = await cash.top_up(
        step.runtime,
        agent=await _get_agent(step),
        customer_phone=step.session.slots["recipient_phone"],
        customer_id=agreed.recipient_id(step.session),
        amount=agreed.amount(step.session),
        pin=step.text,
        key=step.key,
    )
    return ok(reference=receipt.reference, balance=receipt.balance)


@outcomes("ok", calls=(inputs.amount, cash.price))
async def quote_pay_out(step: Step) -> Outcome:
    quoted = cash.price(inputs.amount(step))
    return ok(amount=quoted.amount, amount_minor=quoted.amount.minor)


@outcomes("ok", calls=(directory.get_by_customer, approval.ask))
async def ask_pay_out(step: Step) -> Outcome:
    await approval.ask(
        step.runtime,
        agent=await _get_agent(step),
        customer_phone=step.session.slots["recipient_phone"],
        customer_id=agreed.recipient_id(step.session),
        amount=agreed.amount(step.session),
        pin=step.text,
        key=step.key,
    )
    return ok(service_code=step.runtime.settings.service_code)


@outcomes("ok", calls=(directory.get_by_customer,))
async def read_float(step: Step) -> Outcome:
    return ok(balance=await floats.get_balance(step.runtime, await _get_agent(step)))


@outcomes("ok", calls=(directory.get_by_customer,))
async def read_commission(step: Step) -> Outcome:
    commission = await floats.get_commission(step.runtime, await _get_agent(step))
    return ok(amount=commission, amount_minor=commission.minor)


@outcomes("ok", calls=(directory.get_by_customer, floats.take_commission))
async def take_commission(step: Step) -> Outcome:
    agent, amount = await _get_agent(step), agreed.amount(step.session)
    receipt = await floats.take_commission(step.runtime, agent=agent, amount=amount, pin=step.text, key=step.key)
    return ok(reference=receipt.reference, balance=receipt.balance)


@outcomes("ok", calls=(directory.get_by_customer,))
async def read_today(step: Step) -> Outcome:
    day = await directory.get_today(step.runtime, await _get_agent(step))
    language = step.session.language
    lines = (
        translate(TOP_UPS, language).format(count=day.top_ups, amount=day.topped_up),
        translate(PAID_OUT, language).format(count=day.withdrawals, amount=day.withdrawn),
        translate(EARNED, language).format(amount=day.commission),
    )
    return ok(lines="\n".join(lines))


def has_commission(session: Session) -> bool:
    return session.slots.get("amount_minor") != "0"


async def _get_agent(step: Step) -> Agent:
    return await directory.get_by_customer(step.runtime, step.session.registered)


_COUNTER = (
    Choice(
        "agent",
        _("Agent"),
        options=(
            Option("1", _("Top up a customer"), goto="top_up_phone", off=CashInOff),
            Option("2", _("Float"), do=read_float, goto={"ok": "agent_float", "not_permitted": "home"}),
            Option("3", _("Commission"), do=read_commission, goto={"ok": "agent_commission", "not_permitted": "home"}),
            Option("4", _("Today"), do=read_today, goto={"ok": "agent_today", "not_permitted": "home"}),
            Option("5", _("Pay out a customer"), goto="pay_out_phone", off=WithdrawOff),
        ),
    ),
    Choice("agent_float", _("Your float is {balance}."), fresh=read_float),
    Choice("agent_today", _("Today\n{lines}")),
    Choice(
        "agent_commission",
        _("Your commission is {amount}."),
        options=(Option("1", _("Move it to my float"), goto="agent_commission_pin", when=has_commission, off=FloatOff),),
        fresh=read_commission,
    ),
    Ask(
        "agent_commission_pin",
        _("Move {amount} of commission to your float. Enter PIN"),
        do=take_commission,
        goto={
            "ok": "agent_commission_done",
            "not_permitted": "home",
            **again("agent_commission_pin"),
            "not_enough": "agent",
            "account_closed": "agent",
            "key_conflict": "send_failed",
        },
        secret=True,
    ),
    End("agent_commission_done", _("{reference} confirmed. {amount} moved to your float. Float {balance}.")),
)

_TOP_UP = (
    Ask(
        "top_up_phone",
        _("Top up which number?"),
        do=find_customer,
        goto={
            "ok": "top_up_amount",
            "not_permitted": "home",
            "bad_phone": "top_up_phone",
            "own_number": "top_up_phone",
            "unknown_recipient": "top_up_phone",
        },
    ),
    Ask(
        "top_up_amount",
        _("How much to {recipient}? Float: {balance}."),
        do=check_top_up,
        fresh=read_float,
        goto={
            "ok": "top_up_pin",
            "not_permitted": "home",
            "bad_amount": "top_up_amount",
            "amount_too_small": "top_up_amount",
            "over_limit": "top_up_amount",
            "not_enough": "top_up_amount",
        },
    ),
    Ask(
        "top_up_pin",
        _("Top up {recipient} with {amount}. Enter PIN"),
        do=top_up,
        goto={
            "ok": "top_up_done",
            "not_permitted": "home",
            **paying_again("top_up_pin"),
            "not_enough": "top_up_amount",
            "over_limit": "top_up_amount",
            "over_balance_limit": "top_up_amount",
            "amount_too_small": "top_up_amount",
            "unknown_recipient": "top_up_phone",
            "new_owner": "top_up_phone",
            "own_number": "top_up_phone",
            "account_closed": "top_up_phone",
            "key_conflict": "send_failed",
        },
        secret=True,
    ),
    End("top_up_done", _("{reference} confirmed. {amount} to {recipient}. Float {balance}.")),
)

_PAY_OUT = (
    Ask(
        "pay_out_phone",
        _("Pay out which number?"),
        do=find_customer,
        goto={
            "ok": "pay_out_amount",
            "not_permitted": "home",
            "bad_phone": "pay_out_phone",
            "own_number": "pay_out_phone",
            "unknown_recipient": "pay_out_phone",
        },
    ),
    Ask(
        "pay_out_amount",
        _("How much cash for {recipient}?"),
        do=quote_pay_out,
        goto={
            "ok": "pay_out_pin",
            "bad_amount": "pay_out_amount",
            "amount_too_small": "pay_out_amount",
            "over_limit": "pay_out_amount",
        },
    ),
    Ask(
        "pay_out_pin",
        _("Ask {recipient} to approve {amount} in cash. Enter PIN"),
        do=ask_pay_out,
        goto={
            "ok": "pay_out_asked",
            "not_permitted": "home",
            **again("pay_out_pin"),
            "over_limit": "pay_out_amount",
            "amount_too_small": "pay_out_amount",
            "unknown_recipient": "pay_out_phone",
            "new_owner": "pay_out_phone",
            "own_number": "pay_out_phone",
            "request_waits": "agent",
            "key_conflict": "send_failed",
        },
        secret=True,
    ),
    End("pay_out_asked", _("{recipient} must now dial {service_code} and say yes. Pay {amount} only after our SMS to you.")),
)

SCREENS = (*_COUNTER, *_TOP_UP, *_PAY_OUT)
