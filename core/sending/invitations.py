"""Money for somebody who is not registered yet: it leaves the sender now, and waits for her seven days (see unclaimed.py)."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock, ids, phones
from core.credentials import pins
from core.customers import profiles
from core.customers.profiles import Customer
from core.customers.refusals import OwnNumber
from core.errors import KeyConflict
from core.ledger import limits, tariffs
from core.ledger.chart import UNCLAIMED, SystemAccount
from core.ledger.post import post_one
from core.ledger.refusals import OverBalanceLimit
from core.ledger.tariffs import Quote
from core.ledger.transfer import Leg, Transfer
from core.messaging import notices
from core.money import Money
from core.refusing import refuses
from core.runtime import Runtime
from core.sending import texts, transfers, unclaimed
from core.sending.refusals import TooManyWaiting
from core.tables.sending import invitation

KIND = "invite"
MOST_FROM_ONE_SENDER = 10
MOST_FOR_ONE_NUMBER = 20


@dataclass(frozen=True, slots=True)
class Promise:
    """The receipt of money that waits. `phone` is E.164; at `until` it goes back to the sender, fee included."""

    reference: str
    phone: str
    amount: Money
    fee: Money
    balance: Money
    until: datetime


@refuses(transfers.quote, TooManyWaiting, OverBalanceLimit)
async def quote(runtime: Runtime, sender: Customer, phone: str, amount: Money) -> Quote:
    """The fee, before anything is asked for. OverBalanceLimit: a new wallet could not hold all that waits for the number."""
    quoted = await transfers.quote(runtime, sender, amount)
    async with runtime.database.autocommit() as connection:
        await _check_room(connection, runtime, sender, phone, amount)
    return quoted


@refuses(OwnNumber, tariffs.quote, pins.check_for_payment, transfers.send_confirmed, TooManyWaiting)
async def send(
    runtime: Runtime, *, sender: Customer, phone: str, amount: Money, pin: str, key: str
) -> Promise | transfers.Receipt:
    """Takes amount and fee from the sender and tells both; once for each `key`, whose first receipt a repetition gets again.

    Where the number has registered meanwhile it is an ordinary send, with that one's receipt.
    """
    if phone == sender.phone:
        raise OwnNumber
    quoted = tariffs.quote(transfers.KIND, amount)
    await pins.check_for_payment(runtime, sender.id, pin)
    recipient = await profiles.find(runtime, phone)
    if recipient is not None:
        # A conflict: this key's money was sent before she registered. It gets that receipt again, below.
        with suppress(KeyConflict):
            return await transfers.send_confirmed(runtime, sender, recipient, quoted, key)
    return await _let_wait(runtime, sender, phone, quoted, key)


async def _let_wait(runtime: Runtime, sender: Customer, phone: str, quoted: Quote, key: str) -> Promise:
    country, currency, now = runtime.settings.country, quoted.amount.currency, clock.now()
    until, fee = now + unclaimed.LASTS, quoted.fee
    wish = _transfer(sender, phone, quoted, clock.moment_text(until, country), key)
    async with runtime.database.transaction() as connection:
        # Senders to one number come one after the other, or together they would pass its bounds.
        await connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(phone, 0))))
        # The row will refer to hers. Whoever closes her account locks that before the ledger's too.
        await profiles.keep_open(connection, sender.id)
        # Ahead of the row, which a repetition must not write again.
        answer = await post_one(connection, wish, country=country, currency=currency, needed=quoted.total)
        if answer.outcome == "posted":
            await _check_room(connection, runtime, sender, phone, quoted.amount)
            await _write(connection, runtime, sender, phone, quoted, answer.transfer_id, now)
        else:
            first = select(invitation.c.expires_at, invitation.c.fee).where(invitation.c.transfer_id == answer.transfer_id)
            until, fee_minor = (await connection.execute(first)).one()
            fee = Money(fee_minor, currency)
    balance = Money(answer.available_minor[0], currency)
    return Promise(ids.reference(answer.transfer_id), phone, quoted.amount, fee, balance, until)


async def _write(
    connection: AsyncConnection, runtime: Runtime, sender: Customer, phone: str, quoted: Quote, transfer_id: UUID, now: datetime
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
    # Nobody knows her language yet: probably it is that of whoever sends her money.
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


def _transfer(sender: Customer, phone: str, quoted: Quote, until: str, key: str) -> Transfer:
    transfer_id, amount = ids.new_id(), quoted.amount
    told = notices.write(
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
        notices=(told,),
        request=f"{phone} {amount.minor}",
    )


async def _check_room(connection: AsyncConnection, runtime: Runtime, sender: Customer, phone: str, amount: Money) -> None:
    is_hers, is_its = invitation.c.sender_id == sender.id, invitation.c.phone == phone
    row = (
        await connection.execute(
            select(
                func.count().filter(is_hers).label("from_sender"),
                func.count().filter(is_its).label("for_number"),
                func.coalesce(func.sum(invitation.c.amount).filter(is_its), 0).label("minor"),
            ).where(invitation.c.status == "waiting", is_hers | is_its)
        )
    ).one()
    if row.from_sender >= MOST_FROM_ONE_SENDER or row.for_number >= MOST_FOR_ONE_NUMBER:
        raise TooManyWaiting
    most = limits.get(limits.VERIFIED, amount.currency, clock.today(runtime.settings.country)).balance
    if row.minor + amount.minor > most:
        raise OverBalanceLimit
