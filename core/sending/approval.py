"""A customer's order by SMS to send more than SMS alone may send. It waits for her approval (core/approvals/consent.py)."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from core import phones
from core.approvals import consent
from core.approvals.consent import Carrier, Request
from core.customers import profiles
from core.customers.profiles import Customer
from core.errors import RequestWaits
from core.ledger import tariffs
from core.ledger.tariffs import Quote
from core.ledger.transfer import Transfer
from core.messaging import notices
from core.money import Money
from core.operations.refusals import SendOff
from core.refusing import refuses, repeats
from core.runtime import Runtime
from core.sending import texts, transfers

REQUEST_KIND = "send"
MOST_WAITING = 5


@refuses(consent.find)
async def _find_asked(runtime: Runtime, customer: Customer, recipient_phone: str, amount: Money, key: str) -> UUID | None:
    async with runtime.database.autocommit() as connection:
        return await consent.find(connection, customer, **_request(recipient_phone, amount, key))


@repeats(_find_asked)
@refuses(SendOff, transfers.get_recipient, tariffs.quote, consent.find, RequestWaits)
async def ask(runtime: Runtime, customer: Customer, recipient_phone: str, amount: Money, key: str) -> UUID:
    """Asks the customer on her phone to approve the send; once for each `key`. Answers with the request's id.

    It is for whoever has the number now. RequestWaits: five requests wait already.
    """
    recipient = await transfers.get_recipient(runtime, customer, recipient_phone)
    _price(amount)
    request = _request(recipient.phone, amount, key)
    async with runtime.database.transaction() as connection:
        await profiles.lock(connection, customer.id)
        earlier = await consent.find(connection, customer, **request)
        if earlier is not None:
            return earlier
        if await consent.count_waiting(connection, customer, REQUEST_KIND) >= MOST_WAITING:
            raise RequestWaits
        return await consent.add(connection, customer, recipient_id=recipient.id, **request)


def _request(recipient_phone: str, amount: Money, key: str) -> dict[str, Any]:
    return {"kind": REQUEST_KIND, "key": f"own:{key}", "amount": amount, "recipient_phone": recipient_phone}


def _price(amount: Money) -> Quote:
    return tariffs.quote(transfers.KIND, amount)


@refuses(SendOff, transfers.get_shown, tariffs.quote)
async def _build_transfer(runtime: Runtime, customer: Customer, request: Request) -> Transfer:
    assert request.recipient_phone is not None, request.id
    recipient = await transfers.get_shown(runtime, customer, request.recipient_phone, request.recipient_id)
    if request.recipient_id is None:
        await profiles.check_owned_since(runtime, recipient, request.created_at)
    return transfers.build_transfer(customer, recipient, _price(request.amount), consent.key_of(request.id))


async def _tell_refused(runtime: Runtime, connection: AsyncConnection, customer: Customer, request: Request) -> None:
    """Tells nobody: the customer has refused her own order."""


async def _tell_expired(runtime: Runtime, connection: AsyncConnection, customer: Customer, request: Request) -> None:
    assert request.recipient_phone is not None, request.id
    params: dict[str, Any] = {"amount": request.amount, "phone": phones.national(request.recipient_phone)}
    await notices.tell(runtime, connection, customer, texts.SENDING_EXPIRED, **params)


CARRIER = Carrier(REQUEST_KIND, _price, _build_transfer, _tell_refused, _tell_expired)
