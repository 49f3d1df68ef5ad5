"""Deposits from another operator's network, and withdrawals to it.

A customer's request is a row of `payment`. A worker hands it to the rail (handover.py), whose report arrives at `report`.
Whenever that is, no request waits for the network. The first report moves the money, once:

    in     nothing moves before the rail reports `paid`
    out    amount and fee are held at once; `paid` captures the hold, `refused` gives it back

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
from core.errors import KeyConflict, RequestWaits, check_same
from core.ledger import holds, limits, tariffs
from core.ledger.chart import SETTLEMENT, SystemAccount
from core.ledger.post import post_one
from core.ledger.refusals import AccountClosed, HoldClosed, NotEnoughMoney, OverBalanceLimit, OverDayLimit, OverLimit
from core.ledger.tariffs import Quote
from core.ledger.transfer import Leg, Transfer
from core.money import Money
from core.operations import switches
from core.operations.refusals import DepositOff, WithdrawOff
from core.payments import settlements
from core.payments.refusals import RailAway
from core.payments.settlements import IN, OUT
from core.rail import NETWORKS, Ability, Rail
from core.refusing import refuses, repeats
from core.runtime import Runtime
from core.tables.ledger import account
from core.tables.ledger import transfer as transfer_table
from core.tables.payments import payment

TARIFF = "withdraw"
FINAL = ("paid", "refused")
# What tells one request from another under the same key.
_SAME = ("direction", "currency", "amount")
ANSWER_WITHIN = {IN: timedelta(minutes=2), OUT: timedelta(minutes=5)}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class DepositRequest:
    """A deposit that the customer has still to pay on her phone. `reference` is that of its receipt."""

    reference: str
    phone: str
    amount: Money


@dataclass(frozen=True, slots=True)
class WithdrawalReceipt:
    """A withdrawal on its way. `balance` is without its amount and fee."""

    reference: str
    phone: str
    amount: Money
    fee: Money
    balance: Money


@refuses(RailAway)
def get_rail(runtime: Runtime, direction: str) -> Rail:
    """The first rail that carries money in this direction, IN or OUT, and is not switched off."""
    ability = Ability.COLLECT if direction == IN else Ability.PAY_OUT
    for rail in runtime.rails.values():
        if ability in rail.abilities and not runtime.switches.is_off(switches.rail(rail.name)):
            return rail
    raise RailAway(rail=NETWORKS[runtime.settings.network].title)


@refuses(KeyConflict)
async def _find_deposit(runtime: Runtime, customer: Customer, amount: Money, key: str) -> DepositRequest | None:
    async with runtime.database.autocommit() as connection:
        row = await _find(connection, customer.id, key, direction=IN, currency=amount.currency, amount=amount.minor)
    return None if row is None else DepositRequest(ids.reference(row.id), row.phone, amount)


@repeats(_find_deposit)
@refuses(DepositOff, get_rail, AccountClosed, KeyConflict, RequestWaits, OverLimit, OverBalanceLimit)
async def deposit(runtime: Runtime, customer: Customer, amount: Money, *, key: str) -> DepositRequest:
    """Asks the customer on her phone to pay the amount in; once for each `key`. Posts nothing before she has paid.

    RequestWaits: an earlier deposit of hers is not answered yet.
    """
    row = _row(customer, get_rail(runtime, IN), IN, amount, key)
    async with runtime.database.transaction() as connection:
        # The customer's row is the lock: of two requests at once the second sees the first.
        if not await profiles.lock(connection, customer.id):
            raise AccountClosed
        earlier = await _insert(connection, row)
        if earlier is None:
            await _check_none_waits(connection, row)
            await _check_room(connection, customer, amount, runtime.settings.country)
    return DepositRequest(ids.reference(row["id"] if earlier is None else earlier.id), customer.phone, amount)


@refuses(WithdrawOff, get_rail, tariffs.quote, NotEnoughMoney)
async def quote_withdrawal(runtime: Runtime, customer: Customer, amount: Money) -> Quote:
    """Quotes a withdrawal that the balance of now is enough for."""
    get_rail(runtime, OUT)
    quoted = tariffs.quote(TARIFF, amount)
    if await wallet.get_balance(runtime, customer) < quoted.total:
        raise NotEnoughMoney(needed=quoted.total)
    return quoted


@refuses(KeyConflict)
async def _find_withdrawal(runtime: Runtime, customer: Customer, amount: Money, key: str) -> WithdrawalReceipt | None:
    async with runtime.database.autocommit() as connection:
        row = await _find(connection, customer.id, key, direction=OUT, currency=amount.currency, amount=amount.minor)
        return None if row is None else await _first_receipt(connection, row)


@repeats(_find_withdrawal)
@refuses(
    WithdrawOff,
    get_rail,
    tariffs.quote,
    tariffs.check_agreed,
    pins.check_for_payment,
    NotEnoughMoney,
    OverLimit,
    OverDayLimit,
    AccountClosed,
    KeyConflict,
)
async def withdraw(
    runtime: Runtime, customer: Customer, amount: Money, *, pin: str, key: str, agreed_fee: Money | None = None
) -> WithdrawalReceipt:
    """Holds amount and fee, and has the amount paid to the customer's phone; once for each `key`.

    FeeRose: the fee is above `agreed_fee`, which she was shown. A repetition gets the first receipt again.
    """
    rail = get_rail(runtime, OUT)
    row = _row(customer, rail, OUT, amount, key)
    quoted = tariffs.quote(TARIFF, amount)
    tariffs.check_agreed(quoted.fee, agreed_fee)
    await pins.check_for_payment(runtime, customer.id, pin)
    transfer = Transfer(
        id=row["id"],
        initiator=customer.wallet,
        key=key,
        kind=settlements.kind_out(rail.kind),
        legs=(
            Leg(customer.wallet, -quoted.total.minor),
            Leg(SystemAccount(SETTLEMENT, amount.currency), amount.minor),
            *quoted.charged.legs,
        ),
        limited_minor=amount.minor,
    )
    # She cannot spend the money again before the rail has reported on it, however long that takes.
    hold = holds.reserve(transfer, holds.NO_END)
    row |= {"fee": quoted.fee.minor, "hold_id": hold.id}
    async with runtime.database.transaction() as connection:
        earlier = await _insert(connection, row)
        if earlier is not None:
            return await _first_receipt(connection, earlier)
        country = runtime.settings.country
        answer = await post_one(connection, hold, country=country, currency=amount.currency, needed=quoted.total)
    balance = Money(answer.available_minor[0], amount.currency)
    return WithdrawalReceipt(ids.reference(hold.id), customer.phone, amount, quoted.fee, balance)


@refuses(HoldClosed)
async def report(runtime: Runtime, payment_id: UUID, *, paid: bool, rail_reference: str | None = None) -> None:
    """Takes the rail's final report: in any order, any number of times, however late. The first one moves the money.

    A later report that contradicts it, and a reference that another payment has, are logged and change nothing. HoldClosed: a
    hold of an earlier release, which lasted for a year, has expired. Raises LookupError where there is no such payment.
    """
    try:
        async with runtime.database.transaction() as connection:
            row = (await connection.execute(settlements.select_locked(payment_id))).one_or_none()
            if row is None:
                raise LookupError(f"there is no payment {payment_id}")
            if row.status in FINAL:
                if (row.status == "paid") is not paid or len({rail_reference, row.rail_reference} - {None}) > 1:
                    log.error("the rail contradicts itself", payment=str(row.id), status=row.status, says_paid=paid)
                return
            values = {"status": "paid" if paid else "refused", "rail_reference": rail_reference, "settled_at": clock.now()}
            await connection.execute(update(payment).where(payment.c.id == row.id).values(values))
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
    """Adds the request; answers with the earlier one where the key has one."""
    key_columns = (payment.c.customer_id, payment.c.key)
    added = await connection.execute(
        insert(payment).values(row).on_conflict_do_nothing(index_elements=key_columns).returning(payment.c.id)
    )
    if added.one_or_none() is not None:
        return None
    return await _find(connection, row["customer_id"], row["key"], **{name: row[name] for name in _SAME})


async def _find(connection: AsyncConnection, customer_id: UUID, key: str, **same: object) -> Row[Any] | None:
    """The request under this key. KeyConflict where it was another one."""
    query = select(payment).where(payment.c.customer_id == customer_id, payment.c.key == key)
    row = (await connection.execute(query)).one_or_none()
    if row is not None:
        check_same(row, **same)
    return row


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
    """Checks that the wallet could take the money now: once the deposit is paid, no limit holds it back."""
    wallet = (await connection.execute(select(account.c.tier, account.c.balance).where(account.c.id == customer.wallet))).one()
    limit = limits.get(wallet.tier, amount.currency, clock.today(country))
    if amount.minor > limit.transfer:
        raise OverLimit(most=Money(limit.transfer, amount.currency))
    if wallet.balance + amount.minor > limit.balance:
        raise OverBalanceLimit


async def _first_receipt(connection: AsyncConnection, row: Row[Any]) -> WithdrawalReceipt:
    query = select(transfer_table.c.available).where(transfer_table.c.id == row.hold_id)
    available_minor = (await connection.scalars(query)).one()
    amount, fee, balance = (Money(minor, row.currency) for minor in (row.amount, row.fee, available_minor[0]))
    return WithdrawalReceipt(ids.reference(row.hold_id), row.phone, amount, fee, balance)
