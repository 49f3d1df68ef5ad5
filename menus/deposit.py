"""Deposit: from M-Pesa, or cash at an agent."""

from core.i18n import _
from core.operations.refusals import DepositOff
from core.payments import requests
from core.payments.settlements import IN
from core.rail import Ability
from menus.engine import inputs
from menus.engine.dsl import Ask, Choice, End, Option, Outcome, ok, outcomes
from menus.engine.session import Session, Step


@outcomes("ok", calls=(requests.get_rail,))
async def begin(step: Step) -> Outcome:
    requests.get_rail(step.runtime, IN)
    return ok()


@outcomes("ok", calls=(inputs.amount, requests.deposit))
async def deposit(step: Step) -> Outcome:
    deposit_request = await requests.deposit(step.runtime, step.session.registered, inputs.amount(step), key=step.key)
    return ok(amount=deposit_request.amount)


def can_collect(session: Session) -> bool:
    return Ability.COLLECT in session.abilities


SCREENS = (
    Choice(
        "deposit",
        _("Deposit"),
        options=(
            Option(
                "1",
                _("M-Pesa"),
                do=begin,
                goto={"ok": "deposit_amount", "rail_away": "deposit"},
                when=can_collect,
                off=DepositOff,
            ),
            Option("2", _("At an agent"), goto="deposit_agent"),
        ),
    ),
    Ask(
        "deposit_amount",
        _("How much do you want to deposit from M-Pesa?"),
        do=deposit,
        goto={
            "ok": "deposit_asked",
            "rail_away": "deposit",
            "bad_amount": "deposit_amount",
            "over_limit": "deposit_amount",
            "over_balance_limit": "deposit_amount",
            "request_waits": "deposit_waits",
            "account_closed": "send_failed",
            "key_conflict": "send_failed",
        },
    ),
    End(
        "deposit_asked",
        _(
            "M-Pesa now asks you to pay {amount} to Jasho. "
            "Look for its prompt on this phone and enter your M-Pesa PIN there. An SMS confirms."
        ),
    ),
    End("deposit_waits", _("Look for the M-Pesa prompt on your phone, or wait 2 minutes and dial again.")),
    Choice(
        "deposit_agent",
        _("Give the cash and your phone number to a Jasho agent. Wait for our SMS before you go."),
        options=(Option("1", _("Find an agent"), goto="help_place"),),
    ),
)
