"""Joining by SMS: a name opens an account that can receive; its owner gives ID number and PIN when she first dials."""

from uuid import uuid4

from sqlalchemy import insert, update

from core import clock
from core.credentials import pins
from core.customers.profiles import Customer
from core.ledger.chart import WALLET
from core.ledger.limits import UNVERIFIED, VERIFIED
from core.membership import registration, texts
from core.membership.refusals import AlreadyRegistered
from core.runtime import Runtime
from core.tables.credentials import pin as pin_table
from core.tables.customers import customer as customer_table
from core.tables.ledger import account as account_table


async def join(runtime: Runtime, *, phone: str, name: str, language: str) -> Customer:
    """Opens an account without a PIN, with the limits of somebody unknown. `phone` is E.164. Raises AlreadyRegistered."""
    async with runtime.database.transaction() as connection:
        row = {"id": uuid4(), "phone": phone, "name": name, "language": language}
        return await registration.add(connection, runtime, row, tier=UNVERIFIED, welcome=texts.SMS_JOINED)


async def complete(runtime: Runtime, customer: Customer, *, national_id: str, pin: str) -> None:
    """Adds what an account opened by SMS lacks. Raises BadPin, WeakPin, Busy, or AlreadyRegistered where it has a PIN by now."""
    pins.choose(pin, phone=customer.phone)
    with runtime.pin_hasher.place():
        hashed = await runtime.pin_hasher.hash(pin, customer.id)
    own = (account_table.c.owner == customer.id) & (account_table.c.kind == WALLET)
    async with runtime.database.transaction() as connection:
        opened = (
            update(customer_table)
            .where(customer_table.c.id == customer.id, customer_table.c.national_id.is_(None))
            .values(national_id=runtime.vault.seal(national_id, customer.id))
            .returning(customer_table.c.id)
        )
        if await connection.scalar(opened) is None:
            raise AlreadyRegistered
        await connection.execute(insert(pin_table).values(customer_id=customer.id, hash=hashed, changed_at=clock.now()))
        await connection.execute(update(account_table).where(own).values(tier=VERIFIED))
