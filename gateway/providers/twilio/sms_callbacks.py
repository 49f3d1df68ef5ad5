"""Twilio's webhooks: what people write to us, and what became of a message.

Twilio signs them. Each may come again, in any order.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from uuid import UUID

from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from twilio.request_validator import RequestValidator

from core import reading
from core.messaging import aside
from core.messaging.reports import DELIVERED, OPT_OUT, RECIPIENT, SENT, UNDELIVERED, DeliveryReport
from core.runtime import Runtime
from core.settings import Settings
from gateway.callbacks import Fields, Malformed, read_multiform, required
from gateway.providers.twilio.settings import VENDOR
from gateway.providers.twilio.sms import NAME, STATUS_PATH
from gateway.sms import callbacks
from gateway.sms.callbacks import Callback
from gateway.sms.inbound import Sms
from gateway.sms.pool import ProviderPool

_SMS = Callback(NAME, aside.SMS, "MessageSid")
_REPORT = Callback(NAME, aside.REPORT, "MessageSid", "MessageStatus")
# HMAC-SHA1 in base64.
_SIGNATURE = re.compile(r"[A-Za-z0-9+/]{27}=")
_EMPTY_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
_REPORTED = {
    "accepted": SENT,
    "scheduled": SENT,
    "queued": SENT,
    "sending": SENT,
    "sent": SENT,
    "delivered": DELIVERED,
    "read": DELIVERED,
    "undelivered": UNDELIVERED,
    "failed": UNDELIVERED,
}
# Opted out; no such number; a landline.
_FAULTS = {"21610": OPT_OUT, "30005": RECIPIENT, "30006": RECIPIENT, "21211": RECIPIENT, "21614": RECIPIENT}


def routes(runtime: Runtime, pool: ProviderPool | None) -> list[BaseRoute]:
    """Where it delivers what people write, and tells what became of a message."""

    async def status(fields: Fields, query: Mapping[str, str]) -> None:
        await callbacks.record_report(runtime, pool, read_report(fields, query))

    return [
        Route("/api/sms/twilio/inbound", _inbound(runtime), methods=["POST"]),
        Route(STATUS_PATH, _signed(runtime, status), methods=["POST"]),
    ]


class _Values(dict[str, list[str]]):
    """A form for Twilio's validator, which asks for each field's values: the form itself would look through all of them."""

    def __init__(self, form: "ImmutableMultiDict[str, str]") -> None:
        super().__init__()
        for name, value in form.multi_items():
            self.setdefault(name, []).append(value)

    def getlist(self, name: str) -> list[str]:
        """Each value that the field has."""
        return self[name]


async def read_signed(request: Request, settings: Settings) -> "ImmutableMultiDict[str, str] | None":
    """The form, where Twilio signed the request: its address as the outside knows it, with its query, and every field.

    Otherwise None, and what bears no signature is not read. Nothing is signed where no token is set: anybody could sign with an
    empty one.
    """
    twilio_settings = VENDOR.read(settings)
    signature = request.headers.get("x-twilio-signature", "")
    if twilio_settings is None or _SIGNATURE.fullmatch(signature) is None:
        return None
    try:
        form = await read_multiform(request)
    except Malformed:
        # Twilio has not signed that, and whoever did may send it all night: it is worth no line.
        return None
    query = request.scope["query_string"].decode("latin-1")
    address = f"{settings.public_url.rstrip('/')}{request.url.path}{'?' if query else ''}{query}"
    is_signed = RequestValidator(twilio_settings.auth_token).validate(address, _Values(form), signature)
    return form if is_signed else None


def read_report(fields: Fields, query: Mapping[str, str]) -> DeliveryReport:
    """What became of a message. `query` is that of the address which we gave to Twilio. Raises Malformed."""
    required(fields, "MessageSid", "MessageStatus")
    try:
        attempt_id = UUID(query["attempt"]) if "attempt" in query else None
    except ValueError as error:
        raise Malformed("attempt is not an id of ours") from error
    reason, price = fields.get("ErrorCode", ""), fields.get("Price", "")
    return DeliveryReport(
        NAME,
        callbacks.read_id(fields["MessageSid"], "MessageSid"),
        callbacks.read_status(_REPORTED, fields["MessageStatus"]),
        attempt_id=attempt_id,
        reason=callbacks.shortened(reason),
        fault=_FAULTS.get(reason),
        cost=reading.clean(f"{fields.get('PriceUnit', '')} {price}")[:32] if price else None,
    )


def _inbound(runtime: Runtime) -> Callable[[Request], Awaitable[Response]]:
    """The answer to the SMS leaves by the outbox, not in this reply."""

    async def receive(request: Request) -> Response:
        try:
            form = await read_signed(request, runtime.settings)
            if form is None:
                return PlainTextResponse("Forbidden", status_code=403)
            is_done = await callbacks.take(runtime, _SMS, dict(form), "From", partial(_read_sms, runtime.settings.country))
        except Malformed as error:
            return callbacks.refuse_malformed(error)
        return Response(_EMPTY_TWIML, status_code=200 if is_done else 503, media_type="application/xml")

    return receive


def _read_sms(country: str, fields: Fields) -> Sms:
    required(fields, "MessageSid", "From", "Body")
    sms_id, phone = callbacks.read_id(fields["MessageSid"], "the id"), callbacks.read_sender(fields["From"], country)
    return Sms(NAME, sms_id, phone, fields["Body"])


def _signed(runtime: Runtime, work: callbacks.Work) -> Callable[[Request], Awaitable[Response]]:
    async def receive(request: Request) -> Response:
        try:
            form = await read_signed(request, runtime.settings)
            if form is None:
                return PlainTextResponse("Forbidden", status_code=403)
            return await callbacks.answer(runtime, _REPORT, work, dict(form), request.query_params)
        except Malformed as error:
            return callbacks.refuse_malformed(error)

    return receive
