"""What waits for a customer's yes: somebody else asked for it, or she did by SMS. Neither side alone moves money.

A family asks, in its own words, and says by a Carrier how its kind of request is carried out (`core/features.py` lists them). It
happens when the customer says yes on her phone, with her PIN: once, within a day.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import ColumnElement, Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core import chores, clock, ids, phones
from core.chores import Due
from core.credentials import pins
from core.customers import profiles
from core.customers.profiles import Customer
from core.errors import Kind, Refusal
from core.i18n import _
from core.idempotency import check_same
from core.ledger.post import post_one
from core.ledger.refusals import AmountTooSmall, OverLimit
from core.ledger.transfer import Transfer
from core.money import Money
from core.runtime import Runtime
from core.tables.agents import agent as agent_table
from core.tables.approvals import approval as table
from core.tables.customers import customer as customer_table

LASTS = timedelta(hours=24)
_MOST_SHOWN = 10


class ApprovalClosed(Refusal):
    code = "approval_closed"
    kind = Kind.CONFLICT
    sentence = _("This request is over. Nothing was done.")


class Price(Protocol):
    """What a yes costs the customer."""

    @property
    def fee(self) -> Money: ...

    @property
    def total(self) -> Money: ...


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for: `agent_id` where an agent asked, `recipient_phone` (E.164) where she wants to send."""

    id: UUID
    kind: str
    amount: Money
    agent_id: UUID | None
    recipient_phone: str | None


@dataclass(frozen=True, slots=True)
class Carrier:
    """How one kind of request is carried out, and what is said when nothing comes of it.

    `price` raises AmountTooSmall or OverLimit. `transfer` makes what her yes posts, from her wallet in its first leg; it raises
    what the family refuses by now. `refused` and `expired` tell whoever has to know, in the caller's transaction.
    """

    kind: str
    price: Callable[[Money], Price]
    transfer: Callable[[Runtime, Customer, Request], Awaitable[Transfer]]
    refused: Callable[[Runtime, AsyncConnection, Customer, Request], Awaitable[None]]
    expired: Callable[[Runtime, AsyncConnection, Customer, Request], Awaitable[None]]


Carriers = Mapping[str, Carrier]


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


async def add(connection: AsyncConnection, customer: Customer, kind: str, key: str, amount: Money, **other_side: object) -> UUID:
    """Writes a request down, in the transaction of the family that asks. `other_side` fills `agent_id` or `recipient_phone`."""
    now = clock.now()
    row = {"id": ids.new_id(), "customer_id": customer.id, "kind": kind, "key": key, "created_at": now, "expires_at": now + LASTS}
    written = insert(table).values(**row, currency=amount.currency, amount=amount.minor, **other_side).returning(table.c.id)
    approval_id: UUID = (await connection.execute(written)).scalar_one()
    return approval_id


async def find(
    connection: AsyncConnection, customer: Customer, kind: str, key: str, amount: Money, **other_side: object
) -> UUID | None:
    """The request that was made before under the same key. Raises KeyConflict where it asked for something else."""
    query = select(table).where(table.c.customer_id == customer.id, table.c.key == key)
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    check_same(row, **{"kind": kind, "amount": amount.minor, "agent_id": None, "recipient_phone": None, **other_side})
    found: UUID = row.id
    return found


async def count_waiting(connection: AsyncConnection, customer: Customer, kind: str, *, agent_id: UUID | None = None) -> int:
    """How many requests of a kind wait for her; with `agent_id` those of that agent."""
    same = (table.c.customer_id == customer.id) & (table.c.kind == kind)
    if agent_id is not None:
        same &= table.c.agent_id == agent_id
    return int(await connection.scalar(select(func.count()).select_from(table).where(_is_waiting(), same)) or 0)


async def waiting(runtime: Runtime, customer: Customer, carriers: Carriers) -> list[Approval]:
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
    return [approval for row in rows if (approval := _approval(row, carriers)) is not None]


def key_of(approval_id: UUID) -> str:
    """The idempotency key of the transfer that a yes makes."""
    return f"approval:{approval_id}"


async def approve(runtime: Runtime, customer: Customer, approval_id: UUID, pin: str, carriers: Carriers) -> Receipt:
    """She says yes: the money moves, once, and both sides are told.

    Raises ApprovalClosed (answered already, over, or somebody else's), WrongPin, PinLocked, MoneyOutWaits, Busy, NotEnoughMoney,
    OverLimit, OverDayLimit, OverBalanceLimit, AmountTooSmall, UnknownAgent, UnknownRecipient, AccountClosed; it waits on after
    each but the first.
    """
    own = (table.c.id == approval_id) & (table.c.customer_id == customer.id)
    async with runtime.database.autocommit() as connection:
        row = (await connection.execute(select(table).where(own, _is_waiting()))).one_or_none()
    if row is None:
        raise ApprovalClosed
    await pins.check_for_payment(runtime, customer.id, pin)
    request, carrier = _request(row), carriers[row.kind]
    price = carrier.price(request.amount)
    wish = await carrier.transfer(runtime, customer, request)
    country, currency = runtime.settings.country, request.amount.currency
    async with runtime.database.transaction() as connection:
        await _close(connection, customer, approval_id, "approved")
        answer = await post_one(connection, wish, country=country, currency=currency, needed=price.total)
    left = Money(answer.available_minor[0], currency)
    return Receipt(ids.reference(answer.transfer_id), request.amount, price.fee, left)


async def refuse(runtime: Runtime, customer: Customer, approval_id: UUID, carriers: Carriers) -> None:
    """She says no: nothing moves, and whoever asked is told. Raises ApprovalClosed."""
    async with runtime.database.transaction() as connection:
        request = _request(await _close(connection, customer, approval_id, "refused"))
        await carriers[request.kind].refused(runtime, connection, customer, request)


async def expire(runtime: Runtime, carriers: Carriers) -> int:
    """Ends what nobody has answered in time, and tells who asked; says how many. Any number of workers may do it at once."""
    is_late = (table.c.status == "waiting") & (table.c.expires_at <= clock.now())

    async def end(connection: AsyncConnection, row: Row[Any]) -> bool:
        over = update(table).where(table.c.id == row.id).values(status="expired", answered_at=clock.now())
        await connection.execute(over)
        customer = await profiles.find_by_id(connection, row.customer_id)
        if customer is not None:
            await carriers[row.kind].expired(runtime, connection, customer, _request(row))
        return True

    late = Due(select(table).where(is_late), table.c.id, (table.c.expires_at,))
    return await chores.work_through(runtime.database, "approvals: expire", late, end)


async def _close(connection: AsyncConnection, customer: Customer, approval_id: UUID, status: str) -> Row[Any]:
    """Marks it answered, and keeps everybody else who wants to from it until the commit. Raises ApprovalClosed."""
    own = (table.c.id == approval_id) & (table.c.customer_id == customer.id)
    answered = update(table).where(own, _is_waiting()).values(status=status, answered_at=clock.now()).returning(table)
    row: Row[Any] | None = (await connection.execute(answered)).one_or_none()
    if row is None:
        raise ApprovalClosed
    return row


def _request(row: Row[Any]) -> Request:
    return Request(row.id, row.kind, Money(row.amount, row.currency), row.agent_id, row.recipient_phone)


def _approval(row: Row[Any], carriers: Carriers) -> Approval | None:
    """None where no tariff allows the amount any more: such a one waits out its day unseen."""
    amount = Money(row.amount, row.currency)
    try:
        fee = carriers[row.kind].price(amount).fee
    except (AmountTooSmall, OverLimit):
        return None
    number = row.number or phones.national(row.recipient_phone)
    return Approval(row.id, row.kind, row.name or row.recipient or number, number, amount, fee, row.expires_at)


def _is_waiting() -> ColumnElement[bool]:
    return (table.c.status == "waiting") & (table.c.expires_at > clock.now())
