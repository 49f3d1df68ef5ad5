"""Money for a number that has no account yet: it leaves the sender now, and waits seven days for the number (unclaimed.py)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock, ids, phones
from core.credentials import pins
from core.customers import profiles
from core.customers.profiles import Customer
from core.customers.refusals import OwnNumber
from core.errors import KeyConflict, check_same
from core.ledger import answers, limits, tariffs
from core.ledger.chart import UNCLAIMED, SystemAccount
from core.ledger.post import post_one
from core.ledger.refusals import OverBalanceLimit
from core.ledger.tariffs import Quote
from core.ledger.transfer import Leg, Transfer
from core.messaging import notices
from core.money import Money
from core.operations.refusals import SendOff
from core.refusing import refuses, repeats
from core.runtime import Runtime
from core.sending import texts, transfers, unclaimed
from core.sending.refusals import TooManyWaiting
from core.tables.ledger import transfer as transfer_table
from core.tables.sending import invitation

KIND = "invite"
MOST_FROM_ONE_SENDER = 10
MOST_FOR_ONE_NUMBER = 20


@dataclass(frozen=True, slots=True)
class InvitationReceipt:
    """`phone` is E.164. At `until` the money goes back to the sender, fee included."""

    reference: str
    phone: str
    amount: Money
    fee: Money
    balance: Money
    until: datetime


@refuses(transfers.quote, TooManyWaiting, OverBalanceLimit)
async def quote(runtime: Runtime, sender: Customer, phone: str, amount: Money) -> Quote:
    """Quotes an invitation. OverBalanceLimit: a new wallet could not hold all that waits for the number."""
    quoted = await transfers.quote(runtime, sender, amount)
    async with runtime.database.autocommit() as connection:
        await _check_room(runtime, connection, sender, phone, amount)
    return quoted


@refuses(KeyConflict)
async def find_receipt(
    runtime: Runtime, sender: Customer, phone: str, amount: Money, key: str
) -> InvitationReceipt | transfers.SendReceipt | None:
    """The receipt of an invitation under this key, or of the send that it became. KeyConflict: it was another request."""
    async with runtime.database.autocommit() as connection:
        first = await answers.find(connection, sender.wallet, key, KIND, transfers.KIND)
        if first is None:
            return None
        query = select(invitation).where(invitation.c.transfer_id == first.transfer_id)
        row = (await connection.execute(query)).one_or_none()
    if row is None:
        return await transfers.find_receipt(runtime, sender, phone, amount, key)
    check_same(row, phone=phone, currency=amount.currency, amount=amount.minor)
    return InvitationReceipt(first.reference, phone, amount, Money(row.fee, row.currency), first.balance(leg=0), row.expires_at)


@repeats(find_receipt)
@refuses(
    SendOff,
    OwnNumber,
    tariffs.quote,
    tariffs.check_agreed,
    pins.check_for_payment,
    transfers.send_confirmed,
    TooManyWaiting,
)
async def send(
    runtime: Runtime,
    *,
    sender: Customer,
    phone: str,
    amount: Money,
    pin: str,
    key: str,
    agreed_fee: Money | None = None,
) -> InvitationReceipt | transfers.SendReceipt:
    """Takes amount and fee from the sender, and tells both sides; once for each `key`. A repetition gets the first receipt again.

    Where the number has registered meanwhile, it is a send, with a send's receipt: she was shown the number, and nobody's name.
    FeeRose: the fee is above `agreed_fee`, which she was shown.
    """
    if phone == sender.phone:
        raise OwnNumber
    quoted = tariffs.quote(transfers.KIND, amount)
    tariffs.check_agreed(quoted.fee, agreed_fee)
    await pins.check_for_payment(runtime, sender.id, pin)
    recipient = await profiles.find(runtime, phone)
    if recipient is not None:
        return await transfers.send_confirmed(runtime, sender, recipient, quoted, key)
    return await _let_wait(runtime, sender, phone, quoted, key)


async def _let_wait(runtime: Runtime, sender: Customer, phone: str, quoted: Quote, key: str) -> InvitationReceipt:
    country, currency, now = runtime.settings.country, quoted.amount.currency, clock.now()
    until = now + unclaimed.LASTS
    transfer = _build_transfer(sender, phone, quoted, clock.moment_text(until, country), key)
    async with runtime.database.transaction() as connection:
        # Invitations to one number come one after the other: at the same time two could pass its limits together.
        await connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(phone, 0))))
        # So do those of one sender, who has a limit too. Closing an account locks her row before the ledger's accounts too.
        await profiles.lock(connection, sender.id)
        is_key = (transfer_table.c.initiator == sender.wallet) & (transfer_table.c.key == key)
        if await connection.scalar(select(exists().where(is_key))):
            raise KeyConflict  # or the same request, which has overtaken this one and is answered as a repetition
        await _check_room(runtime, connection, sender, phone, quoted.amount)
        await _invite(runtime, connection, sender, phone, quoted, transfer.id, now)
        answer = await post_one(connection, transfer, country=country, currency=currency, needed=quoted.total)
        if answer.outcome == "repeated":
            raise KeyConflict
    balance = Money(answer.available_minor[0], currency)
    return InvitationReceipt(ids.reference(answer.transfer_id), phone, quoted.amount, quoted.fee, balance, until)


async def _invite(
    runtime: Runtime, connection: AsyncConnection, sender: Customer, phone: str, quoted: Quote, transfer_id: UUID, now: datetime
) -> None:
    until = now + unclaimed.LASTS
    await connection.execute(
        insert(invitation).values(
            transfer_id=transfer_id,
            sender_id=sender.id,
            phone=phone,
            currency=quoted.amount.currency,
            amount=quoted.amount.minor,
            fee=quoted.fee.minor,
            created_at=now,
            expires_at=until,
        )
    )
    # The number's language is not known yet: the sender's is the best guess.
    await notices.tell_number(
        runtime,
        connection,
        phone,
        sender.language,
        texts.INVITATION,
        name=sender.name,
        phone=phones.national(sender.phone),
        amount=quoted.amount,
        moment=clock.moment_text(until, runtime.settings.country),
    )


def _build_transfer(sender: Customer, phone: str, quoted: Quote, until: str, key: str) -> Transfer:
    transfer_id, amount = ids.new_id(), quoted.amount
    notice = notices.write(
        sender,
        texts.INVITED,
        reference=ids.reference(transfer_id),
        amount=amount,
        fee=quoted.fee,
        phone=phones.national(phone),
        moment=until,
    )
    return Transfer(
        id=transfer_id,
        initiator=sender.wallet,
        key=key,
        kind=KIND,
        legs=(
            Leg(sender.wallet, -quoted.total.minor),
            Leg(SystemAccount(UNCLAIMED, amount.currency), amount.minor),
            *quoted.charged.legs,
        ),
        limited_minor=amount.minor,
        notices=(notice,),
        request=f"{phone} {amount.minor}",
    )


async def _check_room(runtime: Runtime, connection: AsyncConnection, sender: Customer, phone: str, amount: Money) -> None:
    is_from_sender, is_for_number = invitation.c.sender_id == sender.id, invitation.c.phone == phone
    row = (
        await connection.execute(
            select(
                func.count().filter(is_from_sender).label("from_sender"),
                func.count().filter(is_for_number).label("for_number"),
                func.coalesce(func.sum(invitation.c.amount).filter(is_for_number), 0).label("amount_minor"),
            ).where(invitation.c.status == "waiting", is_from_sender | is_for_number)
        )
    ).one()
    if row.from_sender >= MOST_FROM_ONE_SENDER or row.for_number >= MOST_FOR_ONE_NUMBER:
        raise TooManyWaiting
    most_minor = limits.get(limits.VERIFIED, amount.currency, clock.today(runtime.settings.country)).balance
    if row.amount_minor + amount.minor > most_minor:
        raise OverBalanceLimit
