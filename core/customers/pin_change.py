"""Changing a PIN by somebody who knows the old one."""

from core.credentials import pins
from core.credentials.refusals import PinLocked
from core.customers import texts
from core.customers.profiles import Customer
from core.messaging import kinds, notices
from core.refusing import refuses
from core.runtime import Runtime


@refuses(pins.hash_new, PinLocked)
async def change(runtime: Runtime, customer: Customer, pin: str) -> None:
    """Replaces the PIN after `pins.check` has accepted the old one, and tells the customer by SMS.

    The new PIN may be the old one. PinLocked: the PIN was locked meanwhile.
    """
    hashed = await pins.hash_new(runtime, customer.id, customer.phone, pin)
    async with runtime.database.transaction() as connection:
        if not await pins.replace(connection, customer.id, hashed, only_unlocked=True):
            raise PinLocked
        await notices.tell(runtime, connection, customer, texts.PIN_CHANGED, kind=kinds.SECURITY)
