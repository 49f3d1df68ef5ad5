"""Policies: what a row of the table `policy` means, how one begins, and the transfer that pays for it.

A row is an unbroken run of days at one price and one cover: what happens from `waits_until` on and before `ends` is covered. A
renewal in time makes the run longer. A renewal after a gap, or at another price, ends it and begins a new row, so that the rows
always say what was covered on a past day. Premiums carry no excise for now.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock
from core.customers.profiles import Customer
from core.insurance import products
from core.insurance.products import Product, Term
from core.ledger.chart import PREMIUMS, SystemAccount
from core.ledger.transfer import Leg, Notice, Transfer
from core.money import Money
from core.tables.insurance import policy as policy_table

KIND = "cover"
ACTIVE, GRACE, ENDED = "active", "grace", "ended"


@dataclass(frozen=True, slots=True)
class Policy:
    """A cover of a customer. `price` is for a term, `cover` the most that a claim pays, `ends` the first day without cover."""

    id: UUID
    product: str
    price: Money
    cover: Money
    starts: date
    waits_until: date
    ends: date
    renews: bool
    status: str

    @property
    def name(self) -> str:
        """What customers call the product: a message id."""
        return products.NAMES[self.product]

    @property
    def last_day(self) -> date:
        return self.ends - timedelta(days=1)


async def open_policy(
    connection: AsyncConnection, customer_id: UUID, product: Product, term: Term, transfer_id: UUID
) -> Policy | None:
    """Writes a new run of days, in the transaction that pays for it; None where she has this cover already."""
    new_policy = (
        insert(policy_table)
        .values(
            id=uuid4(),
            customer_id=customer_id,
            product=product.key,
            transfer_id=transfer_id,
            currency=product.price.currency,
            price=product.price.minor,
            cover=product.cover.minor,
            starts=term.starts,
            waits_until=term.waits_until,
            ends=term.ends,
            renews=not product.seasons,
            created_at=clock.now(),
        )
        .on_conflict_do_nothing(
            index_elements=[policy_table.c.customer_id, policy_table.c.product],
            # A literal, not a parameter: a prepared statement has to recognise the index by it.
            index_where=text(f"status != '{ENDED}'"),
        )
        .returning(policy_table)
    )
    row = (await connection.execute(new_policy)).one_or_none()
    return None if row is None else read_policy(row)


def make_premium(transfer_id: UUID, customer: Customer, product: Product, key: str, *written: Notice) -> Transfer:
    """The transfer that pays for a term. It counts against no limit: the money goes to the service, as a fee does."""
    price = product.price
    legs = (Leg(customer.wallet, -price.minor), Leg(SystemAccount(PREMIUMS, price.currency), price.minor))
    # Two products may cost the same, so the request is recognised by the product.
    return Transfer(transfer_id, customer.wallet, key, KIND, legs, written, request=product.key)


def read_policy(row: Row[Any]) -> Policy:
    return Policy(
        id=row.id,
        product=row.product,
        price=Money(row.price, row.currency),
        cover=Money(row.cover, row.currency),
        starts=row.starts,
        waits_until=row.waits_until,
        ends=row.ends,
        renews=row.renews,
        status=row.status,
    )
