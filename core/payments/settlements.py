"""What moves when a rail has said what became of a payment, and who is told. `requests.report` does this once for each."""

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
from core.ledger.transfer import Leg, Transfer
from core.messaging import notices
from core.money import Money
from core.payments import texts
from core.rail import NETWORKS, Rail
from core.runtime import Runtime
from core.tables.customers import customer
from core.tables.ledger import account
from core.tables.payments import payment

IN, OUT = "in", "out"

log = structlog.get_logger()


# Payments with what settling one needs to know of its customer, who may have closed her account.
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


def locked_payment(payment_id: UUID) -> Select[Any]:
    """One of them, locked."""
    return PAYMENTS.where(payment.c.id == payment_id).with_for_update(of=payment)


def kind_in(rail: Rail) -> str:
    """What the journal calls money that came from the rail."""
    return f"{rail.kind}_in"


def kind_out(rail: Rail) -> str:
    """What the journal calls money that went out to it."""
    return f"{rail.kind}_out"


def kind_unclaimed(rail: Rail) -> str:
    """What the journal calls money from it that found its owner's account closed."""
    return f"{rail.kind}_unclaimed"


async def settle(runtime: Runtime, connection: AsyncConnection, row: Row[Any], *, paid: bool) -> None:
    """Does what the rail's final word asks for, in the caller's transaction. `row`: by `locked_payment`, not settled yet."""
    await _SETTLE[row.direction, paid](runtime, connection, row, runtime.rails[row.rail])


def reader(row: Row[Any]) -> Customer:
    """Whom the SMS about a payment goes to."""
    return Customer(row.customer_id, row.phone, row.name, row.language, row.wallet, row.currency, is_agent=False)


def said(row: Row[Any], network: str) -> dict[str, Any]:
    """What every SMS about a payment may say. `network`: a key of NETWORKS."""
    amount, fee = Money(row.amount, row.currency), Money(row.fee, row.currency)
    reference, phone = ids.reference(row.id), phones.national(row.phone)
    return {"reference": reference, "amount": amount, "fee": fee, "phone": phone, "rail": NETWORKS[network].title}


async def _paid_in(runtime: Runtime, connection: AsyncConnection, row: Row[Any], rail: Rail) -> None:
    """Credits the wallet, above a limit too: the money is there. Of an account closed meanwhile it is kept as unclaimed."""
    giver = Leg(SystemAccount(SETTLEMENT, row.currency), -row.amount)
    wish = Transfer(
        id=row.id,
        initiator=row.wallet,
        key=_key(row),
        kind=kind_in(rail),
        legs=(Leg(row.wallet, row.amount), giver),
        notices=(notices.write(reader(row), texts.PAID_IN, **said(row, rail.kind)),),
    )
    if row.customer_status == "active":
        [answer] = await post(connection, [wish], runtime.settings.country)
        if answer.outcome != "account_closed":
            if not answer.is_done:
                answer.raise_refusal(row.currency)
            return
    kept = replace(
        wish,
        kind=kind_unclaimed(rail),
        legs=(Leg(SystemAccount(UNCLAIMED, row.currency), row.amount), giver),
        notices=(notices.write(reader(row), texts.PAID_INTO_CLOSED, **said(row, rail.kind)),),
    )
    await post_one(connection, kept, country=runtime.settings.country, currency=row.currency)
    log.warning("paid into a closed account: kept as unclaimed", payment=str(row.id))


async def _not_paid_in(runtime: Runtime, connection: AsyncConnection, row: Row[Any], rail: Rail) -> None:
    await notices.tell(runtime, connection, reader(row), texts.NOT_PAID_IN, **said(row, rail.kind))


async def _paid_out(runtime: Runtime, connection: AsyncConnection, row: Row[Any], rail: Rail) -> None:
    hold = await holds.find(connection, row.hold_id)
    assert hold is not None, row.id
    receipt = notices.write(reader(row), texts.PAID_OUT, **said(row, rail.kind))
    wish = replace(holds.capture(hold, _key(row)), kind=kind_out(rail), notices=(receipt,))
    await post_one(connection, wish, country=runtime.settings.country, currency=row.currency)


async def _not_paid_out(runtime: Runtime, connection: AsyncConnection, row: Row[Any], rail: Rail) -> None:
    hold = await holds.find(connection, row.hold_id)
    assert hold is not None, row.id
    await post_one(connection, holds.give_back(hold, _key(row)), country=runtime.settings.country, currency=row.currency)
    balance = await statement.get_available(connection, row.wallet)
    await notices.tell(runtime, connection, reader(row), texts.NOT_PAID_OUT, balance=balance, **said(row, rail.kind))


def _key(row: Row[Any]) -> str:
    """The same whatever the word is: the ledger too takes one only."""
    return f"payment:{row.id}"


_SETTLE: dict[tuple[str, bool], Callable[[Runtime, AsyncConnection, Row[Any], Rail], Awaitable[None]]] = {
    (IN, True): _paid_in,
    (IN, False): _not_paid_in,
    (OUT, True): _paid_out,
    (OUT, False): _not_paid_out,
}
