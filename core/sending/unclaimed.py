"""Money that waits for a number without an account: it is credited when the number registers, or goes back after seven days.

invitations.py takes the money from the sender and writes the invitation. Settling one locks its row first and posts last, in one
transaction. Credit and return have the same initiator and key, so that the ledger too accepts only one of them.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, Row, Select, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core import chores, clock, ids, phones
from core.errors import Busy, Refusal
from core.faults import is_away
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
_REPORTED, _DUTY = "invitation reported", "invitations: settle"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Person:
    """A sender or a recipient. `phone` is E.164. `is_active`: she has not closed her account."""

    phone: str
    language: str
    name: str
    wallet: UUID
    is_active: bool


@dataclass(frozen=True, slots=True)
class _Invitation:
    """An invitation whose row is locked. `id` is the id of the transfer that took the money; `phone` is the invited number."""

    id: UUID
    phone: str
    amount: Money
    sender: _Person


async def credit(runtime: Runtime, phone: str) -> int:
    """Credits a number that has registered with all that waits for it, the oldest first; answers with how many payments.

    Each in a transaction of its own, after the registration's, which it cannot stop: a payment that cannot be credited now goes
    on waiting, and a worker tries again.
    """
    is_hers = (invitation.c.status == "waiting", invitation.c.phone == phone, ~_is_over())
    query = select(invitation.c.transfer_id).where(*is_hers).order_by(invitation.c.created_at, invitation.c.transfer_id)
    count = 0
    try:
        async with runtime.database.autocommit() as connection:
            waiting = (await connection.scalars(query)).all()
        for invitation_id in waiting:
            count += await _settle(runtime, invitation_id, _credit_registered)
    except Exception as error:
        if is_away(error):
            runtime.database.outage.fault(error)
        else:
            log.exception("waiting money was not credited at registration")
    return count


async def settle(runtime: Runtime) -> int:
    """The worker's duty: credits numbers that have registered meanwhile, and sends back what nobody came for in time.

    Answers with how many invitations it settled. Money whose sender has closed her account waits for staff to decide, and the log
    reports it, once. Money that the recipient's wallet may not hold waits until she has given her ID number, or for its end.
    """
    database = runtime.database
    is_next = chores.is_not_passed_over(database, _DUTY, invitation.c.transfer_id)
    async with database.autocommit() as connection:
        registered = await _list_ids(connection, is_next, ~_is_over(), _has_registered)
        unclaimed = await _list_ids(connection, is_next, _is_over(), _sender_can_take)
        stuck = await _list_ids(connection, is_next, _is_over(), ~_sender_can_take, ~_is_reported)
    count = await chores.try_each(database, _DUTY, registered, partial(_settle, runtime, work=_credit_registered))
    count += await chores.try_each(database, _DUTY, unclaimed, partial(_settle, runtime, work=_send_back))
    await chores.try_each(database, _DUTY, stuck, partial(_report, runtime, reason="the sender's account is closed"))
    return count


_Work = Callable[[Runtime, AsyncConnection, _Invitation], Awaitable[None]]


async def _settle(runtime: Runtime, invitation_id: UUID, work: _Work) -> bool:
    """Whether this call has settled the invitation. A row that another worker has locked is left to that worker."""
    try:
        async with runtime.database.transaction() as connection:
            invitations = await _lock_waiting(connection, invitation.c.transfer_id == invitation_id)
            for waiting in invitations:
                await work(runtime, connection, waiting)
    except OverBalanceLimit:
        return False
    except Busy:
        raise
    except Refusal as refusal:
        await _report(runtime, invitation_id, refusal.code)
        return False
    return bool(invitations)


async def _credit_registered(runtime: Runtime, connection: AsyncConnection, waiting: _Invitation) -> None:
    row = (await connection.execute(_REGISTERED.where(customer.c.phone == waiting.phone))).one()
    await _credit(runtime, connection, waiting, _Person(row.phone, row.language, row.name, row.id, is_active=True))


async def _credit(runtime: Runtime, connection: AsyncConnection, waiting: _Invitation, recipient: _Person) -> None:
    transfer_id, sender, amount = ids.new_id(), waiting.sender, waiting.amount
    params: dict[str, Any] = {"reference": ids.reference(transfer_id), "amount": amount}
    sms = [notices.write(recipient, texts.RECEIVED, leg=1, name=sender.name, phone=phones.national(sender.phone), **params)]
    if sender.is_active:
        sms.append(notices.write(sender, texts.INVITED_CAME, name=recipient.name, phone=phones.national(waiting.phone), **params))
    legs = (Leg(SystemAccount(UNCLAIMED, amount.currency), -amount.minor), Leg(recipient.wallet, amount.minor))
    transfer = Transfer(transfer_id, sender.wallet, _key(waiting), KIND_CREDIT, legs, tuple(sms))
    tier = await connection.scalar(select(account.c.tier).where(account.c.id == recipient.wallet))
    answer = await _close(runtime, connection, waiting, "credited", transfer)
    today = clock.today(runtime.settings.country)
    # The ledger checks this limit only for a transfer that counts against its initiator's limits, and this one does not.
    if tier is not None and answer.available_minor[1] > limits.get(tier, amount.currency, today).balance:
        raise OverBalanceLimit


async def _send_back(runtime: Runtime, connection: AsyncConnection, waiting: _Invitation) -> None:
    """Returns amount, fee and tax: each leg of the transfer that took the money, the other way round."""
    transfer_id, sender = ids.new_id(), waiting.sender
    legs = tuple(await _reverse_legs(connection, waiting.id))
    [(place, returned_minor)] = [(place, leg.amount_minor) for place, leg in enumerate(legs) if leg.account == sender.wallet]
    notice = notices.write(
        sender,
        texts.INVITED_NEVER_CAME,
        leg=place,
        reference=ids.reference(transfer_id),
        phone=phones.national(waiting.phone),
        amount=Money(returned_minor, waiting.amount.currency),
    )
    transfer = Transfer(transfer_id, sender.wallet, _key(waiting), KIND_RETURN, legs, (notice,))
    await _close(runtime, connection, waiting, "returned", transfer)


def _key(waiting: _Invitation) -> str:
    return f"invitation:{waiting.id}"


async def _close(
    runtime: Runtime, connection: AsyncConnection, waiting: _Invitation, status: str, transfer: Transfer
) -> PostingResult:
    await connection.execute(
        update(invitation).where(invitation.c.transfer_id == waiting.id).values(status=status, settled_at=clock.now())
    )
    return await post_one(connection, transfer, country=runtime.settings.country, currency=waiting.amount.currency)


async def _reverse_legs(connection: AsyncConnection, transfer_id: UUID) -> list[Leg]:
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


async def _list_ids(connection: AsyncConnection, *conditions: ColumnElement[bool]) -> Sequence[UUID]:
    """A random choice of the invitations that wait, so that those which cannot be settled do not hold up the others."""
    query = select(invitation.c.transfer_id).where(invitation.c.status == "waiting", *conditions)
    return (await connection.scalars(query.order_by(func.random()).limit(_MOST_A_ROUND))).all()


async def _lock_waiting(connection: AsyncConnection, *conditions: ColumnElement[bool]) -> list[_Invitation]:
    """Locks the invitations that wait, oldest first, but for those that another worker has locked."""
    query = _INVITATIONS.where(invitation.c.status == "waiting", *conditions)
    rows = await connection.execute(
        query.order_by(invitation.c.created_at, invitation.c.transfer_id).with_for_update(of=invitation, skip_locked=True)
    )
    return [_invitation(row) for row in rows]


def _invitation(row: Row[Any]) -> _Invitation:
    sender = _Person(row.sender_phone, row.language, row.name, row.wallet, is_active=row.status == "active")
    return _Invitation(row.transfer_id, row.phone, Money(row.amount, row.currency), sender)


def _is_over() -> ColumnElement[bool]:
    return invitation.c.expires_at <= clock.now()


_INVITATIONS: Select[Any] = (
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
