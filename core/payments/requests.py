"""Money in from another operator's network, and out to it.

A customer's request is a row of `payment`; a worker hands it to the rail (handover.py), and what the rail says of it
arrives at `report`, whenever that is. Nobody waits for the network in between. The first final word moves the money, once:

    in     nothing moves before the rail says paid
    out    amount and fee are held at once; paid captures the hold, refused gives it back

    new -> asked -> (unanswered) -> paid | refused
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Row, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock, ids
from core.credentials import pins
from core.customers import profiles, wallet
from core.customers.profiles import Customer
from core.errors import KeyConflict, RequestWaits
from core.idempotency import check_same
from core.ledger import holds, limits, tariffs
from core.ledger.chart import SETTLEMENT, SystemAccount
from core.ledger.post import post_one
from core.ledger.refusals import AccountClosed, HoldClosed, NotEnoughMoney, OverBalanceLimit, OverDayLimit, OverLimit
from core.ledger.tariffs import Quote
from core.ledger.transfer import Leg, Transfer
from core.money import Money
from core.payments import settlements
from core.payments.refusals import RailAway
from core.payments.settlements import IN, OUT
from core.rail import NETWORKS, Ability, Rail
from core.refusing import refuses
from core.runtime import Runtime
from core.tables.ledger import account
from core.tables.ledger import transfer as transfer_table
from core.tables.payments import payment

TARIFF = "withdraw"
FINAL = ("paid", "refused")
ANSWER_WITHIN = {IN: timedelta(minutes=2), OUT: timedelta(minutes=5)}
# Nobody may spend the money of a payment out before the rail has said what became of it, however long that takes.
_HOLD_LASTS = timedelta(days=365)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Requested:
    """A deposit that waits for its payer's yes. `reference` is what its receipt will say."""

    reference: str
    phone: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A payment out on its way; `balance` without the amount and the fee."""

    reference: str
    phone: str
    amount: Money
    fee: Money
    balance: Money


@refuses(RailAway)
def rail_for(runtime: Runtime, direction: str) -> Rail:
    """What carries money in (IN) or out (OUT): the first that can."""
    wanted = Ability.COLLECT if direction == IN else Ability.PAY_OUT
    for rail in runtime.rails.values():
        if wanted in rail.abilities:
            return rail
    raise RailAway(rail=NETWORKS[runtime.settings.network].title)


@refuses(rail_for, AccountClosed, KeyConflict, RequestWaits, OverLimit, OverBalanceLimit)
async def deposit(runtime: Runtime, customer: Customer, amount: Money, *, key: str) -> Requested:
    """Has the customer's phone asked to pay in; once for each `key`. Nothing is posted before she has paid.

    RequestWaits: one at a time.
    """
    row = _row(customer, rail_for(runtime, IN), IN, amount, key)
    async with runtime.database.transaction() as connection:
        # Her row is the lock: of two requests at once the second sees the first.
        if not await profiles.lock(connection, customer.id):
            raise AccountClosed
        earlier = await _insert(connection, row)
        if earlier is None:
            await _check_none_waits(connection, row)
            await _check_room(connection, customer, amount, runtime.settings.country)
    return Requested(ids.reference(row["id"] if earlier is None else earlier.id), customer.phone, amount)


@refuses(rail_for, tariffs.quote, NotEnoughMoney)
async def quote_withdrawal(runtime: Runtime, customer: Customer, amount: Money) -> Quote:
    """What a payment out would cost; NotEnoughMoney by the balance of now."""
    rail_for(runtime, OUT)
    quoted = tariffs.quote(TARIFF, amount)
    if await wallet.get_balance(runtime, customer) < quoted.total:
        raise NotEnoughMoney(needed=quoted.total)
    return quoted


@refuses(rail_for, tariffs.quote, pins.check_for_payment, NotEnoughMoney, OverLimit, OverDayLimit, AccountClosed, KeyConflict)
async def withdraw(runtime: Runtime, customer: Customer, amount: Money, *, pin: str, key: str) -> Withdrawal:
    """Holds amount and fee and has the amount paid to her phone; once for each `key`, whose first receipt a repetition gets."""
    rail = rail_for(runtime, OUT)
    row = _row(customer, rail, OUT, amount, key)
    quoted = tariffs.quote(TARIFF, amount)
    await pins.check_for_payment(runtime, customer.id, pin)
    gives = Leg(customer.wallet, -quoted.total.minor)
    takes = Leg(SystemAccount(SETTLEMENT, amount.currency), amount.minor)
    wish = Transfer(
        row["id"],
        customer.wallet,
        key,
        settlements.kind_out(rail),
        (gives, takes, *quoted.charged.legs),
        limited_minor=amount.minor,
    )
    hold = holds.reserve(wish, clock.now() + _HOLD_LASTS)
    row |= {"fee": quoted.fee.minor, "hold_id": hold.id}
    async with runtime.database.transaction() as connection:
        earlier = await _insert(connection, row)
        if earlier is not None:
            return await _first_receipt(connection, earlier)
        country = runtime.settings.country
        answer = await post_one(connection, hold, country=country, currency=amount.currency, needed=quoted.total)
    balance = Money(answer.available_minor[0], amount.currency)
    return Withdrawal(ids.reference(hold.id), customer.phone, amount, quoted.fee, balance)


@refuses(HoldClosed)
async def report(runtime: Runtime, payment_id: UUID, *, paid: bool, rail_reference: str | None = None) -> None:
    """Takes the rail's final word: in any order, any number of times, however late. The first one moves the money.

    A later word that says otherwise, and a reference that another payment has, are logged and change nothing. HoldClosed: the
    hold had come to its end. Raises LookupError where there is no such payment.
    """
    try:
        async with runtime.database.transaction() as connection:
            row = (await connection.execute(settlements.locked_payment(payment_id))).one_or_none()
            if row is None:
                raise LookupError(f"there is no payment {payment_id}")
            if row.status in FINAL:
                if (row.status == "paid") is not paid or len({rail_reference, row.rail_reference} - {None}) > 1:
                    log.error("the rail contradicts itself", payment=str(row.id), status=row.status, says_paid=paid)
                return
            said = {"status": "paid" if paid else "refused", "rail_reference": rail_reference, "settled_at": clock.now()}
            await connection.execute(update(payment).where(payment.c.id == row.id).values(said))
            await settlements.settle(runtime, connection, row, paid=paid)
    except IntegrityError as error:
        if "uq_payment_rail_reference" not in str(error.orig):
            raise
        log.exception("the rail uses a reference twice", payment=str(payment_id), says_paid=paid)


def _row(customer: Customer, rail: Rail, direction: str, amount: Money, key: str) -> dict[str, Any]:
    now = clock.now()
    return {
        "id": ids.new_id(),
        "customer_id": customer.id,
        "key": key,
        "direction": direction,
        "rail": rail.name,
        "phone": customer.phone,
        "currency": amount.currency,
        "amount": amount.minor,
        "created_at": now,
        "answer_by": now + ANSWER_WITHIN[direction],
    }


async def _insert(connection: AsyncConnection, row: dict[str, Any]) -> Row[Any] | None:
    """Adds the request; the earlier one under the same key, where there is one."""
    own = (payment.c.customer_id, payment.c.key)
    added = await connection.execute(
        insert(payment).values(row).on_conflict_do_nothing(index_elements=own).returning(payment.c.id)
    )
    if added.one_or_none() is not None:
        return None
    earlier = (await connection.execute(select(payment).where(own[0] == row["customer_id"], own[1] == row["key"]))).one()
    check_same(earlier, **{name: row[name] for name in ("direction", "currency", "amount")})
    return earlier


async def _check_none_waits(connection: AsyncConnection, row: dict[str, Any]) -> None:
    others = select(payment.c.id).where(
        payment.c.customer_id == row["customer_id"],
        payment.c.direction == IN,
        payment.c.status.in_(["new", "asked"]),
        payment.c.id != row["id"],
    )
    if await connection.scalar(others.limit(1)) is not None:
        raise RequestWaits


async def _check_room(connection: AsyncConnection, customer: Customer, amount: Money, country: str) -> None:
    """Could the wallet take the money now? It will be asked about nothing more once it is paid."""
    wallet = (await connection.execute(select(account.c.tier, account.c.balance).where(account.c.id == customer.wallet))).one()
    limit = limits.get(wallet.tier, amount.currency, clock.today(country))
    if amount.minor > limit.transfer:
        raise OverLimit(most=Money(limit.transfer, amount.currency))
    if wallet.balance + amount.minor > limit.balance:
        raise OverBalanceLimit


async def _first_receipt(connection: AsyncConnection, row: Row[Any]) -> Withdrawal:
    left = (await connection.scalars(select(transfer_table.c.available).where(transfer_table.c.id == row.hold_id))).one()
    amount, fee, balance = (Money(minor, row.currency) for minor in (row.amount, row.fee, left[0]))
    return Withdrawal(ids.reference(row.hold_id), row.phone, amount, fee, balance)
