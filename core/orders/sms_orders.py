"""What a customer has ordered by SMS, until its one-time code comes back.

The sender of an SMS is easily forged, so an order moves nothing. Its answer carries a code to the number of the account. When the
code comes back within five minutes, the money moves, once. A send above the SMS limit, alone or together with what codes have let
out in the last 24 hours, waits for an approval with the PIN instead.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Row, func, insert, select, update

from core import clock
from core.credentials import codes, pins
from core.customers.profiles import Customer
from core.errors import Refusal
from core.ledger import limits, tariffs
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
    """An order that was carried out. `to` is the recipient, or the goal."""

    reference: str
    amount: Money
    to: Customer | Goal
    balance: Money


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
    code_id = await _place(runtime, sender, SEND, amount, recipient_phone=recipient_phone)
    return PlacedOrder(code_id, amount, quoted.fee, recipient)


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
    transfers.get_recipient,
    tariffs.quote,
    transfers.send_confirmed,
    goals.save_confirmed,
)
async def confirm(runtime: Runtime, customer: Customer, typed: str) -> DoneOrder:
    """Carries out the newest order whose code this is, once.

    After a crash between code and money the same code finishes the order, under the same key of the ledger.
    """
    code_id = await _find_unfinished(runtime, customer, typed) or await codes.check(runtime, customer.id, codes.SMS, typed)
    async with runtime.database.autocommit() as connection:
        row = (await connection.execute(select(order_table).where(order_table.c.id == code_id))).one()
    try:
        return await _carry_out(runtime, customer, row)
    except Refusal:
        await _finish(runtime, code_id)
        raise


async def _place(
    runtime: Runtime,
    customer: Customer,
    kind: str,
    amount: Money,
    *,
    recipient_phone: str | None = None,
    goal_id: UUID | None = None,
) -> UUID:
    async with runtime.database.transaction() as connection:
        await codes.check_not_guessed(connection, customer.id, codes.SMS)
        code_id = await codes.issue(connection, customer.id, codes.SMS, CODE_TTL)
        await connection.execute(
            insert(order_table).values(
                id=code_id,
                customer_id=customer.id,
                kind=kind,
                recipient_phone=recipient_phone,
                goal_id=goal_id,
                currency=amount.currency,
                amount=amount.minor,
                created_at=clock.now(),
            )
        )
    return code_id


async def _find_unfinished(runtime: Runtime, customer: Customer, typed: str) -> UUID | None:
    """An order whose code was used and whose money may not have moved: its process has crashed, or is still at work."""
    async with runtime.database.autocommit() as connection:
        order_id: UUID | None = await connection.scalar(
            select(order_table.c.id)
            .join(one_time_code, one_time_code.c.id == order_table.c.id)
            .where(
                order_table.c.customer_id == customer.id,
                order_table.c.done_at.is_(None),
                one_time_code.c.used_at > clock.now() - CODE_TTL,
            )
            .order_by(order_table.c.created_at.desc())
            .limit(1)
        )
    if order_id is None or not codes.matches(runtime.settings, order_id, codes.SMS, typed):
        return None
    return order_id


async def _carry_out(runtime: Runtime, customer: Customer, row: Row[tuple[object, ...]]) -> DoneOrder:
    amount, key = Money(row.amount, row.currency), f"sms:{row.id}"
    to: Customer | Goal
    if row.kind == SEND:
        await pins.require_open_for_payment(runtime, customer.id)
        to = await transfers.get_recipient(runtime, customer, row.recipient_phone)
        receipt = await transfers.send_confirmed(runtime, customer, to, tariffs.quote(transfers.KIND, amount), key)
        done = DoneOrder(receipt.reference, amount, to, receipt.balance)
    else:
        await pins.require_open(runtime, customer.id)
        saving = await goals.save_confirmed(runtime, customer, row.goal_id, amount, key)
        done = DoneOrder(saving.reference, amount, saving.goal, saving.balance)
    await _finish(runtime, row.id)
    return done


async def _finish(runtime: Runtime, order_id: UUID) -> None:
    async with runtime.database.autocommit() as connection:
        await connection.execute(update(order_table).where(order_table.c.id == order_id).values(done_at=clock.now()))


async def _sum_sent_lately(runtime: Runtime, customer: Customer) -> Money:
    """What codes alone have let out in the last 24 hours, so that a stolen phone sends no more in many pieces than in one."""
    lately = select(func.coalesce(func.sum(order_table.c.amount), 0)).join(one_time_code, one_time_code.c.id == order_table.c.id)
    is_own_send = (order_table.c.customer_id == customer.id) & (order_table.c.kind == SEND)
    async with runtime.database.autocommit() as connection:
        minor = await connection.scalar(lately.where(is_own_send, one_time_code.c.used_at > clock.now() - timedelta(days=1)))
    return Money(int(minor or 0), customer.currency)


def _sms_limit(runtime: Runtime, customer: Customer) -> Money:
    today = clock.today(runtime.settings.country)
    # A customer with a PIN has given her ID number too.
    return Money(limits.get(limits.VERIFIED, customer.currency, today).sms, customer.currency)
