"""What waits for a customer's yes: somebody else asked for it, or she did by SMS. Neither side alone moves money.

An agent asks, with his PIN, to pay her out; or she asks by SMS to send more than SMS alone may. It happens when she says yes on
her phone, with her PIN: once, within a day.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock, ids, phones
from core.errors import AmountTooSmall, ApprovalClosed, KeyConflict, OverLimit, PaymentWaits, UnknownAgent
from core.ledger import tariffs
from core.ledger.post import post_one
from core.ledger.transfer import Transfer
from core.money import Money
from core.runtime import Runtime
from core.services import agents, cash, customers, notices, pins, texts, transfers
from core.services.agents import Agent
from core.services.customers import Customer
from core.tables.agents import agent as agent_table
from core.tables.agents import approval as table
from core.tables.people import customer as customer_table

AGENT_WITHDRAWAL, SEND = "agent_withdrawal", "send"
LASTS = timedelta(hours=24)
MOST_SENDS_WAITING = 5
_MOST_SHOWN = 10
_MOST_EXPIRED_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Approval:
    """`other` names who gets the money, an agent's shop or the recipient; `number` is that agent's, or the recipient's phone."""

    id: UUID
    kind: str
    other: str
    number: str
    amount: Money
    fee: Money
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """`balance` is what is left in the customer's wallet."""

    reference: str
    amount: Money
    fee: Money
    balance: Money


async def ask_withdrawal(runtime: Runtime, *, agent: Agent, customer_phone: str, amount: Money, pin: str, key: str) -> Customer:
    """An agent asks to pay a customer out: she is told by SMS and answers on her phone. Once for each `key`; returns her.

    Raises OwnNumber, UnknownRecipient, AmountTooSmall, OverLimit, WrongPin, PinLocked, Busy, PaymentWaits (she has not answered
    this agent's last request), KeyConflict.
    """
    customer = await cash.find_customer(runtime, agent, customer_phone)
    quoted = cash.price(amount)
    await pins.check(runtime, agent.customer.id, pin)
    own = agent_table.c.customer_id == agent.customer.id
    open_ones = (table.c.agent_id == agent.customer.id) & (table.c.customer_id == customer.id)
    async with runtime.database.transaction() as connection:
        # One request of an agent's at a time: the next one sees what this one has written.
        await connection.execute(select(agent_table.c.number).where(own).with_for_update(key_share=True))
        row = _row(customer, AGENT_WITHDRAWAL, f"{agent.number}:{key}", amount, agent_id=agent.customer.id)
        if await _find(connection, row) is not None:
            return customer
        if await _count(connection, open_ones):
            raise PaymentWaits
        await connection.execute(insert(table).values(row))
        said: dict[str, Any] = {"name": agent.name, "number": agent.number, "amount": amount, "fee": quoted.fee}
        await notices.tell(connection, customer, texts.APPROVAL_ASKED, service_code=runtime.settings.service_code, **said)
    return customer


async def ask_to_send(runtime: Runtime, customer: Customer, recipient_phone: str, amount: Money, key: str) -> UUID:
    """She asks by SMS to send more than SMS alone may, and will be asked on her phone. Once for each `key`; returns its id.

    Raises OwnNumber, UnknownRecipient, AmountTooSmall, OverLimit, PaymentWaits (five wait already), KeyConflict.
    """
    recipient = await transfers.find_recipient(runtime, customer, recipient_phone)
    tariffs.fee(transfers.KIND, amount)
    async with runtime.database.transaction() as connection:
        own = select(customer_table.c.id).where(customer_table.c.id == customer.id).with_for_update(key_share=True)
        await connection.execute(own)
        row = _row(customer, SEND, f"own:{key}", amount, recipient_phone=recipient.phone)
        found = await _find(connection, row)
        if found is not None:
            return found
        open_ones = (table.c.customer_id == customer.id) & (table.c.kind == SEND)
        if await _count(connection, open_ones) >= MOST_SENDS_WAITING:
            raise PaymentWaits
        return UUID(str(await connection.scalar(insert(table).values(row).returning(table.c.id))))


async def waiting(runtime: Runtime, customer: Customer) -> list[Approval]:
    """What the customer may answer now, oldest first."""
    recipient = customer_table.alias("recipient")
    is_hers = (recipient.c.phone == table.c.recipient_phone) & (recipient.c.status == "active")
    query = (
        select(table, agent_table.c.name, agent_table.c.number, recipient.c.name.label("recipient"))
        .outerjoin(agent_table, agent_table.c.customer_id == table.c.agent_id)
        .outerjoin(recipient, is_hers)
        .where(table.c.customer_id == customer.id, _is_waiting())
        .order_by(table.c.created_at, table.c.id)
        .limit(_MOST_SHOWN)
    )
    async with runtime.database.autocommit() as connection:
        rows = (await connection.execute(query)).all()
    return [found for row in rows if (found := _approval(row)) is not None]


def key_of(approval_id: UUID) -> str:
    """The idempotency key of the transfer that a yes makes."""
    return f"approval:{approval_id}"


async def approve(runtime: Runtime, customer: Customer, approval_id: UUID, pin: str) -> Receipt:
    """She says yes: the money moves, once, and both sides are told.

    Raises ApprovalClosed (answered already, over, or somebody else's), WrongPin, PinLocked, MoneyOutWaits, Busy, NotEnoughMoney,
    OverLimit, OverDayLimit, OverBalanceLimit, AmountTooSmall, UnknownAgent, UnknownRecipient, AccountClosed; it waits on after
    each but the first.
    """
    own = (table.c.id == approval_id) & (table.c.customer_id == customer.id)
    async with runtime.database.autocommit() as connection:
        asked = (await connection.execute(select(table).where(own, _is_waiting()))).one_or_none()
    if asked is None:
        raise ApprovalClosed
    await pins.check(runtime, customer.id, pin, for_money_out=True)
    wish, quoted = await _transfer(runtime, customer, asked)
    country = runtime.settings.country
    async with runtime.database.transaction() as connection:
        await _close(connection, customer, approval_id, "approved")
        answer = await post_one(connection, wish, country=country, currency=asked.currency, needed=quoted.total)
    left = Money(answer.available_minor[0], asked.currency)
    return Receipt(ids.reference(answer.transfer_id), quoted.amount, quoted.fee, left)


async def refuse(runtime: Runtime, customer: Customer, approval_id: UUID) -> None:
    """She says no: nothing moves, and the agent who asked is told. Raises ApprovalClosed."""
    async with runtime.database.transaction() as connection:
        row = await _close(connection, customer, approval_id, "refused")
        if row.agent_id is not None:
            await _tell_agent(connection, row, customer, texts.APPROVAL_REFUSED)


async def expire(runtime: Runtime) -> int:
    """Ends what nobody has answered in time, and tells who asked; says how many. Any number of workers may do it at once."""
    late = (
        select(table.c.id)
        .where(table.c.status == "waiting", table.c.expires_at <= clock.now())
        .order_by(table.c.expires_at)
        .limit(_MOST_EXPIRED_AT_ONCE)
    )
    async with runtime.database.autocommit() as connection:
        found = (await connection.scalars(late)).all()
    return sum([await _expire(runtime, approval_id) for approval_id in found])


async def _expire(runtime: Runtime, approval_id: UUID) -> bool:
    now = clock.now()
    # Who comes second, another worker or the customer herself, waits for the row and then finds it answered.
    is_late = (table.c.id == approval_id) & (table.c.status == "waiting") & (table.c.expires_at <= now)
    async with runtime.database.transaction() as connection:
        over = update(table).where(is_late).values(status="expired", answered_at=now).returning(table)
        row = (await connection.execute(over)).one_or_none()
        customer = None if row is None else await customers.load(connection, row.customer_id)
        if row is None or customer is None:
            return row is not None
        if row.agent_id is not None:
            await _tell_agent(connection, row, customer, texts.APPROVAL_EXPIRED)
        else:
            said: dict[str, Any] = {"amount": Money(row.amount, row.currency), "phone": phones.national(row.recipient_phone)}
            await notices.tell(connection, customer, texts.SENDING_EXPIRED, **said)
    return True


async def _close(connection: AsyncConnection, customer: Customer, approval_id: UUID, status: str) -> Row[Any]:
    """Marks it answered, and keeps everybody else who wants to from it until the commit. Raises ApprovalClosed."""
    own = (table.c.id == approval_id) & (table.c.customer_id == customer.id)
    answered = update(table).where(own, _is_waiting()).values(status=status, answered_at=clock.now()).returning(table)
    row: Row[Any] | None = (await connection.execute(answered)).one_or_none()
    if row is None:
        raise ApprovalClosed
    return row


async def _transfer(runtime: Runtime, customer: Customer, asked: Row[Any]) -> tuple[Transfer, cash.Quote | tariffs.Quote]:
    amount, key = Money(asked.amount, asked.currency), key_of(asked.id)
    if asked.kind == AGENT_WITHDRAWAL:
        async with runtime.database.autocommit() as connection:
            agent = await agents.load(connection, asked.agent_id)
        price = cash.price(amount)
        return cash.withdrawal(customer, agent, price, key), price
    recipient = await transfers.find_recipient(runtime, customer, asked.recipient_phone)
    quoted = tariffs.quote(transfers.KIND, amount)
    return transfers.transfer_of(customer, recipient, quoted, key), quoted


async def _tell_agent(connection: AsyncConnection, asked: Row[Any], customer: Customer, text: str) -> None:
    try:
        agent = await agents.load(connection, asked.agent_id)
    except UnknownAgent:
        return  # the shop has closed its account since
    amount = Money(asked.amount, asked.currency)
    await notices.tell(connection, agent.customer, text, name=customer.name, phone=phones.national(customer.phone), amount=amount)


def _approval(row: Row[Any]) -> Approval | None:
    """None where no tariff allows the amount any more: such a one waits out its day unseen."""
    amount = Money(row.amount, row.currency)
    kind = "withdraw" if row.kind == AGENT_WITHDRAWAL else transfers.KIND
    try:
        fee = tariffs.fee(kind, amount).total
    except (AmountTooSmall, OverLimit):
        return None
    number = row.number or phones.national(row.recipient_phone)
    return Approval(row.id, row.kind, row.name or row.recipient or number, number, amount, fee, row.expires_at)


def _row(customer: Customer, kind: str, key: str, amount: Money, **other_side: object) -> dict[str, Any]:
    now = clock.now()
    row = {"id": ids.new_id(), "customer_id": customer.id, "kind": kind, "key": key, "created_at": now}
    return {**row, "expires_at": now + LASTS, "currency": amount.currency, "amount": amount.minor, **other_side}


async def _find(connection: AsyncConnection, wish: dict[str, Any]) -> UUID | None:
    """The request that was made before under the same key. Raises KeyConflict where it asked for something else."""
    query = select(table).where(table.c.customer_id == wish["customer_id"], table.c.key == wish["key"])
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    if any(wish.get(name) != getattr(row, name) for name in ("kind", "amount", "agent_id", "recipient_phone")):
        raise KeyConflict
    return UUID(str(row.id))


def _is_waiting() -> ColumnElement[bool]:
    return (table.c.status == "waiting") & (table.c.expires_at > clock.now())


async def _count(connection: AsyncConnection, *conditions: ColumnElement[bool]) -> int:
    """How many of those wait."""
    return int(await connection.scalar(select(func.count()).select_from(table).where(_is_waiting(), *conditions)) or 0)
