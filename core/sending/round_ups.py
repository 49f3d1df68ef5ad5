"""Sends rounded up: the same transfer that sends puts what is missing to the next round sum into a savings goal.

It is a gift on top and never in the way: a send that cannot be rounded up goes out as it is.
"""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from core.countries import CURRENCIES
from core.customers.profiles import Customer
from core.ledger.chart import GOAL
from core.ledger.transfer import Leg
from core.money import Money
from core.runtime import Runtime
from core.tables.customers import customer as customer_table
from core.tables.ledger import account, posting, transfer
from core.tables.savings import goal as goal_table

# Where a rounded send is refused for one of these, the same send as it is may be accepted.
GIVES_WAY = frozenset({"not_enough", "account_closed"})


@dataclass(frozen=True, slots=True)
class RoundUp:
    """What a send puts into a goal."""

    goal_id: UUID
    saved: Money

    @property
    def leg(self) -> Leg:
        return Leg(self.goal_id, self.saved.minor)


def unit(currency: str) -> Money:
    """What a send and its fee are rounded up to."""
    return Money.of_units(CURRENCIES[currency].round_up_units, currency)


async def due(runtime: Runtime, sender: Customer, total: Money) -> RoundUp | None:
    """What a send that costs `total` is rounded up by, if she wants it and there is anything to round up.

    Goals hold whole units, so a total with cents is not rounded up.
    """
    missing = -total.minor % unit(total.currency).minor
    if sender.round_up_goal is None or not missing or not total.is_whole:
        return None
    # The sender may have been read a while ago; and a goal is only ever filled by its owner.
    chosen = (
        select(goal_table.c.id)
        .join(customer_table, customer_table.c.round_up_goal == goal_table.c.id)
        .where(
            customer_table.c.id == sender.id,
            goal_table.c.customer_id == sender.id,
            goal_table.c.status == "open",
            goal_table.c.currency == total.currency,
        )
    )
    async with runtime.database.autocommit() as connection:
        goal_id = await connection.scalar(chosen)
    return None if goal_id is None else RoundUp(goal_id, Money(missing, total.currency))


async def earlier(runtime: Runtime, sender: Customer, key: str) -> RoundUp | None:
    """What the send that was posted under this key put into a goal of the sender's."""
    into_goal = (
        select(posting.c.account_id, posting.c.amount, account.c.currency)
        .join(transfer, transfer.c.id == posting.c.transfer_id)
        .join(account, account.c.id == posting.c.account_id)
        .where(
            transfer.c.initiator == sender.wallet,
            transfer.c.key == key,
            account.c.kind == GOAL,
            account.c.owner == sender.id,
        )
    )
    async with runtime.database.autocommit() as connection:
        row = (await connection.execute(into_goal)).one_or_none()
    return None if row is None else RoundUp(row.account_id, Money(row.amount, row.currency))
