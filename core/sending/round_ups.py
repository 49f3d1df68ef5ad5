"""Round-ups: the transfer of a send also puts what is missing to the next round sum into the sender's savings goal.

A send that cannot be rounded up goes out without a round-up.
"""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from core.countries import CURRENCIES
from core.customers.profiles import Customer
from core.ledger.transfer import Leg
from core.money import Money
from core.runtime import Runtime
from core.tables.customers import customer as customer_table
from core.tables.savings import goal as goal_table

# A rounded send that the ledger refuses for one of these may be accepted without the round-up.
GIVES_WAY = frozenset({"not_enough", "account_closed"})


@dataclass(frozen=True, slots=True)
class RoundUp:
    """What a send puts into a savings goal."""

    goal_id: UUID
    saved: Money

    @property
    def leg(self) -> Leg:
        return Leg(self.goal_id, self.saved.minor)


def unit(currency: str) -> Money:
    """The round sum that a send and its fee are rounded up to."""
    return Money.of_units(CURRENCIES[currency].round_up_units, currency)


async def find_due(runtime: Runtime, sender: Customer, total: Money) -> RoundUp | None:
    """The round-up of a send that costs `total`; None where the sender has chosen no goal or the total is round.

    Goals hold whole units, so a total with cents has no round-up either.
    """
    missing = -total.minor % unit(total.currency).minor
    if sender.round_up_goal is None or not missing or not total.is_whole:
        return None
    # Read again, because the sender may have been read a while ago; and only its owner fills a goal.
    query = (
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
        goal_id = await connection.scalar(query)
    return None if goal_id is None else RoundUp(goal_id, Money(missing, total.currency))
