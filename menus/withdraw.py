"""Withdraw: cash at an agent, or money to M-Pesa."""

from core import phones
from core.agents import cash
from core.customers import wallet
from core.i18n import _
from core.payments import requests
from core.payments.settlements import OUT
from core.rail import Ability
from menus.balance import read_balance
from menus.engine import agreed, inputs
from menus.engine.dsl import Ask, Choice, End, Option, Outcome, ok, outcomes, paying_again
from menus.engine.session import Session, Step


@outcomes("ok", calls=(cash.get_agent,))
async def find_agent(step: Step) -> Outcome:
    customer = step.session.registered
    agent = await cash.get_agent(step.runtime, customer, step.text)
    balance = await wallet.get_balance(step.runtime, customer)
    return ok(name=agent.name, number=agent.number, balance=balance)


@outcomes("ok", calls=(inputs.amount, cash.quote_withdrawal))
async def quote(step: Step) -> Outcome:
    return agreed.quoted(await cash.quote_withdrawal(step.runtime, step.session.registered, inputs.amount(step)))


@outcomes("ok", calls=(cash.withdraw,))
async def withdraw(step: Step) -> Outcome:
    session = step.session
    with agreed.fee_shown_again(session):
        receipt = await cash.withdraw(
            step.runtime,
            customer=session.registered,
            agent_number=session.slots["number"],
            amount=agreed.amount(session),
            agreed_fee=agreed.fee(session),
            pin=step.text,
            key=step.key,
        )
    return ok(reference=receipt.reference, balance=receipt.balance, fee=receipt.fee)


@outcomes("ok", calls=(requests.get_rail,))
async def begin_mpesa(step: Step) -> Outcome:
    requests.get_rail(step.runtime, OUT)
    customer = step.session.registered
    return ok(balance=await wallet.get_balance(step.runtime, customer), phone=phones.national(customer.phone))


@outcomes("ok", calls=(inputs.amount, requests.quote_withdrawal))
async def quote_mpesa(step: Step) -> Outcome:
    return agreed.quoted(await requests.quote_withdrawal(step.runtime, step.session.registered, inputs.amount(step)))


@outcomes("ok", calls=(requests.withdraw,))
async def withdraw_to_mpesa(step: Step) -> Outcome:
    session = step.session
    amount, fee = agreed.amount(session), agreed.fee(session)
    with agreed.fee_shown_again(session):
        receipt = await requests.withdraw(step.runtime, session.registered, amount, agreed_fee=fee, pin=step.text, key=step.key)
    return ok(reference=receipt.reference, balance=receipt.balance, fee=receipt.fee)


def can_pay_out(session: Session) -> bool:
    return Ability.PAY_OUT in session.abilities


SCREENS = (
    Choice(
        "withdraw",
        _("Withdraw"),
        options=(
            Option("1", _("At an agent"), goto="withdraw_agent"),
            Option(
                "2",
                _("To M-Pesa"),
                do=begin_mpesa,
                goto={"ok": "withdraw_mpesa_amount", "rail_away": "withdraw"},
                when=can_pay_out,
            ),
        ),
    ),
    Ask(
        "withdraw_agent",
        _("Agent number?"),
        do=find_agent,
        goto={"ok": "withdraw_amount", "unknown_agent": "withdraw_agent", "own_number": "withdraw_agent"},
    ),
    Ask(
        "withdraw_amount",
        _("How much cash from {name}? You have {balance}."),
        do=quote,
        fresh=read_balance,
        goto={
            "ok": "withdraw_pin",
            "bad_amount": "withdraw_amount",
            "amount_too_small": "withdraw_amount",
            "over_limit": "withdraw_amount",
            "not_enough": "withdraw_amount",
        },
    ),
    Ask(
        "withdraw_pin",
        _("Withdraw {amount} at {name}, fee {fee}. Enter PIN"),
        do=withdraw,
        goto={
            "ok": "withdraw_done",
            **paying_again("withdraw_pin"),
            "fee_rose": "withdraw_pin",
            "not_enough": "withdraw_amount",
            "over_limit": "withdraw_amount",
            "over_day_limit": "withdraw_amount",
            "amount_too_small": "withdraw_amount",
            "unknown_agent": "withdraw_agent",
            "own_number": "withdraw_agent",
            "account_closed": "withdraw_agent",
            "key_conflict": "send_failed",
        },
        secret=True,
    ),
    Ask(
        "withdraw_mpesa_amount",
        _("How much to M-Pesa {phone}? You have {balance}."),
        do=quote_mpesa,
        fresh=read_balance,
        goto={
            "ok": "withdraw_mpesa_pin",
            "rail_away": "withdraw",
            "bad_amount": "withdraw_mpesa_amount",
            "amount_too_small": "withdraw_mpesa_amount",
            "over_limit": "withdraw_mpesa_amount",
            "not_enough": "withdraw_mpesa_amount",
        },
    ),
    Ask(
        "withdraw_mpesa_pin",
        _("Withdraw {amount} to M-Pesa {phone}, fee {fee}. Enter PIN"),
        do=withdraw_to_mpesa,
        goto={
            "ok": "withdraw_mpesa_done",
            "rail_away": "withdraw",
            **paying_again("withdraw_mpesa_pin"),
            "fee_rose": "withdraw_mpesa_pin",
            "not_enough": "withdraw_mpesa_amount",
            "over_limit": "withdraw_mpesa_amount",
            "over_day_limit": "withdraw_mpesa_amount",
            "amount_too_small": "withdraw_mpesa_amount",
            "account_closed": "send_failed",
            "key_conflict": "send_failed",
        },
        secret=True,
    ),
    End(
        "withdraw_mpesa_done",
        _("{reference}: {amount} is on its way to your M-Pesa. Fee {fee}. Balance {balance}. An SMS confirms it."),
    ),
    End("withdraw_done", _("{reference} confirmed. {name} pays you {amount} in cash. Fee {fee}. Balance {balance}.")),
)
