"""One currency for another: two transfers in a chain through the service's liquidity accounts, and the rate on record.

Nothing calls it yet; cross-border sends will.
"""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import insert

from core import ids
from core.db import Database
from core.ledger.chart import LIQUIDITY, SystemAccount
from core.ledger.post import post
from core.ledger.transfer import Leg, Transfer
from core.money import Money
from core.tables.ledger import exchange as exchange_table

KIND = "exchange"


@dataclass(frozen=True, slots=True)
class Rate:
    """`bought` minor units of one currency for `sold` minor units of the other: whole numbers, never rounded twice."""

    bought: int
    sold: int
    currency: str

    def of(self, amount: Money) -> Money:
        """What the amount buys; a fraction of a minor unit stays with the service."""
        return Money(amount.minor * self.bought // self.sold, self.currency)


async def exchange(
    database: Database, *, country: str, sold_from: UUID, bought_into: UUID, amount: Money, rate: Rate, key: str
) -> Money:
    """Sells `amount` out of one account and puts what it buys into another, both or neither; answers with what was bought.

    Raises what the ledger refuses, and ValueError for an amount that buys nothing.
    """
    bought = rate.of(amount)
    if amount.minor <= 0 or bought.minor <= 0:
        raise ValueError(f"{amount} buys nothing at this rate")
    selling = _half(sold_from, -amount, key)
    buying = _half(bought_into, bought, key)
    async with database.transaction() as connection:
        answers = await post(connection, [selling, buying], country, chains=[1, 1])
        for answer in answers:
            if answer.outcome not in ("posted", "repeated", "chain_broken"):
                answer.raise_refusal(amount.currency, needed=amount)
        if answers[0].outcome == "posted":
            await connection.execute(
                insert(exchange_table).values(
                    sold_transfer_id=selling.id, bought_transfer_id=buying.id, rate_bought=rate.bought, rate_sold=rate.sold
                )
            )
    return bought


def _half(wallet: UUID, amount: Money, key: str) -> Transfer:
    legs = (Leg(wallet, amount.minor), Leg(SystemAccount(LIQUIDITY, amount.currency), -amount.minor))
    return Transfer(ids.new_id(), wallet, key, KIND, legs)
