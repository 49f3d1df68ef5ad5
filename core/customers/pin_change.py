"""A new PIN, chosen by somebody who knows the old one."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock
from core.credentials import pins
from core.credentials.refusals import PinLocked
from core.customers import texts
from core.customers.profiles import Customer
from core.messaging import kinds, notices
from core.runtime import Runtime
from core.tables.credentials import pin as pin_table


async def change(runtime: Runtime, customer: Customer, pin: str) -> None:
    """Replaces the PIN of somebody whose old one `pins.check` has just found right, and tells her by SMS.

    The same PIN again is let pass. Raises BadPin, WeakPin, Busy, or PinLocked where it was locked meanwhile.
    """
    hashed = await hash_of(runtime, customer, pin)
    async with runtime.database.transaction() as connection:
        if not await write(connection, customer.id, hashed, only_unlocked=True):
            raise PinLocked
        service_code = runtime.settings.service_code
        await notices.tell(connection, customer, texts.PIN_CHANGED, kind=kinds.SECURITY, service_code=service_code)


async def hash_of(runtime: Runtime, customer: Customer, pin: str) -> str:
    """What is kept of a new PIN. Raises BadPin, WeakPin or Busy. Slow: never within a transaction."""
    pins.choose(pin, phone=customer.phone)
    with runtime.pin_hasher.place():
        return await runtime.pin_hasher.hash(pin, customer.id)


async def write(
    connection: AsyncConnection,
    customer_id: UUID,
    hashed: str,
    *,
    only_unlocked: bool = False,
    money_out_from: datetime | None = None,
) -> bool:
    """Puts the new PIN into the old one's place, with no wrong tries counted; False where `only_unlocked` and it is locked.

    `money_out_from`: until then no money leaves. None leaves what there is.
    """
    own = update(pin_table).where(pin_table.c.customer_id == customer_id)
    if only_unlocked:
        own = own.where(pin_table.c.locked_at.is_(None), pin_table.c.failures < pins.MOST_WRONG)
    values = {"hash": hashed, "failures": 0, "locked_at": None, "changed_at": clock.now()}
    if money_out_from is not None:
        values["money_out_from"] = money_out_from
    return (await connection.execute(own.values(values))).rowcount == 1
