"""Settles a payment on which the rail has reported: moves the money, and tells the customer."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Row, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core import ids, phones
from core.customers.profiles import Customer
from core.ledger import holds, statement
from core.ledger.chart import SETTLEMENT, UNCLAIMED, WALLET, SystemAccount
from core.ledger.post import post, post_one
from core.ledger.transfer import Hold, Leg, Transfer
from core.messaging import notices
from core.money import Money
from core.payments import texts
from core.rail import NETWORKS
from core.runtime import Runtime
from core.tables.customers import customer
from core.tables.ledger import account
from core.tables.payments import payment

IN, OUT = "in", "out"

log = structlog.get_logger()

# Each payment with its customer, who may have closed her account.
PAYMENTS: Select[Any] = (
    select(
        payment,
        customer.c.name,
        customer.c.language,
        customer.c.status.label("customer_status"),
        account.c.id.label("wallet"),
    )
    .join(customer, customer.c.id == payment.c.customer_id)
    .join(account, (account.c.owner == customer.c.id) & (account.c.kind == WALLET))
)


def select_locked(payment_id: UUID) -> Select[Any]:
    """Selects one of PAYMENTS, and locks it."""
    return PAYMENTS.where(payment.c.id == payment_id).with_for_update(of=payment)


def kind_in(network: str) -> str:
    """The ledger's kind of transfer for a deposit."""
    return f"{network}_in"


def kind_out(network: str) -> str:
    """The ledger's kind of transfer for a withdrawal."""
    return f"{network}_out"


def kind_unclaimed(network: str) -> str:
    """The ledger's kind of transfer for a deposit into a closed account."""
    return f"{network}_unclaimed"


async def settle(runtime: Runtime, connection: AsyncConnection, row: Row[Any], *, paid: bool) -> None:
    """Settles a row of `select_locked` that is not settled yet, in the caller's transaction."""
    await _SETTLE[row.direction, paid](runtime, connection, row, network_of(runtime, row))


def network_of(runtime: Runtime, row: Row[Any]) -> str:
    """The payment's network, a key of NETWORKS; the country's own for a rail that is no longer connected."""
    rail = runtime.rails.get(row.rail)
    return rail.kind if rail else runtime.settings.network


def get_reader(row: Row[Any]) -> Customer:
    """The customer who gets the SMS about a payment."""
    return Customer(row.customer_id, row.phone, row.name, row.language, row.wallet, row.currency, is_agent=False)


def sms_params(row: Row[Any], network: str) -> dict[str, Any]:
    """The parameters of every SMS about a payment. `network` is a key of NETWORKS."""
    amount, fee = Money(row.amount, row.currency), Money(row.fee, row.currency)
    reference, phone = ids.reference(row.id), phones.national(row.phone)
    return {"reference": reference, "amount": amount, "fee": fee, "phone": phone, "rail": NETWORKS[network].title}


async def _paid_in(runtime: Runtime, connection: AsyncConnection, row: Row[Any], network: str) -> None:
    """Credits the wallet, above its limits too: the customer has paid. For a closed account it keeps the money unclaimed."""
    settlement_leg = Leg(SystemAccount(SETTLEMENT, row.currency), -row.amount)
    transfer = Transfer(
        id=row.id,
        initiator=row.wallet,
        key=_key(row),
        kind=kind_in(network),
        legs=(Leg(row.wallet, row.amount), settlement_leg),
        notices=(notices.write(get_reader(row), texts.PAID_IN, **sms_params(row, network)),),
    )
    if row.customer_status == "active":
        [answer] = await post(connection, [transfer], runtime.settings.country)
        if answer.outcome != "account_closed":
            if not answer.is_done:
                answer.raise_refusal(row.currency)
            return
    unclaimed = replace(
        transfer,
        kind=kind_unclaimed(network),
        legs=(Leg(SystemAccount(UNCLAIMED, row.currency), row.amount), settlement_leg),
        notices=(notices.write(get_reader(row), texts.PAID_INTO_CLOSED, **sms_params(row, network)),),
    )
    await post_one(connection, unclaimed, country=runtime.settings.country, currency=row.currency)
    log.warning("paid into a closed account: kept as unclaimed", payment=str(row.id))


async def _not_paid_in(runtime: Runtime, connection: AsyncConnection, row: Row[Any], network: str) -> None:
    await notices.tell(runtime, connection, get_reader(row), texts.NOT_PAID_IN, **sms_params(row, network))


async def _paid_out(runtime: Runtime, connection: AsyncConnection, row: Row[Any], network: str) -> None:
    notice = notices.write(get_reader(row), texts.PAID_OUT, **sms_params(row, network))
    capture = holds.capture(await _get_hold(connection, row), _key(row))
    transfer = replace(capture, kind=kind_out(network), notices=(notice,))
    await post_one(connection, transfer, country=runtime.settings.country, currency=row.currency)


async def _not_paid_out(runtime: Runtime, connection: AsyncConnection, row: Row[Any], network: str) -> None:
    hold = await _get_hold(connection, row)
    # Locked, so that nothing comes between what she is told and what she gets back.
    await connection.execute(select(account.c.id).where(account.c.id == row.wallet).with_for_update(key_share=True))
    held_minor = -sum(leg.amount_minor for leg in hold.legs if leg.account == row.wallet)
    balance = await statement.get_available(connection, row.wallet) + Money(held_minor, row.currency)
    await notices.tell(runtime, connection, get_reader(row), texts.NOT_PAID_OUT, balance=balance, **sms_params(row, network))
    transfer = holds.give_back(hold, _key(row))
    await post_one(connection, transfer, country=runtime.settings.country, currency=row.currency)


async def _get_hold(connection: AsyncConnection, row: Row[Any]) -> Hold:
    hold = await holds.find(connection, row.hold_id)
    assert hold is not None, row.id
    return hold


def _key(row: Row[Any]) -> str:
    """One key whatever the report says, so that the ledger too accepts only one of them."""
    return f"payment:{row.id}"


_SETTLE: dict[tuple[str, bool], Callable[[Runtime, AsyncConnection, Row[Any], str], Awaitable[None]]] = {
    (IN, True): _paid_in,
    (IN, False): _not_paid_in,
    (OUT, True): _paid_out,
    (OUT, False): _not_paid_out,
}
