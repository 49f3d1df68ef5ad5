"""What the service knows of a customer, as she may read it."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select

from core import clock
from core.customers.profiles import Customer
from core.ledger import limits
from core.money import Money
from core.runtime import Runtime
from core.tables.customers import customer as customer_table
from core.tables.ledger import account

# Enough of her ID number for herself to recognise it, and too little for a finder of her phone.
_SHOWN_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Details:
    """`national_id_end`: its last three digits, or empty where she has given no number. `transfer_limit`: for one transfer."""

    national_id_end: str
    transfer_limit: Money
    day_limit: Money
    customer_since: date


async def get(runtime: Runtime, customer: Customer) -> Details:
    country = runtime.settings.country
    async with runtime.database.autocommit() as connection:
        row = (
            await connection.execute(
                select(customer_table.c.national_id, customer_table.c.created_at, account.c.tier)
                .join(account, account.c.id == customer.wallet)
                .where(customer_table.c.id == customer.id)
            )
        ).one()
    limit = limits.get(row.tier, customer.currency, clock.today(country))
    return Details(
        runtime.vault.open(row.national_id, customer.id)[-_SHOWN_DIGITS:] if row.national_id else "",
        Money(limit.transfer, customer.currency),
        Money(limit.day, customer.currency),
        clock.day(row.created_at, country),
    )
