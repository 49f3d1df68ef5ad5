"""Sending money from one customer to another."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from core import ids, phones
from core.credentials import pins
from core.customers import profiles, wallet
from core.customers.profiles import Customer
from core.customers.refusals import OwnNumber, UnknownRecipient
from core.errors import Busy, KeyConflict
from core.ledger import answers, tariffs
from core.ledger.chart import GOAL, WALLET
from core.ledger.refusals import AccountClosed, NotEnoughMoney, OverBalanceLimit, OverDayLimit, OverLimit
from core.ledger.tariffs import Quote
from core.ledger.transfer import Leg, Transfer
from core.messaging import notices
from core.money import Money
from core.operations.refusals import SavingsOff, SendOff
from core.refusing import refuses, repeats
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


@refuses(get_recipient, profiles.check_owner)
async def get_shown(runtime: Runtime, sender: Customer, phone: str, recipient_id: UUID | None) -> Customer:
    """`get_recipient`, where `recipient_id` is the customer who was shown before the yes: money goes to nobody else."""
    recipient = await get_recipient(runtime, sender, phone)
    profiles.check_owner(recipient, recipient_id)
    return recipient


@refuses(tariffs.quote, NotEnoughMoney)
async def quote(runtime: Runtime, sender: Customer, amount: Money) -> Quote:
    """Quotes a send that the balance of now is enough for."""
    quoted = tariffs.quote(KIND, amount)
    if await wallet.get_balance(runtime, sender) < quoted.total:
        raise NotEnoughMoney(needed=quoted.total)
    return quoted


@refuses(KeyConflict)
async def find_receipt(
    runtime: Runtime, sender: Customer, recipient_phone: str, amount: Money, key: str, recipient_id: UUID | None = None
) -> SendReceipt | None:
    """The receipt of a send under this key, as it was then. KeyConflict: the key was for another request."""
    async with runtime.database.autocommit() as connection:
        first = await answers.find(connection, sender.wallet, key, KIND)
        if first is None:
            return None
        credited = first.get_part(WALLET, not_of=sender.id)
        assert credited.owner is not None, first.transfer_id
        recipient = await profiles.find_on_record(connection, credited.owner)
    assert recipient is not None, credited.owner
    if (recipient.phone, credited.amount) != (recipient_phone, amount) or recipient_id not in (None, recipient.id):
        raise KeyConflict
    kept = first.find_part(GOAL, of=sender.id)
    saved = None if kept is None else kept.amount
    return SendReceipt(first.reference, recipient, amount, first.fee, first.balance(leg=0), saved)


@refuses(KeyConflict)
async def _find_confirmed(runtime: Runtime, sender: Customer, recipient: Customer, quoted: Quote, key: str) -> SendReceipt | None:
    return await find_receipt(runtime, sender, recipient.phone, quoted.amount, key, recipient.id)


@repeats(_find_confirmed)
@refuses(SendOff, OverLimit, OverDayLimit, OverBalanceLimit, NotEnoughMoney, AccountClosed, KeyConflict, Busy)
async def send_confirmed(runtime: Runtime, sender: Customer, recipient: Customer, quoted: Quote, key: str) -> SendReceipt:
    """Moves the money without a PIN: the caller has the sender's confirmation. Otherwise as `send`."""
    return await _move(runtime, sender, recipient, quoted, key)


@repeats(find_receipt)
@refuses(SendOff, get_shown, tariffs.quote, tariffs.check_agreed, pins.check_for_payment, send_confirmed)
async def send(
    runtime: Runtime,
    *,
    sender: Customer,
    recipient_phone: str,
    amount: Money,
    pin: str,
    key: str,
    recipient_id: UUID | None = None,
    agreed_fee: Money | None = None,
) -> SendReceipt:
    """Moves amount and fee, and tells both sides; once for each `key`. A repetition gets the first receipt again.

    `recipient_id` and `agreed_fee` are what the sender was shown. NewOwner: the number is somebody else's now. FeeRose: the fee
    is above that; one that is below is taken as it is.
    """
    recipient = await get_shown(runtime, sender, recipient_phone, recipient_id)
    quoted = tariffs.quote(KIND, amount)
    tariffs.check_agreed(quoted.fee, agreed_fee)
    await pins.check_for_payment(runtime, sender.id, pin)
    return await _move(runtime, sender, recipient, quoted, key)


async def _move(runtime: Runtime, sender: Customer, recipient: Customer, quoted: Quote, key: str) -> SendReceipt:
    amount = quoted.amount
    saves = not runtime.switches.is_off(SavingsOff.switch)
    rounding = await round_ups.find_due(runtime, sender, quoted.total) if saves else None
    answer = await runtime.poster.submit(build_transfer(sender, recipient, quoted, key, rounding))
    if rounding is not None and answer.outcome in round_ups.GIVES_WAY:
        rounding = None
        answer = await runtime.poster.submit(build_transfer(sender, recipient, quoted, key))
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
