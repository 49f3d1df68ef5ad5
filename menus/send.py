"""Send Money: to whom, how much, and one screen that shows both before it asks for the PIN."""

from core.errors import (
    AccountClosed,
    AmountTooSmall,
    BadAmount,
    BadPhone,
    BadPin,
    KeyConflict,
    NotEnoughMoney,
    OverBalanceLimit,
    OverDayLimit,
    OverLimit,
    OwnNumber,
    PinLocked,
    UnknownRecipient,
    WrongPin,
)
from core.i18n import _
from core.money import Money
from core.services import transfers
from menus import inputs
from menus.dsl import Ask, End, Outcome, ok, outcomes
from menus.session import Step


@outcomes("ok", BadPhone, OwnNumber, UnknownRecipient)
async def find_recipient(step: Step) -> Outcome:
    sender = step.session.registered
    recipient = await transfers.find_recipient(step.runtime, sender, inputs.phone(step))
    balance = await transfers.balance(step.runtime, sender)
    return ok(recipient=recipient.name, recipient_phone=recipient.phone, balance=balance)


@outcomes("ok", BadAmount, AmountTooSmall, OverLimit, NotEnoughMoney)
async def quote(step: Step) -> Outcome:
    quoted = await transfers.quote(step.runtime, step.session.registered, inputs.amount(step))
    return ok(amount=quoted.amount, amount_minor=quoted.amount.minor, fee=quoted.fee)


@outcomes(
    "ok",
    BadPin,
    WrongPin,
    PinLocked,
    NotEnoughMoney,
    OverLimit,
    OverDayLimit,
    OverBalanceLimit,
    AmountTooSmall,
    UnknownRecipient,
    OwnNumber,
    AccountClosed,
    KeyConflict,
)
async def send(step: Step) -> Outcome:
    session = step.session
    receipt = await transfers.send(
        step.runtime,
        sender=session.registered,
        recipient_phone=session.slots["recipient_phone"],
        amount=Money(int(session.slots["amount_minor"]), session.registered.currency),
        pin=step.text,
        key=step.key,
    )
    return ok(reference=receipt.reference, balance=receipt.balance, fee=receipt.fee)


SCREENS = (
    Ask(
        "send_to",
        _("Send money to which number?"),
        do=find_recipient,
        goto={"ok": "send_amount", "bad_phone": "send_to", "own_number": "send_to", "unknown_recipient": "send_to"},
    ),
    Ask(
        "send_amount",
        _("How much to {recipient}? You have {balance}."),
        do=quote,
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
            "bad_pin": "send_pin",
            "wrong_pin": "send_pin",
            "pin_locked": "pin_locked",
            "not_enough": "send_amount",
            "over_limit": "send_amount",
            "over_day_limit": "send_amount",
            "over_balance_limit": "send_amount",
            "amount_too_small": "send_amount",
            "unknown_recipient": "send_to",
            "own_number": "send_to",
            "account_closed": "send_to",
            "key_conflict": "send_failed",
        },
        secret=True,
    ),
    End("send_done", _("{reference} confirmed. {amount} sent to {recipient}. Fee {fee}. Balance {balance}.")),
    End("send_failed", _("Please dial again.")),
    End("pin_locked", _("Nothing was sent and your money is safe. Take your ID to a Jasho agent.")),
)
