"""Money that waits for somebody who has no account yet: hers as soon as she registers, the sender's again after seven days.

invitations.py takes it from the sender and writes the row that waits here. That row is locked first and the ledger posts last,
in one transaction; and both ways out have the same initiator and key, so that the ledger too lets only one of them happen.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, Row, Select, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core import chores, clock, ids, phones
from core.customers.profiles import Customer
from core.errors import Refusal
from core.ledger import limits
from core.ledger.chart import UNCLAIMED, WALLET, SystemAccount, name_account
from core.ledger.post import post_one
from core.ledger.refusals import OverBalanceLimit
from core.ledger.transfer import Leg, PostingResult, Transfer
from core.messaging import notices
from core.money import Money
from core.runtime import Runtime
from core.sending import texts
from core.tables.chores import chore
from core.tables.customers import customer
from core.tables.ledger import account, posting
from core.tables.sending import invitation

LASTS = timedelta(days=7)
KIND_CREDIT, KIND_RETURN = "invite_credit", "invite_return"
_MOST_A_ROUND = 100
_REPORTED = "invitation reported"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Person:
    """Somebody with a wallet. `phone` is E.164; `is_here`: she has not closed her account."""

    phone: str
    language: str
    name: str
    wallet: UUID
    is_here: bool


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An invitation whose row is locked. `id` is also that of the transfer which took the money; `phone`, whom it waits for."""

    id: UUID
    phone: str
    amount: Money
    sender: _Person


async def credit(connection: AsyncConnection, runtime: Runtime, arrived: Customer) -> int:
    """Gives somebody who registers in this transaction all that waits for her number; says how many payments it was.

    Never in the way of her registration: what cannot be credited now goes on waiting, and a worker comes back to it.
    """
    count = 0
    try:
        async with connection.begin_nested():
            found = await _locked(connection, invitation.c.phone == arrived.phone, ~_is_over())
            await _lock_wallets(connection, {arrived.wallet, *(one.sender.wallet for one in found)})
        for one in found:
            with suppress(OverBalanceLimit):
                async with connection.begin_nested():
                    await _credit(connection, runtime, one, arrived)
                    count += 1
    except Exception:
        log.exception("waiting money was not credited at registration")
    return count


async def settle(runtime: Runtime) -> int:
    """The worker's duty: credits what waits for somebody who has registered meanwhile, and sends back what nobody came for.

    Says how many. What cannot go back, because the sender has closed her account, goes on waiting for staff to decide, and is
    reported in the log, once. What is more than her wallet may hold waits until she has given her ID number, or its time is over.
    """
    async with runtime.database.autocommit() as connection:
        arrived = await _ids(connection, ~_is_over(), _has_registered)
        unclaimed = await _ids(connection, _is_over(), _sender_can_take)
        stuck = await _ids(connection, _is_over(), ~_sender_can_take, ~_is_reported)
    settled = [await _settle(runtime, one, _credit_registered) for one in arrived]
    settled += [await _settle(runtime, one, _send_back) for one in unclaimed]
    for one in stuck:
        await _report(runtime, one, "the sender's account is closed")
    return sum(settled)


_Way = Callable[[AsyncConnection, Runtime, _Waiting], Awaitable[None]]


async def _settle(runtime: Runtime, invitation_id: UUID, way: _Way) -> bool:
    """Is it settled now, by this worker? Another one that has the row in hand is left to it."""
    try:
        async with runtime.database.transaction() as connection:
            found = await _locked(connection, invitation.c.transfer_id == invitation_id)
            for one in found:
                await way(connection, runtime, one)
    except OverBalanceLimit:
        return False
    except Refusal as refusal:
        await _report(runtime, invitation_id, refusal.code)
        return False
    return bool(found)


async def _credit_registered(connection: AsyncConnection, runtime: Runtime, one: _Waiting) -> None:
    row = (await connection.execute(_REGISTERED.where(customer.c.phone == one.phone))).one()
    await _credit(connection, runtime, one, _Person(row.phone, row.language, row.name, row.id, is_here=True))


async def _credit(connection: AsyncConnection, runtime: Runtime, one: _Waiting, arrived: Customer | _Person) -> None:
    transfer_id, sender = ids.new_id(), one.sender
    said: dict[str, Any] = {"reference": ids.reference(transfer_id), "amount": one.amount}
    told = [notices.write(arrived, texts.RECEIVED, leg=1, name=sender.name, phone=phones.national(sender.phone), **said)]
    if sender.is_here:
        told.append(notices.write(sender, texts.INVITED_CAME, name=arrived.name, phone=phones.national(one.phone), **said))
    unclaimed = SystemAccount(UNCLAIMED, one.amount.currency)
    legs = (Leg(unclaimed, -one.amount.minor), Leg(arrived.wallet, one.amount.minor))
    await _close(connection, one, "credited")
    answer = await _post(
        connection, runtime, one, Transfer(transfer_id, sender.wallet, _key(one), KIND_CREDIT, legs, tuple(told))
    )
    tier = await connection.scalar(select(account.c.tier).where(account.c.id == arrived.wallet))
    today = clock.today(runtime.settings.country)
    # The ledger looks at this limit only where the initiator's own count, which do not here.
    if tier is not None and answer.available_minor[1] > limits.get(tier, one.amount.currency, today).balance:
        raise OverBalanceLimit


async def _send_back(connection: AsyncConnection, runtime: Runtime, one: _Waiting) -> None:
    """All of it, fee and tax too: each leg of the transfer that took it goes the other way."""
    transfer_id, sender = ids.new_id(), one.sender
    legs = tuple(await _reversed(connection, one.id))
    [(place, back)] = [(place, leg.amount_minor) for place, leg in enumerate(legs) if leg.account == sender.wallet]
    told = notices.write(
        sender,
        texts.INVITED_NEVER_CAME,
        leg=place,
        reference=ids.reference(transfer_id),
        phone=phones.national(one.phone),
        amount=Money(back, one.amount.currency),
    )
    await _close(connection, one, "returned")
    await _post(connection, runtime, one, Transfer(transfer_id, sender.wallet, _key(one), KIND_RETURN, legs, (told,)))


def _key(one: _Waiting) -> str:
    return f"invitation:{one.id}"


async def _close(connection: AsyncConnection, one: _Waiting, status: str) -> None:
    await connection.execute(
        update(invitation).where(invitation.c.transfer_id == one.id).values(status=status, settled_at=clock.now())
    )


async def _post(connection: AsyncConnection, runtime: Runtime, one: _Waiting, wish: Transfer) -> PostingResult:
    return await post_one(connection, wish, country=runtime.settings.country, currency=one.amount.currency)


async def _reversed(connection: AsyncConnection, transfer_id: UUID) -> list[Leg]:
    rows = await connection.execute(
        select(posting.c.account_id, posting.c.amount, account.c.owner, account.c.kind, account.c.currency)
        .join(account, account.c.id == posting.c.account_id)
        .where(posting.c.transfer_id == transfer_id)
        .order_by(posting.c.account_id)
    )
    return [Leg(name_account(row.account_id, row.owner, row.kind, row.currency), -row.amount) for row in rows]


async def _report(runtime: Runtime, invitation_id: UUID, reason: str) -> None:
    async with runtime.database.transaction() as connection:
        if await chores.mark_done(connection, invitation_id, _REPORTED, "once"):
            log.error("waiting money needs somebody to decide", invitation=str(invitation_id), reason=reason)


async def _ids(connection: AsyncConnection, *which: ColumnElement[bool]) -> Sequence[UUID]:
    """Some of the invitations that wait. Any: those that cannot be settled must not stand in the way of the others."""
    waiting = select(invitation.c.transfer_id).where(invitation.c.status == "waiting", *which)
    return (await connection.scalars(waiting.order_by(func.random()).limit(_MOST_A_ROUND))).all()


async def _locked(connection: AsyncConnection, *which: ColumnElement[bool]) -> list[_Waiting]:
    """Those that wait and that nobody else has in hand, oldest first, locked."""
    waiting = _WAITING.where(invitation.c.status == "waiting", *which).order_by(invitation.c.created_at, invitation.c.transfer_id)
    rows = await connection.execute(waiting.with_for_update(of=invitation, skip_locked=True))
    return [_waiting(row) for row in rows]


async def _lock_wallets(connection: AsyncConnection, wallets: Collection[UUID]) -> None:
    """In the ledger's own order, ahead of several transfers of one transaction: each by itself would take its own in turn,
    and whoever pays one of the senders meanwhile would be in a deadlock with us."""
    own = select(account.c.id).where(account.c.id.in_(wallets)).order_by(account.c.id)
    await connection.execute(own.with_for_update(key_share=True))


def _waiting(row: Row[Any]) -> _Waiting:
    sender = _Person(row.sender_phone, row.language, row.name, row.wallet, is_here=row.status == "active")
    return _Waiting(row.transfer_id, row.phone, Money(row.amount, row.currency), sender)


def _is_over() -> ColumnElement[bool]:
    return invitation.c.expires_at <= clock.now()


_WAITING: Select[Any] = (
    select(
        invitation.c.transfer_id,
        invitation.c.phone,
        invitation.c.amount,
        invitation.c.currency,
        customer.c.phone.label("sender_phone"),
        customer.c.language,
        customer.c.name,
        customer.c.status,
        account.c.id.label("wallet"),
    )
    .join(customer, customer.c.id == invitation.c.sender_id)
    .join(account, (account.c.owner == customer.c.id) & (account.c.kind == WALLET))
)
_REGISTERED: Select[Any] = (
    select(customer.c.phone, customer.c.language, customer.c.name, account.c.id)
    .join(account, (account.c.owner == customer.c.id) & (account.c.kind == WALLET))
    .where(customer.c.status == "active", account.c.status == "open")
)
_has_registered = _REGISTERED.where(customer.c.phone == invitation.c.phone).exists()
_sender_can_take = exists().where(account.c.owner == invitation.c.sender_id, account.c.kind == WALLET, account.c.status == "open")
_is_reported = exists().where(chore.c.subject == invitation.c.transfer_id, chore.c.kind == _REPORTED)
