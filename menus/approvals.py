"""Requests that wait for the customer's approval: she sees them when she dials, before the menu. Nobody else can answer them."""

from uuid import UUID

from core import features
from core.agents import approval as agent_approval
from core.approvals import consent
from core.i18n import _
from core.runtime import Runtime
from core.sending import approval as send_approval
from menus.engine import agreed
from menus.engine.dsl import Ask, Choice, End, Option, Outcome, Screen, ok, outcomes, paying_again
from menus.engine.session import Session, Step

# The first screen of each kind of request.
OFFERED = {agent_approval.REQUEST_KIND: "approval_cash", send_approval.REQUEST_KIND: "approval_send"}


async def offer(runtime: Runtime, session: Session) -> bool:
    """Moves the session to the oldest request that waits; False where none does any more."""
    waiting = await consent.list_waiting(runtime, session.registered, features.CARRIERS)
    if not waiting:
        return False
    first = waiting[0]
    session.screen = OFFERED[first.kind]
    session.slots |= {
        "approval": str(first.id),
        "name": first.other,
        "number": first.number,
        "amount": str(first.amount),
        "fee": str(first.fee),
        "fee_minor": str(first.fee.minor),
    }
    return True


def keys(session: Session) -> list[str]:
    """The idempotency keys under which a session may have moved money by an approval."""
    return [consent.key_of(UUID(session.slots["approval"]))] if "approval" in session.slots else []


@outcomes("ok", calls=(consent.approve,))
async def approve(step: Step) -> Outcome:
    session = step.session
    approval_id, fee = UUID(session.slots["approval"]), agreed.fee(session)
    with agreed.fee_shown_again(session):
        receipt = await consent.approve(
            step.runtime, session.registered, approval_id, step.text, features.CARRIERS, agreed_fee=fee
        )
    return ok(reference=receipt.reference, balance=receipt.balance, fee=receipt.fee)


@outcomes("ok", calls=(consent.refuse,))
async def refuse(step: Step) -> Outcome:
    await consent.refuse(step.runtime, step.session.registered, UUID(step.session.slots["approval"]), features.CARRIERS)
    return ok()


def _answers(pin_screen: str) -> tuple[Option, ...]:
    return (
        Option("1", _("Yes"), goto=pin_screen),
        Option("2", _("No"), do=refuse, goto={"ok": "approval_refused", "approval_closed": "home"}),
    )


def _after_pin(pin_screen: str, done: str) -> dict[str, str]:
    waits_on = ("not_enough", "over_limit", "over_day_limit", "over_balance_limit", "amount_too_small")
    other_side = ("unknown_agent", "unknown_recipient", "new_owner", "account_closed")
    return {
        "ok": done,
        **paying_again(pin_screen),
        "fee_rose": pin_screen,
        "approval_closed": "home",
        **dict.fromkeys((*waits_on, *other_side), "approval_waits"),
    }


SCREENS: tuple[Screen, ...] = (
    Choice(
        OFFERED[agent_approval.REQUEST_KIND],
        _("{name} asks to pay you {amount} from your account. Fee {fee}.\nReply 0 to decide later."),
        options=_answers("approval_cash_pin"),
        navigation=False,
    ),
    Ask(
        "approval_cash_pin",
        _("Withdraw {amount} at {name}, fee {fee}. Enter PIN"),
        do=approve,
        goto=_after_pin("approval_cash_pin", "approval_cash_done"),
        secret=True,
    ),
    End("approval_cash_done", _("{reference} confirmed. {name} pays you {amount} in cash. Fee {fee}. Balance {balance}.")),
    Choice(
        OFFERED[send_approval.REQUEST_KIND],
        _("You asked to send {amount} to {name}. Fee {fee}.\nReply 0 to decide later."),
        options=_answers("approval_send_pin"),
        navigation=False,
    ),
    Ask(
        "approval_send_pin",
        _("Send {amount} to {name}, fee {fee}. Enter PIN"),
        do=approve,
        goto=_after_pin("approval_send_pin", "approval_send_done"),
        secret=True,
    ),
    End("approval_send_done", _("{reference} confirmed. {amount} sent to {name}. Fee {fee}. Balance {balance}.")),
    End("approval_refused", _("You said no. Nothing was paid, and your money is safe.")),
    End("approval_waits", _("Nothing was done. The request still waits for your answer.")),
)
