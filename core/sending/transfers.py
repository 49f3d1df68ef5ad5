"""Sending money from one customer to another."""

from dataclasses import dataclass
from typing import Any

from core import ids, phones
from core.credentials import pins
from core.customers import profiles, wallet
from core.customers.profiles import Customer
from core.customers.refusals import OwnNumber, UnknownRecipient
from core.errors import Busy, KeyConflict
from core.ledger import tariffs
from core.ledger.refusals import AccountClosed, NotEnoughMoney, OverBalanceLimit, OverDayLimit, OverLimit
from core.ledger.tariffs import Quote
from core.ledger.transfer import Leg, Transfer
from core.messaging import notices
from core.money import Money
from core.operations.refusals import SavingsOff, SendOff
from core.refusing import refuses
from core.runtime import Runtime
from core.sending import round_ups, texts

KIND = "send"


@dataclass(frozen=True, slots=True)
class SendReceipt:
    """`balance` is the sender's, afterwards. `saved` is the round-up that went into her savings goal."""

    reference: str
    recipient: Customer
    amount: Money
    fee: Money
    balance: Money
    saved: Money | None = None


@refuses(OwnNumber, UnknownRecipient)
async def get_recipient(runtime: Runtime, sender: Customer, phone: str) -> Customer:
    """The customer with this phone (E.164). OwnNumber: it is the sender's own."""
    if phone == sender.phone:
        raise OwnNumber
    recipient = await profiles.find(runtime, phone)
    if recipient is None:
        raise UnknownRecipient(phone=phones.national(phone))
    return recipient


@refuses(tariffs.quote, NotEnoughMoney)
async def quote(runtime: Runtime, sender: Customer, amount: Money) -> Quote:
    """Quotes a send that the balance of now is enough for."""
    quoted = tariffs.quote(KIND, amount)
    if await wallet.get_balance(runtime, sender) < quoted.total:
        raise NotEnoughMoney(needed=quoted.total)
    return quoted


@refuses(SendOff, OverLimit, OverDayLimit, OverBalanceLimit, NotEnoughMoney, AccountClosed, KeyConflict, Busy)
async def send_confirmed(runtime: Runtime, sender: Customer, recipient: Customer, quoted: Quote, key: str) -> SendReceipt:
    """Moves the money without a PIN: the caller has the sender's confirmation. Otherwise as `send`."""
    amount = quoted.amount
    saves = not runtime.switches.is_off(SavingsOff.switch)
    rounding = await round_ups.find_due(runtime, sender, quoted.total) if saves else None
    answer = await runtime.poster.submit(build_transfer(sender, recipient, quoted, key, rounding))
    if rounding is not None and answer.outcome in round_ups.GIVES_WAY:
        rounding = None
        answer = await runtime.poster.submit(build_transfer(sender, recipient, quoted, key))
    if answer.outcome == "key_conflict":
        # The same send may have been rounded up otherwise the first time: with that round-up it gets its first answer again.
        rounding = await round_ups.find_earlier(runtime, sender, key)
        answer = await runtime.poster.submit(build_transfer(sender, recipient, quoted, key, rounding))
    if not answer.is_done:
        answer.raise_refusal(amount.currency, needed=quoted.total)
    return SendReceipt(
        reference=ids.reference(answer.transfer_id),
        recipient=recipient,
        amount=quoted.amount,
        fee=quoted.fee,
        balance=Money(answer.available_minor[0], amount.currency),
        saved=None if rounding is None else rounding.saved,
    )


@refuses(SendOff, get_recipient, tariffs.quote, pins.check_for_payment, send_confirmed)
async def send(runtime: Runtime, *, sender: Customer, recipient_phone: str, amount: Money, pin: str, key: str) -> SendReceipt:
    """Moves amount and fee, and tells both sides; once for each `key`. A repetition gets the first receipt again."""
    recipient = await get_recipient(runtime, sender, recipient_phone)
    quoted = tariffs.quote(KIND, amount)
    await pins.check_for_payment(runtime, sender.id, pin)
    return await send_confirmed(runtime, sender, recipient, quoted, key)


def build_transfer(
    sender: Customer, recipient: Customer, quoted: Quote, key: str, rounding: round_ups.RoundUp | None = None
) -> Transfer:
    """The transfer of a send that the sender has confirmed. The first leg is her wallet's."""
    transfer_id = ids.new_id()
    params: dict[str, Any] = {"reference": ids.reference(transfer_id), "amount": quoted.amount, "fee": quoted.fee}
    text, saved_minor = texts.SENT, 0
    if rounding is not None:
        text, saved_minor, params["saved"] = texts.SENT_ROUNDED, rounding.saved.minor, rounding.saved
    return Transfer(
        id=transfer_id,
        initiator=sender.wallet,
        key=key,
        kind=KIND,
        legs=(
            Leg(sender.wallet, -quoted.total.minor - saved_minor),
            Leg(recipient.wallet, quoted.amount.minor),
            *quoted.charged.legs,
            *([] if rounding is None else [rounding.leg]),
        ),
        limited_minor=quoted.amount.minor,
        notices=(
            notices.write(sender, text, name=recipient.name, phone=phones.national(recipient.phone), **params),
            notices.write(recipient, texts.RECEIVED, leg=1, name=sender.name, phone=phones.national(sender.phone), **params),
        ),
    )
