"""Joining by SMS: a name opens an account that can receive. Its owner gives ID number and PIN when she first dials."""

from uuid import uuid4

from core.credentials import pins
from core.customers import profiles
from core.customers.profiles import Customer
from core.ledger import accounts
from core.ledger.chart import WALLET
from core.ledger.limits import UNVERIFIED, VERIFIED
from core.membership import registration, texts
from core.membership.refusals import AlreadyRegistered
from core.operations.refusals import RegistrationOff
from core.refusing import refuses
from core.runtime import Runtime
from core.sending import unclaimed


@refuses(RegistrationOff, registration.add)
async def join(runtime: Runtime, *, phone: str, name: str, language: str) -> Customer:
    """Opens an account without a PIN, with the limits of an unverified customer. `phone` is E.164."""
    async with runtime.database.transaction() as connection:
        row = {"id": uuid4(), "phone": phone, "name": name, "language": language}
        customer = await registration.add(runtime, connection, row, tier=UNVERIFIED, welcome=texts.SMS_JOINED)
    await unclaimed.credit(runtime, phone)
    return customer


@refuses(RegistrationOff, pins.hash_new, AlreadyRegistered)
async def complete(runtime: Runtime, customer: Customer, *, national_id: str, pin: str) -> None:
    """Adds ID number and PIN to an account that was opened by SMS. AlreadyRegistered: it has them by now."""
    hashed = await pins.hash_new(runtime, customer.id, customer.phone, pin)
    sealed = runtime.vault.seal(national_id, customer.id)
    async with runtime.database.transaction() as connection:
        if not await profiles.set_national_id(connection, customer.id, sealed):
            raise AlreadyRegistered
        await pins.write(connection, customer.id, hashed)
        await accounts.set_tier(connection, owner=customer.id, kind=WALLET, tier=VERIFIED)
