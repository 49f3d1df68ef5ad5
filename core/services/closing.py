"""Closing an account for good. The number is free for a new one at once; what was done under this one stays on record.

Money that arrives at the same moment is never caught in a closed account: closing locks the ledger accounts that a payment
locks too. Either the payment is first, and closing is refused for it, or closing is, and the payer is told.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock
from core.errors import AccountInUse, AccountNotEmpty
from core.ledger.chart import ESCROW
from core.money import Money
from core.runtime import Runtime
from core.services import notices, pins, sms_kinds, texts
from core.services.customers import Customer
from core.tables.insurance import claim, policy
from core.tables.jobs import application, job
from core.tables.ledger import account
from core.tables.payments import payment
from core.tables.people import customer as customer_table
from core.tables.people import invitation
from core.tables.savings import goal


async def may_close(runtime: Runtime, customer: Customer) -> None:
    """Whether nothing stands in the way now. Raises AccountNotEmpty (with what is left) or AccountInUse."""
    async with runtime.database.autocommit() as connection:
        await _check_nothing_waits(connection, customer)
        await _check_empty(connection, customer, _ACCOUNTS)


async def close(runtime: Runtime, customer: Customer, pin: str) -> None:
    """Closes the account and all its ledger accounts, and says goodbye by SMS; a second time it does nothing.

    Covers that do not renew by themselves end with it. Raises AccountNotEmpty, AccountInUse, BadPin, WrongPin, PinLocked or Busy.
    """
    await pins.check(runtime, customer.id, pin)
    own = customer_table.c.id == customer.id
    async with runtime.database.transaction() as connection:
        # What begins something in her name refers to this row, and waits here until we are done.
        status = await connection.scalar(select(customer_table.c.status).where(own).with_for_update())
        if status != "active":
            return
        await _check_nothing_waits(connection, customer)
        await _end_the_rest(connection, customer)
        await _check_empty(connection, customer, _ACCOUNTS.order_by(account.c.id).with_for_update())  # the ledger's own order
        await connection.execute(update(account).where(account.c.owner == customer.id).values(status="closed"))
        await connection.execute(update(customer_table).where(own).values(status="closed", closed_at=clock.now()))
        said: dict[str, Any] = {"name": customer.name, "service_code": runtime.settings.service_code}
        await notices.tell(connection, customer, texts.GOODBYE, kind=sms_kinds.SECURITY, **said)


_ACCOUNTS = select(account.c.kind, account.c.balance, account.c.held)


async def _check_nothing_waits(connection: AsyncConnection, customer: Customer) -> None:
    if await connection.scalar(select(_waits_for_others(customer.id))):
        raise AccountInUse


async def _check_empty(connection: AsyncConnection, customer: Customer, accounts: Select[Any]) -> None:
    rows = (await connection.execute(accounts.where(account.c.owner == customer.id))).all()
    if any(row.held or (row.kind == ESCROW and row.balance) for row in rows):
        raise AccountInUse
    if left_minor := sum(row.balance for row in rows):
        raise AccountNotEmpty(balance=Money(left_minor, customer.currency))


def _waits_for_others(customer_id: UUID) -> ColumnElement[bool]:
    """A job that she gave or does, a cover that is to go on, a claim, a payment on its way."""
    return (
        exists().where(job.c.employer_id == customer_id, job.c.status.in_(["open", "hired", "finished", "disputed"]))
        | exists().where(job.c.worker_id == customer_id, job.c.status.in_(["hired", "finished", "disputed"]))
        | exists().where(policy.c.customer_id == customer_id, policy.c.renews, policy.c.status != "ended")
        | exists().where(policy.c.customer_id == customer_id, claim.c.policy_id == policy.c.id, claim.c.status == "waiting")
        | exists().where(payment.c.customer_id == customer_id, payment.c.status.in_(["new", "asked"]))
        | exists().where(invitation.c.sender_id == customer_id, invitation.c.status == "waiting")
    )


async def _end_the_rest(connection: AsyncConnection, customer: Customer) -> None:
    """Goals, applications that nobody has answered, covers: before the ledger's accounts are locked, as everywhere."""
    await connection.execute(
        update(goal)
        .where(goal.c.customer_id == customer.id, goal.c.status == "open")
        .values(status="closed", rule=None, rule_amount=None, rule_next=None, rule_day=None)
    )
    await connection.execute(
        update(application)
        .where(application.c.worker_id == customer.id, application.c.status == "waiting")
        .values(status="withdrawn", changed_at=clock.now())
    )
    await connection.execute(
        update(policy).where(policy.c.customer_id == customer.id, policy.c.status != "ended").values(status="ended")
    )
