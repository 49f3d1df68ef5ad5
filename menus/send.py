"""Send Money: to whom, how much, and one screen that shows both before it asks for the PIN.

A number without an account can be sent money too: it waits there.
"""

from core import clock, phones
from core.customers import wallet
from core.customers.refusals import UnknownRecipient
from core.i18n import _
from core.sending import invitations, texts, transfers
from menus.balance import read_balance
from menus.engine import agreed, inputs
from menus.engine.dsl import Ask, End, Outcome, ok, outcomes, paying_again
from menus.engine.session import Step


@outcomes("ok", "unregistered", calls=(inputs.phone, transfers.get_recipient), catches=(UnknownRecipient,))
async def find_recipient(step: Step) -> Outcome:
    sender, phone = step.session.registered, inputs.phone(step)
    try:
        recipient = await transfers.get_recipient(step.runtime, sender, phone)
    except UnknownRecipient:
        balance = await wallet.get_balance(step.runtime, sender)
        return Outcome("unregistered", {"phone": phones.national(phone), "recipient_phone": phone, "balance": str(balance)})
    balance = await wallet.get_balance(step.runtime, sender)
    return ok(recipient=recipient.name, recipient_phone=recipient.phone, recipient_id=recipient.id, balance=balance)


@outcomes("ok", calls=(inputs.amount, transfers.quote))
async def quote(step: Step) -> Outcome:
    return agreed.quoted(await transfers.quote(step.runtime, step.session.registered, inputs.amount(step)))


@outcomes("ok", "rounded", calls=(transfers.send,))
async def send(step: Step) -> Outcome:
    session = step.session
    with agreed.fee_shown_again(session):
        receipt = await transfers.send(
            step.runtime,
            sender=session.registered,
            recipient_phone=session.slots["recipient_phone"],
            recipient_id=agreed.recipient_id(session),
            amount=agreed.amount(session),
            agreed_fee=agreed.fee(session),
            pin=step.text,
            key=step.key,
        )
    done = ok(reference=receipt.reference, balance=receipt.balance, fee=receipt.fee)
    return done if receipt.saved is None else Outcome("rounded", {**done.slots, "saved": str(receipt.saved)})


@outcomes("ok", calls=(inputs.amount, invitations.quote))
async def quote_invitation(step: Step) -> Outcome:
    session = step.session
    quoted = await invitations.quote(step.runtime, session.registered, session.slots["recipient_phone"], inputs.amount(step))
    return agreed.quoted(quoted)


@outcomes("ok", "sent", "rounded", calls=(invitations.send,))
async def invite(step: Step) -> Outcome:
    session = step.session
    with agreed.fee_shown_again(session):
        receipt = await invitations.send(
            step.runtime,
            sender=session.registered,
            phone=session.slots["recipient_phone"],
            amount=agreed.amount(session),
            agreed_fee=agreed.fee(session),
            pin=step.text,
            key=step.key,
        )
    done = ok(reference=receipt.reference, balance=receipt.balance, fee=receipt.fee)
    if isinstance(receipt, invitations.InvitationReceipt):
        return Outcome("ok", {**done.slots, "moment": clock.moment_text(receipt.until, step.runtime.settings.country)})
    sent = {**done.slots, "recipient": receipt.recipient.name}
    return Outcome("sent", sent) if receipt.saved is None else Outcome("rounded", {**sent, "saved": str(receipt.saved)})


_AFTER_INVITED_AMOUNT = {
    "ok": "invite_pin",
    "bad_amount": "invite_amount_again",
    "amount_too_small": "invite_amount_again",
    "over_limit": "invite_amount_again",
    "over_balance_limit": "invite_amount_again",
    "not_enough": "invite_amount_again",
    "too_many_waiting": "send_to",
}

SCREENS = (
    Ask(
        "send_to",
        _("Send money to which number?"),
        do=find_recipient,
        goto={"ok": "send_amount", "unregistered": "invite_amount", "bad_phone": "send_to", "own_number": "send_to"},
    ),
    Ask(
        "send_amount",
        _("How much to {recipient}? You have {balance}."),
        do=quote,
        fresh=read_balance,
        goto={
            "ok": "send_pin",
            "bad_amount": "send_amount",
            "amount_too_small": "send_amount",
            "over_limit": "send_amount",
            "not_enough": "send_amount",
        },
    ),
    Ask(
        "send_pin",
        _("Send {amount} to {recipient}, fee {fee}. Enter PIN"),
        do=send,
        goto={
            "ok": "send_done",
            "rounded": "send_done_rounded",
            **paying_again("send_pin"),
            "fee_rose": "send_pin",
            "not_enough": "send_amount",
            "over_limit": "send_amount",
            "over_day_limit": "send_amount",
            "over_balance_limit": "send_amount",
            "amount_too_small": "send_amount",
            "unknown_recipient": "send_to",
            "new_owner": "send_to",
            "own_number": "send_to",
            "account_closed": "send_to",
            "key_conflict": "send_failed",
        },
        secret=True,
    ),
    Ask(
        "invite_amount",
        _("{phone} is not on Jasho yet. The money waits 7 days; an SMS tells them. How much? You have {balance}."),
        do=quote_invitation,
        fresh=read_balance,
        goto=_AFTER_INVITED_AMOUNT,
    ),
    # A refusal and the longer text together would not fit.
    Ask(
        "invite_amount_again",
        _("How much to {phone}? You have {balance}."),
        do=quote_invitation,
        fresh=read_balance,
        goto=_AFTER_INVITED_AMOUNT,
    ),
    Ask(
        "invite_pin",
        _("Send {amount} to {phone}, fee {fee}. Comes back after 7 days if not taken. Enter PIN"),
        do=invite,
        goto={
            "ok": "invite_done",
            "sent": "send_done",
            "rounded": "send_done_rounded",
            **paying_again("invite_pin"),
            "fee_rose": "invite_pin",
            "not_enough": "invite_amount_again",
            "over_limit": "invite_amount_again",
            "over_day_limit": "invite_amount_again",
            "over_balance_limit": "invite_amount_again",
            "amount_too_small": "invite_amount_again",
            "too_many_waiting": "send_to",
            "own_number": "send_to",
            "account_closed": "send_to",
            "key_conflict": "send_failed",
        },
        secret=True,
    ),
    End("invite_done", texts.INVITED),
    End("send_done", _("{reference} confirmed. {amount} sent to {recipient}. Fee {fee}. Balance {balance}.")),
    End(
        "send_done_rounded",
        _("{reference} confirmed. {amount} sent to {recipient}. Fee {fee}. Saved {saved}. Balance {balance}."),
    ),
)
