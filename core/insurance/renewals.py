"""The worker's duties for covers: it renews or ends those whose term is over, and tells their owners three days before.

A renewal takes the price without asking for the PIN: the customer agreed to it when she bought. Where the money is missing the
cover stops, and the worker tries again on each day of grace. A cover that is paid then goes on from that day without a second
waiting time. Each policy has a transaction of its own, once for each period, with any number of workers and whenever one dies.
"""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, Text, cast, exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core import chores, clock, ids
from core.chores import Due
from core.customers import profiles
from core.customers.profiles import Customer
from core.i18n import translate
from core.insurance import products, texts
from core.insurance.policies import ACTIVE, ENDED, GRACE, make_premium, open_policy, read_policy
from core.insurance.products import Product, Term
from core.ledger.post import post
from core.ledger.transfer import REFUSALS
from core.messaging import kinds, notices
from core.runtime import Runtime
from core.tables.chores import chore
from core.tables.customers import customer as customer_table
from core.tables.insurance import policy as policy_table

NOTICE_DAYS = 3
_RENEWAL, _NOTICE = "cover_renewal", "cover_notice"


async def renew(runtime: Runtime) -> int:
    """Renews or ends a batch of covers whose term is over today. Returns how many it tried."""
    today = clock.today(runtime.settings.country)
    tried = cast(policy_table.c.ends, Text) + f" {today}"
    due = (policy_table.c.status != ENDED) & (policy_table.c.ends <= today) & ~_done(_RENEWAL, tried)

    async def work(connection: AsyncConnection, row: Row[Any]) -> bool:
        await _settle(runtime, connection, row, today)
        return True

    return await chores.work_through(runtime.database, "covers: renew", _due(due), work)


async def remind(runtime: Runtime) -> int:
    """Tells the owners of a batch of covers whose term ends in three days or fewer. Returns how many it told."""
    today = clock.today(runtime.settings.country)
    soon = policy_table.c.ends.between(today + timedelta(days=1), today + timedelta(days=NOTICE_DAYS))
    due = (policy_table.c.status == ACTIVE) & soon & ~_done(_NOTICE, cast(policy_table.c.ends, Text))

    async def work(connection: AsyncConnection, row: Row[Any]) -> bool:
        await _tell_of_end(runtime, connection, row)
        return True

    return await chores.work_through(runtime.database, "covers: remind", _due(due), work)


def _done(kind: str, period: ColumnElement[str]) -> ColumnElement[bool]:
    return exists().where(chore.c.subject == policy_table.c.id, chore.c.kind == kind, chore.c.period == period)


def _due(condition: ColumnElement[bool]) -> Due:
    # A renewal may write another policy, which refers to its owner.
    return Due(select(policy_table).where(condition), policy_table.c.id, (policy_table.c.ends,), owner=_select_owner)


def _select_owner(policy_id: UUID) -> Select[Any]:
    owner_id = select(policy_table.c.customer_id).where(policy_table.c.id == policy_id).scalar_subquery()
    return select(customer_table.c.id).where(customer_table.c.id == owner_id)


async def _settle(runtime: Runtime, connection: AsyncConnection, row: Row[Any], today: date) -> None:
    if not await chores.mark_done(connection, row.id, _RENEWAL, f"{row.ends} {today}"):
        return
    customer = await profiles.find_by_id(connection, row.customer_id)
    # An unpaid cover goes on from the day on which it is paid. A cover that a worker comes to late has no gap.
    begins = row.ends if row.status == ACTIVE else today
    product = products.find(row.product, row.currency, begins)
    if customer is None or product is None or product.seasons or not row.renews:
        await _end(runtime, connection, row, customer)
    elif not await _pay(runtime, connection, row, customer, product, begins):
        gives_up = row.ends + timedelta(days=product.grace_days)
        if row.status == ACTIVE and product.grace_days:
            await _begin_grace(runtime, connection, row, customer, product, max(gives_up, today + timedelta(days=1)))
        elif today >= gives_up:
            await _end(runtime, connection, row, customer)


async def _pay(
    runtime: Runtime, connection: AsyncConnection, row: Row[Any], customer: Customer, product: Product, begins: date
) -> bool:
    """Takes the price and extends the cover; False where the ledger refused, and nothing was done."""
    term = product.term(begins)
    assert term is not None, f"{product.key} is renewed by itself and has no term"
    transfer_id = ids.new_id()
    notice = notices.write(
        customer,
        texts.COVER_RENEWED,
        reference=ids.reference(transfer_id),
        product=translate(product.name, customer.language),
        amount=product.price,
        most=product.cover,
        until=clock.day_text(term.last_day),
    )
    transfer = make_premium(transfer_id, customer, product, f"renewal:{row.id}:{row.ends}", notice)
    async with connection.begin_nested() as extension:
        await _extend(connection, row, customer, product, term, transfer_id)
        [answer] = await post(connection, [transfer], runtime.settings.country)
        if answer.outcome in REFUSALS:
            await extension.rollback()
            return False
    assert answer.outcome == "posted", f"the renewal of {row.id} is {answer.outcome}"
    return True


async def _extend(
    connection: AsyncConnection, row: Row[Any], customer: Customer, product: Product, term: Term, transfer_id: UUID
) -> None:
    change = update(policy_table).where(policy_table.c.id == row.id)
    policy = read_policy(row)
    if policy.status == ACTIVE and (policy.price, policy.cover) == (product.price, product.cover):
        await connection.execute(change.values(ends=term.ends))
    else:
        await connection.execute(change.values(status=ENDED))
        await open_policy(connection, customer.id, product, term.after(policy.waits_until), transfer_id)


async def _begin_grace(
    runtime: Runtime, connection: AsyncConnection, row: Row[Any], customer: Customer, product: Product, gives_up: date
) -> None:
    await connection.execute(update(policy_table).where(policy_table.c.id == row.id).values(status=GRACE))
    await notices.tell(
        runtime,
        connection,
        customer,
        texts.COVER_UNPAID,
        product=translate(product.name, customer.language),
        amount=product.price,
        # The worker tries for the last time on the morning after.
        date=clock.day_text(gives_up - timedelta(days=1)),
    )


async def _end(runtime: Runtime, connection: AsyncConnection, row: Row[Any], customer: Customer | None) -> None:
    await connection.execute(update(policy_table).where(policy_table.c.id == row.id).values(status=ENDED))
    if customer is not None:
        name = translate(read_policy(row).name, customer.language)
        await notices.tell(runtime, connection, customer, texts.COVER_ENDED, kind=kinds.REMINDER, product=name)


async def _tell_of_end(runtime: Runtime, connection: AsyncConnection, row: Row[Any]) -> None:
    customer = await profiles.find_by_id(connection, row.customer_id)
    if not await chores.mark_done(connection, row.id, _NOTICE, str(row.ends)) or customer is None:
        return
    policy = read_policy(row)
    params: dict[str, Any] = {"product": translate(policy.name, customer.language)}
    product = products.find(policy.product, row.currency, policy.ends)
    if policy.renews and product is not None:
        await notices.tell(
            runtime, connection, customer, texts.COVER_RENEWS, date=clock.day_text(policy.ends), amount=product.price, **params
        )
    else:
        await notices.tell(
            runtime, connection, customer, texts.COVER_ENDS, kind=kinds.REMINDER, date=clock.day_text(policy.last_day), **params
        )
