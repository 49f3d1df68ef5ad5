"""Registration by dialing."""

from typing import Any
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from core.credentials import pins
from core.customers import profiles
from core.customers.profiles import Customer
from core.ledger.accounts import open_account
from core.ledger.chart import WALLET
from core.ledger.limits import VERIFIED
from core.membership import texts
from core.membership.refusals import AlreadyRegistered
from core.messaging import notices
from core.operations.refusals import RegistrationOff
from core.refusing import refuses
from core.runtime import Runtime
from core.sending import unclaimed


@refuses(RegistrationOff)
async def check_open(runtime: Runtime) -> None:
    """Checks that accounts can be opened now, before somebody is asked who she is."""


@refuses(RegistrationOff, pins.hash_new, AlreadyRegistered)
async def register(runtime: Runtime, *, phone: str, name: str, national_id: str, language: str, pin: str) -> Customer:
    """Opens an account: the customer, her PIN and an empty wallet, or nothing."""
    customer_id = uuid4()
    hashed = await pins.hash_new(runtime, customer_id, phone, pin)
    sealed = runtime.vault.seal(national_id, customer_id)
    row = {"id": customer_id, "phone": phone, "name": name, "language": language, "national_id": sealed}
    async with runtime.database.transaction() as connection:
        customer = await add(runtime, connection, row, tier=VERIFIED, welcome=texts.WELCOME)
        await pins.write(connection, customer_id, hashed)
    await unclaimed.credit(runtime, phone)
    return customer


@refuses(AlreadyRegistered)
async def add(runtime: Runtime, connection: AsyncConnection, row: dict[str, Any], *, tier: str, welcome: str) -> Customer:
    """Adds a customer with a wallet and welcomes her, in the caller's transaction.

    The caller credits the money that waits for her afterwards. `row` holds her id, phone, name and language, and perhaps other
    columns. `welcome` is the SMS.
    """
    if not await profiles.insert(connection, {**row, "country": runtime.settings.country}):
        raise AlreadyRegistered
    currency = runtime.settings.currency
    wallet = await open_account(connection, owner=row["id"], kind=WALLET, currency=currency, tier=tier)
    customer = Customer(row["id"], row["phone"], row["name"], row["language"], wallet, currency, is_agent=False)
    await notices.tell(runtime, connection, customer, welcome, name=customer.name)
    return customer
