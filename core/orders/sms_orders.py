"""What a customer has ordered by SMS, until its one-time code comes back.

The sender of an SMS is easily forged, so an order moves nothing. Its answer carries a code to the number of the account. When the
code comes back within five minutes, the money moves, once. A send above the SMS limit, alone or together with what codes have let
out in the last 24 hours, waits for an approval with the PIN instead.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, func, insert, select, update

from core import clock
from core.credentials import codes, pins
from core.customers import profiles
from core.customers.profiles import Customer
from core.errors import Busy, Refusal
from core.ledger import limits, tariffs
from core.ledger.refusals import FeeRose
from core.ledger.tariffs import Quote
from core.money import Money
from core.operations.refusals import SavingsOff, SendOff
from core.refusing import refuses
from core.runtime import Runtime
from core.savings import goals
from core.savings.goals import Goal
from core.sending import approval, transfers
from core.tables.credentials import one_time_code
from core.tables.orders import order as order_table

CODE_TTL = timedelta(minutes=5)
# Providers deliver an SMS again for twelve hours (docs/protocols.md).
_MAY_COME_AGAIN = timedelta(days=1)
# Of a customer, in that time.
_MOST_USED = 100
SEND, SAVE = "send", "save"


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """An order that waits for the code `code_id` or, where that is None, for an approval on the phone."""

    code_id: UUID | None
    amount: Money
    fee: Money
    to: Customer | Goal


@dataclass(frozen=True, slots=True)
class DoneOrder:
    """An order that was carried out. `to` is the recipient, or the goal. `is_new`: by this request, and not by one before it."""

    reference: str
    amount: Money
    to: Customer | Goal
    balance: Money
    is_new: bool = True


@refuses(
    SendOff,
    pins.require_open_for_payment,
    transfers.get_recipient,
    transfers.quote,
    approval.ask,
    codes.check_not_guessed,
)
async def place_send(runtime: Runtime, sender: Customer, recipient_phone: str, amount: Money, key: str) -> PlacedOrder:
    """Orders a transfer. RequestWaits: five sends above the SMS limit wait for an approval already."""
    await pins.require_open_for_payment(runtime, sender.id)
    recipient = await transfers.get_recipient(runtime, sender, recipient_phone)
    quoted = await transfers.quote(runtime, sender, amount)
    if amount + await _sum_sent_lately(runtime, sender) > _sms_limit(runtime, sender):
        await approval.ask(runtime, sender, recipient_phone, amount, key)
        return PlacedOrder(None, amount, quoted.fee, recipient)
    return await _place_send(runtime, sender, recipient, quoted)


@refuses(SavingsOff, pins.require_open, goals.check_enough, codes.check_not_guessed)
async def place_saving(runtime: Runtime, customer: Customer, goal: Goal, amount: Money) -> PlacedOrder:
    """Orders a payment into one of her goals. Her balance is its only limit."""
    await pins.require_open(runtime, customer.id)
    await goals.check_enough(runtime, customer, amount)
    code_id = await _place(runtime, customer, SAVE, amount, goal_id=goal.id)
    return PlacedOrder(code_id, amount, Money(0, amount.currency), goal)


@refuses(
    codes.check,
    pins.require_open_for_payment,
    transfers.get_shown,
    tariffs.quote,
    transfers.send_confirmed,
    goals.save_confirmed,
    codes.check_not_guessed,
)
async def confirm(runtime: Runtime, customer: Customer, typed: str) -> DoneOrder | PlacedOrder:
    """Carries out the newest order whose code this is, once. The same code again gets the first answer.

    After a crash between code and money the same code finishes the order, under the same key of the ledger. Where the fee is
    above the one that she was told, nothing moves: a new order is placed at the price of now, for a new code. NewOwner: the
    number is somebody else's now than when she was told whose it is.
    """
    row = None
    if not await _is_newest(runtime, customer, typed):
        done = await find_done(runtime, customer, typed)
        if done is not None:
            return done
        # Its process has crashed, or is still at work.
        used = await _list_used(runtime, customer, typed, CODE_TTL)
        row = next((row for row in used if row.done_at is None), None)
    if row is None:
        row = await _get(runtime, await codes.check(runtime, customer.id, codes.SMS, typed))
    try:
        return await _carry_out(runtime, customer, row)
    except Busy:
        raise  # the same code may be sent again
    except FeeRose:
        return await _ask_again(runtime, customer, row)
    except Refusal:
        await _finish(runtime, row.id)
        raise


async def find_done(runtime: Runtime, customer: Customer, typed: str) -> DoneOrder | None:
    """What was carried out for this code, also hours ago: the SMS with it may be delivered again."""
    for row in await _list_used(runtime, customer, typed, _MAY_COME_AGAIN):
        done = await _find_done(runtime, customer, row)
        if done is not None:
            return done
    return None


async def _ask_again(runtime: Runtime, customer: Customer, row: Row[Any]) -> PlacedOrder:
    """Places the order at the price of now, and then ends the one of before: after a crash in between its code asks her again."""
    try:
        placed = await _place_again(runtime, customer, row)
    except Busy:
        raise
    except Refusal:
        await _finish(runtime, row.id)
        raise
    await _finish(runtime, row.id)
    return placed


async def _place_send(runtime: Runtime, sender: Customer, recipient: Customer, quoted: Quote) -> PlacedOrder:
    shown = {"recipient_phone": recipient.phone, "recipient_id": recipient.id, "fee": quoted.fee.minor}
    code_id = await _place(runtime, sender, SEND, quoted.amount, **shown)
    return PlacedOrder(code_id, quoted.amount, quoted.fee, recipient)


@refuses(transfers.get_shown, transfers.quote, codes.check_not_guessed)
async def _place_again(runtime: Runtime, sender: Customer, row: Row[Any]) -> PlacedOrder:
    recipient = await _get_recipient(runtime, sender, row)
    return await _place_send(runtime, sender, recipient, await transfers.quote(runtime, sender, Money(row.amount, row.currency)))


async def _place(runtime: Runtime, customer: Customer, kind: str, amount: Money, **shown: object) -> UUID:
    async with runtime.database.transaction() as connection:
        await codes.check_not_guessed(connection, customer.id, codes.SMS)
        code_id = await codes.issue(connection, customer.id, codes.SMS, CODE_TTL)
        order = {"id": code_id, "customer_id": customer.id, "kind": kind, "created_at": clock.now()}
        await connection.execute(insert(order_table).values(**order, currency=amount.currency, amount=amount.minor, **shown))
    return code_id


async def _is_newest(runtime: Runtime, customer: Customer, typed: str) -> bool:
    """Is it the code that waits? An order of before that happened to have the same one is not meant."""
    async with runtime.database.autocommit() as connection:
        code = await codes.find_newest(connection, customer.id, codes.SMS)
    return code is not None and codes.is_waiting(code) and codes.matches(runtime.settings, code.id, codes.SMS, typed)


async def _list_used(runtime: Runtime, customer: Customer, typed: str, lately: timedelta) -> list[Row[Any]]:
    """The orders whose code, this one, was used lately, the newest first."""
    query = (
        select(order_table)
        .join(one_time_code, one_time_code.c.id == order_table.c.id)
        .where(order_table.c.customer_id == customer.id, _is_used_since(clock.in_database() - lately))
        .order_by(order_table.c.created_at.desc())
        .limit(_MOST_USED)
    )
    async with runtime.database.autocommit() as connection:
        rows = (await connection.execute(query)).all()
    return [row for row in rows if codes.matches(runtime.settings, row.id, codes.SMS, typed)]


async def _get(runtime: Runtime, order_id: UUID) -> Row[Any]:
    async with runtime.database.autocommit() as connection:
        return (await connection.execute(select(order_table).where(order_table.c.id == order_id))).one()


async def _find_done(runtime: Runtime, customer: Customer, row: Row[Any]) -> DoneOrder | None:
    """What the order has moved already, whoever asks for it by its code now: a PIN or a switch has no say in that any more."""
    amount, key = Money(row.amount, row.currency), _key(row)
    if row.kind == SEND:
        sent = await transfers.find_receipt(runtime, customer, row.recipient_phone, amount, key, row.recipient_id)
        done = None if sent is None else DoneOrder(sent.reference, amount, sent.recipient, sent.balance, is_new=False)
    else:
        saved = await goals.find_saved(runtime, customer, row.goal_id, amount, key)
        done = None if saved is None else DoneOrder(saved.reference, amount, saved.goal, saved.balance, is_new=False)
    if done is not None and row.done_at is None:
        await _finish(runtime, row.id)
    return done


async def _carry_out(runtime: Runtime, customer: Customer, row: Row[Any]) -> DoneOrder:
    amount = Money(row.amount, row.currency)
    to: Customer | Goal
    if row.kind == SEND:
        await pins.require_open_for_payment(runtime, customer.id)
        to = await _get_recipient(runtime, customer, row)
        quoted = tariffs.quote(transfers.KIND, amount)
        tariffs.check_agreed(quoted.fee, None if row.fee is None else Money(row.fee, row.currency))
        receipt = await transfers.send_confirmed(runtime, customer, to, quoted, _key(row))
        done = DoneOrder(receipt.reference, amount, to, receipt.balance)
    else:
        await pins.require_open(runtime, customer.id)
        saving = await goals.save_confirmed(runtime, customer, row.goal_id, amount, _key(row))
        done = DoneOrder(saving.reference, amount, saving.goal, saving.balance)
    await _finish(runtime, row.id)
    return done


@refuses(transfers.get_shown)
async def _get_recipient(runtime: Runtime, customer: Customer, row: Row[Any]) -> Customer:
    recipient = await transfers.get_shown(runtime, customer, row.recipient_phone, row.recipient_id)
    if row.recipient_id is None:  # a release before this one has written the order
        await profiles.check_owned_since(runtime, recipient, row.created_at)
    return recipient


def _key(row: Row[Any]) -> str:
    return f"sms:{row.id}"


async def _finish(runtime: Runtime, order_id: UUID) -> None:
    async with runtime.database.autocommit() as connection:
        await connection.execute(update(order_table).where(order_table.c.id == order_id).values(done_at=clock.now()))


async def _sum_sent_lately(runtime: Runtime, customer: Customer) -> Money:
    """What codes alone have let out in the last 24 hours, so that a stolen phone sends no more in many pieces than in one."""
    lately = select(func.coalesce(func.sum(order_table.c.amount), 0)).join(one_time_code, one_time_code.c.id == order_table.c.id)
    is_own_send = (order_table.c.customer_id == customer.id) & (order_table.c.kind == SEND)
    async with runtime.database.autocommit() as connection:
        minor = await connection.scalar(lately.where(is_own_send, _is_used_since(clock.in_database() - timedelta(days=1))))
    return Money(int(minor or 0), customer.currency)


def _is_used_since(moment: ColumnElement[datetime]) -> ColumnElement[bool]:
    # A code is used before its own end. `used_at` is later than that after a PIN that a clock ahead has dated (codes.check).
    return (one_time_code.c.used_at > moment) & (one_time_code.c.expires_at > moment)


def _sms_limit(runtime: Runtime, customer: Customer) -> Money:
    today = clock.today(runtime.settings.country)
    # A customer with a PIN has given her ID number too.
    return Money(limits.get(limits.VERIFIED, customer.currency, today).sms, customer.currency)
