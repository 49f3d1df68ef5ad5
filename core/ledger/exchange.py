"""Currency exchange: a chain of two transfers through the service's liquidity accounts, and the rate on record.

Nothing calls it yet; cross-border sends will.
"""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import insert

from core import ids
from core.db import Database
from core.errors import KeyConflict
from core.ledger.chart import LIQUIDITY, SystemAccount
from core.ledger.post import post
from core.ledger.refusals import AccountClosed, NotEnoughMoney
from core.ledger.transfer import Leg, Transfer
from core.money import Money
from core.refusing import refuses
from core.tables.ledger import exchange as exchange_table

KIND = "exchange"


@dataclass(frozen=True, slots=True)
class Rate:
    """`bought` minor units of `currency` for `sold` minor units of the other. Both are whole, so nothing is rounded twice."""

    bought: int
    sold: int
    currency: str

    def convert(self, amount: Money) -> Money:
        """What the amount buys. The service keeps the fraction of a minor unit."""
        return Money(amount.minor * self.bought // self.sold, self.currency)


@refuses(NotEnoughMoney, AccountClosed, KeyConflict)
async def exchange(
    database: Database, *, country: str, sold_from: UUID, bought_into: UUID, amount: Money, rate: Rate, key: str
) -> Money:
    """Sells `amount` out of one account and puts what it buys into another, or does neither. Returns what was bought.

    Raises ValueError where the amount buys nothing.
    """
    bought = rate.convert(amount)
    if amount.minor <= 0 or bought.minor <= 0:
        raise ValueError(f"{amount} buys nothing at this rate")
    selling = _transfer_half(sold_from, -amount, key)
    buying = _transfer_half(bought_into, bought, key)
    async with database.transaction() as connection:
        await connection.execute(
            insert(exchange_table).values(
                sold_transfer_id=selling.id, bought_transfer_id=buying.id, rate_bought=rate.bought, rate_sold=rate.sold
            )
        )
        results = await post(connection, [selling, buying], country, chains=[1, 1])
        for result in results:
            if result.outcome not in ("posted", "repeated", "chain_broken"):
                result.raise_refusal(amount.currency, needed=amount)
        if results[0].outcome != "posted":
            await connection.rollback()  # the first one is on record
    return bought


def _transfer_half(wallet: UUID, amount: Money, key: str) -> Transfer:
    legs = (Leg(wallet, amount.minor), Leg(SystemAccount(LIQUIDITY, amount.currency), -amount.minor))
    return Transfer(ids.new_id(), wallet, key, KIND, legs)
