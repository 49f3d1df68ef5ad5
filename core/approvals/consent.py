"""Requests that a customer has to approve on her phone: an agent made them, or she made them by SMS. Neither alone moves money.

A family adds requests of its kind, and its Carrier carries them out (`core/features.py` lists the carriers). A request is carried
out once, when the customer approves it with her PIN, and expires after a day.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import ColumnElement, Row, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core import chores, clock, ids, phones
from core.approvals.refusals import ApprovalClosed
from core.chores import Due
from core.credentials import pins
from core.customers import profiles
from core.customers.profiles import Customer
from core.customers.refusals import NewOwner, UnknownRecipient
from core.errors import KeyConflict, UnknownAgent, check_same
from core.ledger import answers, tariffs
from core.ledger.post import post_one
from core.ledger.refusals import AccountClosed, AmountTooSmall, NotEnoughMoney, OverBalanceLimit, OverDayLimit, OverLimit
from core.ledger.transfer import Transfer
from core.money import Money
from core.refusing import refuses, repeats
from core.runtime import Runtime
from core.tables.agents import agent as agent_table
from core.tables.approvals import approval as approval_table
from core.tables.customers import customer as customer_table

LASTS = timedelta(hours=24)
_MOST_SHOWN = 10


class Price(Protocol):
    """What an approval costs the customer."""

    @property
    def fee(self) -> Money: ...

    @property
    def total(self) -> Money: ...


@dataclass(frozen=True, slots=True)
class Request:
    """A request for approval. A withdrawal has an `agent_id`, a send a `recipient_phone` (E.164) and a `recipient_id`.

    Without the id a release before this one has written it: the number's owner since before `created_at` was meant.
    """

    id: UUID
    kind: str
    amount: Money
    agent_id: UUID | None
    recipient_phone: str | None
    recipient_id: UUID | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Carrier:
    """How a family carries out its kind of request.

    `price` may refuse with AmountTooSmall or OverLimit. `build_transfer` makes the transfer that an approval posts; its first leg
    is the customer's wallet, and it may refuse with what `approve` declares. `tell_refused` and `tell_expired` write to the
    people concerned, in the caller's transaction.
    """

    kind: str
    price: Callable[[Money], Price]
    build_transfer: Callable[[Runtime, Customer, Request], Awaitable[Transfer]]
    tell_refused: Callable[[Runtime, AsyncConnection, Customer, Request], Awaitable[None]]
    tell_expired: Callable[[Runtime, AsyncConnection, Customer, Request], Awaitable[None]]


Carriers = Mapping[str, Carrier]


@dataclass(frozen=True, slots=True)
class Approval:
    """A request as its customer sees it. `other` names the agent's shop or the recipient.

    `number` is the agent's, or the recipient's phone as she would dial it.
    """

    id: UUID
    kind: str
    other: str
    number: str
    amount: Money
    fee: Money
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ApprovalReceipt:
    """`balance` is the customer's, afterwards."""

    reference: str
    amount: Money
    fee: Money
    balance: Money


async def add(connection: AsyncConnection, customer: Customer, kind: str, key: str, amount: Money, **other_side: object) -> UUID:
    """Adds a request, in the transaction of the family that makes it. `other_side`: `agent_id`, or recipient's phone and id."""
    approval_id, now = ids.new_id(), clock.now()
    row = {"customer_id": customer.id, "kind": kind, "key": key, "created_at": now, "expires_at": now + LASTS}
    await connection.execute(
        insert(approval_table).values(id=approval_id, **row, currency=amount.currency, amount=amount.minor, **other_side)
    )
    return approval_id


@refuses(KeyConflict)
async def find(
    connection: AsyncConnection, customer: Customer, kind: str, key: str, amount: Money, **other_side: object
) -> UUID | None:
    """The request that was made under this key before; KeyConflict where it was a different one."""
    query = select(approval_table).where(approval_table.c.customer_id == customer.id, approval_table.c.key == key)
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    check_same(row, **{"kind": kind, "amount": amount.minor, "agent_id": None, "recipient_phone": None, **other_side})
    approval_id: UUID = row.id
    return approval_id


async def count_waiting(connection: AsyncConnection, customer: Customer, kind: str, *, agent_id: UUID | None = None) -> int:
    """How many requests of a kind wait for the customer; with `agent_id`, how many of that agent's."""
    query = select(func.count()).where(_is_waiting(customer), approval_table.c.kind == kind)
    if agent_id is not None:
        query = query.where(approval_table.c.agent_id == agent_id)
    return int(await connection.scalar(query) or 0)


async def list_waiting(runtime: Runtime, customer: Customer, carriers: Carriers) -> list[Approval]:
    """The requests that the customer can answer now, oldest first; ten at most."""
    recipient = customer_table.alias("recipient")
    # Of a release before this one: who had the number when it was written.
    is_owner = (recipient.c.phone == approval_table.c.recipient_phone) & (recipient.c.status == "active")
    was_owner = is_owner & (recipient.c.created_at <= approval_table.c.created_at) & approval_table.c.recipient_id.is_(None)
    is_recipient = or_(recipient.c.id == approval_table.c.recipient_id, was_owner)
    query = (
        select(approval_table, agent_table.c.name, agent_table.c.number, recipient.c.name.label("recipient"))
        .outerjoin(agent_table, agent_table.c.customer_id == approval_table.c.agent_id)
        .outerjoin(recipient, is_recipient)
        .where(_is_waiting(customer))
        .order_by(approval_table.c.created_at, approval_table.c.id)
        .limit(_MOST_SHOWN)
    )
    async with runtime.database.autocommit() as connection:
        rows = (await connection.execute(query)).all()
    return [approval for row in rows if (approval := _approval(row, carriers)) is not None]


def key_of(approval_id: UUID) -> str:
    """The idempotency key of the transfer that an approval posts."""
    return f"approval:{approval_id}"


async def _find_receipt(runtime: Runtime, customer: Customer, approval_id: UUID) -> ApprovalReceipt | None:
    """None too for an approval of somebody else's: the key is her wallet's."""
    async with runtime.database.autocommit() as connection:
        first = await answers.find(connection, customer.wallet, key_of(approval_id))
        if first is None:
            return None
        query = select(approval_table.c.amount).where(approval_table.c.id == approval_id)
        amount = Money((await connection.scalars(query)).one(), first.currency)
    return ApprovalReceipt(first.reference, amount, first.fee, first.balance(leg=0))


@repeats(_find_receipt)
@refuses(
    ApprovalClosed,
    tariffs.check_agreed,
    pins.check_for_payment,
    AmountTooSmall,
    NotEnoughMoney,
    OverLimit,
    OverDayLimit,
    OverBalanceLimit,
    UnknownAgent,
    UnknownRecipient,
    NewOwner,
    AccountClosed,
)
async def approve(
    runtime: Runtime,
    customer: Customer,
    approval_id: UUID,
    pin: str,
    carriers: Carriers,
    *,
    agreed_fee: Money | None = None,
) -> ApprovalReceipt:
    """Moves the money, once, and tells both sides. A repetition gets the first receipt again.

    ApprovalClosed: answered otherwise already, expired, or somebody else's. FeeRose: the fee is above `agreed_fee`, which she was
    shown. After every other refusal the request goes on waiting.
    """
    query = select(approval_table).where(approval_table.c.id == approval_id, _is_waiting(customer))
    async with runtime.database.autocommit() as connection:
        row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise ApprovalClosed
    request, carrier = _request(row), carriers[row.kind]
    tariffs.check_agreed(carrier.price(request.amount).fee, agreed_fee)
    await pins.check_for_payment(runtime, customer.id, pin)
    transfer = await carrier.build_transfer(runtime, customer, request)
    country, currency = runtime.settings.country, request.amount.currency
    # What it takes, not what it would cost at this moment: the PIN has taken its time.
    total = Money(-transfer.legs[0].amount_minor, currency)
    fee = total - request.amount
    tariffs.check_agreed(fee, agreed_fee)
    async with runtime.database.transaction() as connection:
        await _close(connection, customer, approval_id, "approved")
        answer = await post_one(connection, transfer, country=country, currency=currency, needed=total)
    balance = Money(answer.available_minor[0], currency)
    return ApprovalReceipt(ids.reference(answer.transfer_id), request.amount, fee, balance)


async def _find_refused(runtime: Runtime, customer: Customer, approval_id: UUID) -> UUID | None:
    is_hers = (approval_table.c.id == approval_id) & (approval_table.c.customer_id == customer.id)
    async with runtime.database.autocommit() as connection:
        refused: UUID | None = await connection.scalar(
            select(approval_table.c.id).where(is_hers, approval_table.c.status == "refused")
        )
    return refused


@repeats(_find_refused)
@refuses(ApprovalClosed)
async def refuse(runtime: Runtime, customer: Customer, approval_id: UUID, carriers: Carriers) -> UUID:
    """Closes the request, and tells the agent whose it was. Moves nothing. A repetition gets the same answer."""
    async with runtime.database.transaction() as connection:
        request = _request(await _close(connection, customer, approval_id, "refused"))
        await carriers[request.kind].tell_refused(runtime, connection, customer, request)
    return approval_id


async def expire(runtime: Runtime, carriers: Carriers) -> int:
    """Expires the requests that were not answered in time, and tells the people concerned; answers with their number.

    Any number of workers may do it at the same time.
    """
    async with runtime.database.autocommit() as connection:
        now = await clock.read_in_database(connection)
    is_late = (approval_table.c.status == "waiting") & (approval_table.c.expires_at <= now)

    async def end(connection: AsyncConnection, row: Row[Any]) -> bool:
        expired = {"status": "expired", "answered_at": clock.in_database()}
        await connection.execute(update(approval_table).where(approval_table.c.id == row.id).values(expired))
        customer = await profiles.find_by_id(connection, row.customer_id)
        if customer is not None:
            await carriers[row.kind].tell_expired(runtime, connection, customer, _request(row))
        return True

    late = Due(select(approval_table).where(is_late), approval_table.c.id, (approval_table.c.expires_at,))
    return await chores.work_through(runtime.database, "approvals: expire", late, end)


async def _close(connection: AsyncConnection, customer: Customer, approval_id: UUID, status: str) -> Row[Any]:
    """Marks the request as answered. Its row stays locked until the commit, so that one answer counts."""
    statement = (
        update(approval_table)
        .where(approval_table.c.id == approval_id, _is_waiting(customer))
        .values(status=status, answered_at=clock.now())
        .returning(approval_table)
    )
    row: Row[Any] | None = (await connection.execute(statement)).one_or_none()
    if row is None:
        raise ApprovalClosed
    return row


def _request(row: Row[Any]) -> Request:
    amount = Money(row.amount, row.currency)
    return Request(row.id, row.kind, amount, row.agent_id, row.recipient_phone, row.recipient_id, row.created_at)


def _approval(row: Row[Any], carriers: Carriers) -> Approval | None:
    """None where no tariff allows the amount any more: the customer does not see such a request, and it expires."""
    amount = Money(row.amount, row.currency)
    try:
        fee = carriers[row.kind].price(amount).fee
    except (AmountTooSmall, OverLimit):
        return None
    number = row.number or phones.national(row.recipient_phone)
    return Approval(row.id, row.kind, row.name or row.recipient or number, number, amount, fee, row.expires_at)


def _is_waiting(customer: Customer) -> ColumnElement[bool]:
    is_open = (approval_table.c.status == "waiting") & (approval_table.c.expires_at > clock.now())
    return is_open & (approval_table.c.customer_id == customer.id)
