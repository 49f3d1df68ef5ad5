"""Becoming a customer."""

from typing import Any
from uuid import uuid4

from sqlalchemy import insert, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock
from core.credentials import pins
from core.customers.profiles import Customer
from core.ledger.accounts import open_account
from core.ledger.chart import WALLET
from core.ledger.limits import VERIFIED
from core.membership import texts
from core.membership.refusals import AlreadyRegistered
from core.messaging import notices
from core.runtime import Runtime
from core.sending import unclaimed
from core.tables.credentials import pin as pin_table
from core.tables.customers import customer as customer_table


async def register(runtime: Runtime, *, phone: str, name: str, national_id: str, language: str, pin: str) -> Customer:
    """Opens an account: the customer, her PIN and an empty wallet, or nothing.

    Raises AlreadyRegistered, BadPin, WeakPin or Busy.
    """
    pins.choose(pin, phone=phone)
    customer_id = uuid4()
    with runtime.pin_hasher.place():
        hashed = await runtime.pin_hasher.hash(pin, customer_id)
    sealed = runtime.vault.seal(national_id, customer_id)
    row = {"id": customer_id, "phone": phone, "name": name, "language": language, "national_id": sealed}
    async with runtime.database.transaction() as connection:
        customer = await add(connection, runtime, row, tier=VERIFIED, welcome=texts.WELCOME)
        await connection.execute(insert(pin_table).values(customer_id=customer_id, hash=hashed, changed_at=clock.now()))
    return customer


async def add(connection: AsyncConnection, runtime: Runtime, row: dict[str, Any], *, tier: str, welcome: str) -> Customer:
    """A customer with a wallet, welcomed, and with the money that waited for her, in the caller's transaction.

    `row` holds her id, phone, name and language, and what else of the table is known. Raises AlreadyRegistered.
    """
    added = await connection.execute(
        upsert(customer_table)
        .values(**row, country=runtime.settings.country, created_at=clock.now())
        # In words, not as a parameter: a prepared statement has to recognise the index by it.
        .on_conflict_do_nothing(index_elements=[customer_table.c.phone], index_where=text("status = 'active'"))
        .returning(customer_table.c.id)
    )
    if added.one_or_none() is None:
        raise AlreadyRegistered
    currency = runtime.settings.currency
    wallet = await open_account(connection, owner=row["id"], kind=WALLET, currency=currency, tier=tier)
    customer = Customer(row["id"], row["phone"], row["name"], row["language"], wallet, currency, is_agent=False)
    await notices.tell(connection, customer, welcome, name=customer.name, service_code=runtime.settings.service_code)
    await unclaimed.credit(connection, runtime, customer)
    return customer
