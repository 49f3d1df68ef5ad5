"""Covers: what is offered, buying one, and starting or stopping its renewal."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Self
from uuid import UUID

from sqlalchemy import Select, case, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock, ids
from core.credentials import pins
from core.customers import profiles
from core.customers.profiles import Customer
from core.errors import KeyConflict, NotPermitted
from core.i18n import translate
from core.insurance import products as catalogue
from core.insurance import texts
from core.insurance.policies import ACTIVE, ENDED, GRACE, KIND, Policy, make_premium, open_policy, read_policy
from core.insurance.products import Product, Term
from core.insurance.refusals import AlreadyCovered, OfferChanged, OutOfSeason
from core.ledger import answers
from core.ledger.post import post_one
from core.ledger.refusals import AccountClosed, NotEnoughMoney
from core.messaging import notices
from core.money import Money
from core.operations.refusals import InsuranceOff
from core.refusing import refuses, repeats
from core.runtime import Runtime
from core.tables.insurance import policy as policy_table


@dataclass(frozen=True, slots=True)
class Offer:
    """A product, and the term of a purchase today: None out of season. `sold_next` is the first day that it is sold on."""

    product: Product
    term: Term | None
    sold_next: date


@dataclass(frozen=True, slots=True)
class Terms:
    """What a customer is shown before she says yes: the price of a term, the most that a claim pays, and a term's days.

    `days` is 0 for a product that is sold by the season.
    """

    price: Money
    cover: Money
    days: int

    @classmethod
    def of(cls, product: Product) -> Self:
        return cls(product.price, product.cover, product.term_days)

    def keeps(self, agreed: "Terms") -> bool:
        """Is it no worse than what she has agreed to?"""
        return self.price <= agreed.price and self.cover >= agreed.cover and self.days >= agreed.days


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


@refuses(KeyConflict)
async def _find_first(runtime: Runtime, customer: Customer, product_key: str, key: str) -> CoverPurchase | None:
    async with runtime.database.autocommit() as connection:
        first = await answers.find(connection, customer.wallet, key, KIND)
        if first is None:
            return None
        query = _of(customer).where(policy_table.c.transfer_id == first.transfer_id)
        row = (await connection.execute(query)).one_or_none()
    if row is None or row.product != product_key:
        raise KeyConflict
    return CoverPurchase(first.reference, _as_bought(read_policy(row)), first.balance(leg=0))


@repeats(_find_first)
@refuses(InsuranceOff, pins.check, get_offer, OfferChanged, AlreadyCovered, NotEnoughMoney, AccountClosed, KeyConflict)
async def buy(
    runtime: Runtime, customer: Customer, product_key: str, pin: str, key: str, *, agreed: Terms | None = None
) -> CoverPurchase:
    """Sells the cover from today and takes its price, once for each `key`: a repetition gets the first purchase.

    OfferChanged: it is worse now than the terms that she was shown. A cover that is unpaid, in its days of grace, goes on without
    a second waiting time.
    """
    _check_agreed(get_offer(runtime, product_key).product, agreed)
    await pins.check(runtime, customer.id, pin)
    async with runtime.database.transaction() as connection:
        # Her row before those of her covers, as everywhere: closing her account does the same.
        if not await profiles.keep_open(connection, customer.id):
            raise AccountClosed
        offer = get_offer(runtime, product_key)
        _check_agreed(offer.product, agreed)
        if offer.term is None:
            raise OutOfSeason
        waited_until = await _end_unpaid(connection, customer, product_key)
        term = offer.term if waited_until is None else offer.term.after(waited_until)
        transfer_id = ids.new_id()
        policy = await open_policy(connection, customer.id, offer.product, term, transfer_id)
        if policy is None:
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


@refuses(InsuranceOff, get_policy, OfferChanged, pins.check)
async def start_renewal(
    runtime: Runtime, customer: Customer, policy_id: UUID, pin: str, *, agreed: Terms | None = None
) -> Policy:
    """Starts the renewal. It asks for the PIN because each renewal is paid without asking.

    NotPermitted: also for a cover by the season. OfferChanged: the next term is worse now than the terms that she was shown.
    """
    policy = await get_policy(runtime, customer, policy_id)
    product = find_renewal_product(runtime, policy)
    if product is None:
        raise NotPermitted
    _check_agreed(product, agreed)
    await pins.check(runtime, customer.id, pin)
    return await _set_renewal(runtime, customer, policy_id, {"renews": True})


def _of(customer: Customer) -> Select[Any]:
    return select(policy_table).where(policy_table.c.customer_id == customer.id)


def _check_agreed(product: Product, agreed: Terms | None) -> None:
    if agreed is not None and not Terms.of(product).keeps(agreed):
        raise OfferChanged


def _as_bought(policy: Policy) -> Policy:
    """The policy without what renewals have made of it since."""
    product = catalogue.find(policy.product, policy.price.currency, policy.starts)
    term = None if product is None else product.term(policy.starts)
    if product is None or term is None:
        return policy
    return replace(policy, ends=term.ends, renews=not product.seasons, status=ACTIVE)


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
