"""Covers: what is offered, buying one, and starting or stopping its renewal."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, case, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock, ids
from core.credentials import pins
from core.customers.profiles import Customer
from core.errors import KeyConflict, NotPermitted, check_same
from core.i18n import translate
from core.insurance import products as catalogue
from core.insurance import texts
from core.insurance.policies import ENDED, GRACE, Policy, make_premium, open_policy, read_policy
from core.insurance.products import Product, Term
from core.insurance.refusals import AlreadyCovered, OutOfSeason
from core.ledger.post import post_one
from core.ledger.refusals import AccountClosed, NotEnoughMoney
from core.messaging import notices
from core.money import Money
from core.operations.refusals import InsuranceOff
from core.refusing import refuses
from core.runtime import Runtime
from core.tables.insurance import policy as policy_table
from core.tables.ledger import transfer as transfer_table


@dataclass(frozen=True, slots=True)
class Offer:
    """A product, and the term of a purchase today: None out of season. `sold_next` is the first day that it is sold on."""

    product: Product
    term: Term | None
    sold_next: date


@dataclass(frozen=True, slots=True)
class CoverPurchase:
    reference: str
    policy: Policy
    balance: Money


def list_offers(runtime: Runtime) -> list[Offer]:
    """Every product of today, out of season too: the menu says when it is sold again."""
    today = clock.today(runtime.settings.country)
    return [
        Offer(product, product.term(today), product.sold_next(today))
        for product in catalogue.list_current(runtime.settings.currency, today)
    ]


@refuses(OutOfSeason)
def get_offer(runtime: Runtime, product_key: str) -> Offer:
    """The offer of one product. OutOfSeason: the product is not sold any more."""
    for offer in list_offers(runtime):
        if offer.product.key == product_key:
            return offer
    raise OutOfSeason


@refuses(InsuranceOff, pins.check, get_offer, AlreadyCovered, NotEnoughMoney, AccountClosed, KeyConflict)
async def buy(runtime: Runtime, customer: Customer, product_key: str, pin: str, key: str) -> CoverPurchase:
    """Sells the cover from today and takes its price, once for each `key`: a repetition gets the first purchase.

    A cover that is unpaid, in its days of grace, goes on without a second waiting time.
    """
    await pins.check(runtime, customer.id, pin)
    async with runtime.database.transaction() as connection:
        if (purchase := await _find_purchase(connection, customer, key)) is not None:
            return _check_same(purchase, product_key)
        offer = get_offer(runtime, product_key)
        if offer.term is None:
            raise OutOfSeason
        waited_until = await _end_unpaid(connection, customer, product_key)
        term = offer.term if waited_until is None else offer.term.after(waited_until)
        transfer_id = ids.new_id()
        policy = await open_policy(connection, customer.id, offer.product, term, transfer_id)
        if policy is None:
            # A repetition that overtook this request has it, or she had it before.
            if (purchase := await _find_purchase(connection, customer, key)) is not None:
                return _check_same(purchase, product_key)
            raise AlreadyCovered
        notice = notices.write(
            customer,
            texts.COVERED,
            reference=ids.reference(transfer_id),
            product=translate(policy.name, customer.language),
            amount=policy.price,
            most=policy.cover,
            date=clock.day_text(policy.waits_until),
            until=clock.day_text(policy.last_day),
        )
        transfer = make_premium(transfer_id, customer, offer.product, key, notice)
        answer = await post_one(
            connection, transfer, country=runtime.settings.country, currency=customer.currency, needed=policy.price
        )
        assert answer.transfer_id == transfer_id, f"the policy {policy.id} would be free"
    return CoverPurchase(ids.reference(transfer_id), policy, Money(answer.available_minor[0], customer.currency))


async def list_policies(runtime: Runtime, customer: Customer) -> list[Policy]:
    """Her covers, the first bought first, with unpaid ones in their days of grace."""
    query = _of(customer).where(policy_table.c.status != ENDED).order_by(policy_table.c.created_at, policy_table.c.id)
    async with runtime.database.autocommit() as connection:
        return [read_policy(row) for row in await connection.execute(query)]


@refuses(NotPermitted)
async def get_policy(runtime: Runtime, customer: Customer, policy_id: UUID) -> Policy:
    """One of her covers. NotPermitted: it has ended, or is not hers."""
    query = _of(customer).where(policy_table.c.id == policy_id, policy_table.c.status != ENDED)
    async with runtime.database.autocommit() as connection:
        row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise NotPermitted
    return read_policy(row)


def find_renewal_product(runtime: Runtime, policy: Policy) -> Product | None:
    """The product of the policy's next term, at its price of then; None where policies of its kind are not renewed."""
    today = clock.today(runtime.settings.country)
    product = catalogue.find(policy.product, policy.price.currency, max(policy.ends, today))
    return None if product is None or product.seasons else product


def last_day_to_pay(policy: Policy, product: Product) -> date:
    """The last day on which an unpaid policy can be paid."""
    return policy.ends + timedelta(days=product.grace_days - 1)


@refuses(NotPermitted)
async def stop_renewal(runtime: Runtime, customer: Customer, policy_id: UUID) -> Policy:
    """Stops the renewal: the cover ends with its term, or now where it is unpaid."""
    unpaid_ends = case((policy_table.c.status == GRACE, ENDED), else_=policy_table.c.status)
    return await _set_renewal(runtime, customer, policy_id, {"renews": False, "status": unpaid_ends})


@refuses(InsuranceOff, get_policy, pins.check)
async def start_renewal(runtime: Runtime, customer: Customer, policy_id: UUID, pin: str) -> Policy:
    """Starts the renewal. It asks for the PIN because each renewal is paid without asking.

    NotPermitted: also for a cover by the season.
    """
    policy = await get_policy(runtime, customer, policy_id)
    if find_renewal_product(runtime, policy) is None:
        raise NotPermitted
    await pins.check(runtime, customer.id, pin)
    return await _set_renewal(runtime, customer, policy_id, {"renews": True})


def _of(customer: Customer) -> Select[Any]:
    return select(policy_table).where(policy_table.c.customer_id == customer.id)


def _check_same(purchase: CoverPurchase, product_key: str) -> CoverPurchase:
    """Returns the purchase of an earlier request, unless this request is for another product."""
    check_same(purchase.policy, product=product_key)
    return purchase


async def _find_purchase(connection: AsyncConnection, customer: Customer, key: str) -> CoverPurchase | None:
    query = (
        _of(customer)
        .add_columns(transfer_table.c.available)
        .join(transfer_table, transfer_table.c.id == policy_table.c.transfer_id)
        .where(transfer_table.c.initiator == customer.wallet, transfer_table.c.key == key)
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    return CoverPurchase(ids.reference(row.transfer_id), read_policy(row), Money(row.available[0], row.currency))


async def _end_unpaid(connection: AsyncConnection, customer: Customer, product_key: str) -> date | None:
    """Ends a run in its days of grace, and returns the end of its waiting time; None where there is no such run."""
    change = (
        update(policy_table)
        .where(policy_table.c.customer_id == customer.id, policy_table.c.product == product_key, policy_table.c.status == GRACE)
        .values(status=ENDED)
        .returning(policy_table.c.waits_until)
    )
    waited_until: date | None = await connection.scalar(change)
    return waited_until


async def _set_renewal(runtime: Runtime, customer: Customer, policy_id: UUID, values: dict[str, object]) -> Policy:
    change = (
        update(policy_table)
        .where(policy_table.c.id == policy_id, policy_table.c.customer_id == customer.id, policy_table.c.status != ENDED)
        .values(values)
        .returning(policy_table)
    )
    async with runtime.database.autocommit() as connection:
        row = (await connection.execute(change)).one_or_none()
    if row is None:
        raise NotPermitted
    return read_policy(row)
