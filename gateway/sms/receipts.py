"""What providers tell afterwards: delivery reports, and who wants no more of our notices.

Africa's Talking proves nothing but that it knows the secret in the address; Twilio signs. Either may come again, in any order.
"""

from collections.abc import Awaitable, Callable, Mapping
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from core import phones
from core.errors import BadPhone
from core.runtime import Runtime
from core.services import optouts, sms_reports
from core.services.sms_reports import DELIVERED, OPT_OUT, RECIPIENT, SENT, UNDELIVERED, Report
from gateway.callbacks import Fields, Malformed, is_from_network, is_from_twilio, read_form, read_multiform, required
from gateway.sms.pool import configured
from gateway.sms.providers import africastalking, twilio

_MOST_ID_CHARACTERS = 128
_MOST_REASON_CHARACTERS = 64

_AFRICASTALKING = {
    "Sent": SENT,
    "Submitted": SENT,
    "Buffered": SENT,
    "Success": DELIVERED,
    "Failed": UNDELIVERED,
    "Rejected": UNDELIVERED,
    "AbsentSubscriber": UNDELIVERED,
    "Expired": UNDELIVERED,
}
_AFRICASTALKING_FAULTS = {
    "UserInBlackList": OPT_OUT,
    "UserInBlacklist": OPT_OUT,
    "UserIsInactive": RECIPIENT,
    "UserAccountSuspended": RECIPIENT,
    "UserDoesNotExist": RECIPIENT,
    "NotNetworkSubcriber": RECIPIENT,
    "NotNetworkSubscriber": RECIPIENT,
    "DoNotDisturbRejection": RECIPIENT,
}
_TWILIO = {
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
_TWILIO_FAULTS = {"21610": OPT_OUT, "30005": RECIPIENT, "30006": RECIPIENT, "21211": RECIPIENT, "21614": RECIPIENT}

log = structlog.get_logger()
_Take = Callable[[Fields, Mapping[str, str]], Awaitable[None]]


def routes(runtime: Runtime) -> list[Route]:
    """The endpoints of delivery reports and opt-outs."""
    country = runtime.settings.country

    async def at_delivery(fields: Fields, _: Mapping[str, str]) -> None:
        await _report(runtime, read_africastalking(fields, country))

    async def at_optout(fields: Fields, _: Mapping[str, str]) -> None:
        required(fields, "phoneNumber")
        async with runtime.database.autocommit() as connection:
            await optouts.opt_out(connection, _phone(fields["phoneNumber"], country), africastalking.NAME)

    async def twilio_status(fields: Fields, query: Mapping[str, str]) -> None:
        await _report(runtime, read_twilio(fields, query))

    return [
        Route("/api/sms/africastalking/{secret}/delivery", _from_africastalking(runtime, at_delivery), methods=["POST"]),
        Route("/api/sms/africastalking/{secret}/optout", _from_africastalking(runtime, at_optout), methods=["POST"]),
        Route(twilio.STATUS_PATH, _from_twilio(runtime, twilio_status), methods=["POST"]),
    ]


def read_africastalking(fields: Fields, country: str) -> Report:
    """A delivery report of theirs. Raises Malformed."""
    required(fields, "id", "status", "phoneNumber")
    reason = fields.get("failureReason", "")
    return Report(
        africastalking.NAME,
        _id(fields["id"], "id"),
        _known(_AFRICASTALKING, fields["status"], "status"),
        phone=_phone(fields["phoneNumber"], country),
        reason=reason[:_MOST_REASON_CHARACTERS] or None,
        fault=_AFRICASTALKING_FAULTS.get(reason),
    )


def read_twilio(fields: Fields, query: Mapping[str, str]) -> Report:
    """A status of theirs; `query` is that of the address which they were told to call. Raises Malformed."""
    required(fields, "MessageSid", "MessageStatus")
    try:
        attempt_id = UUID(query["attempt"]) if "attempt" in query else None
    except ValueError as error:
        raise Malformed("attempt is not an id of ours") from error
    reason, price = fields.get("ErrorCode", ""), fields.get("Price", "")
    return Report(
        twilio.NAME,
        _id(fields["MessageSid"], "MessageSid"),
        _known(_TWILIO, fields["MessageStatus"], "MessageStatus"),
        attempt_id=attempt_id,
        reason=reason[:_MOST_REASON_CHARACTERS] or None,
        fault=_TWILIO_FAULTS.get(reason),
        cost=f"{fields.get('PriceUnit', '')} {price}".strip()[:32] if price else None,
    )


async def _report(runtime: Runtime, report: Report) -> None:
    pool = configured(runtime.settings)
    if not await sms_reports.take(runtime, report, pool.names if pool else ()):
        log.info("delivery report of no message that is known yet", provider=report.provider, reported=report.reported)


def _from_africastalking(runtime: Runtime, take: _Take) -> Callable[[Request], Awaitable[Response]]:
    async def receive(request: Request) -> Response:
        if not is_from_network(request, runtime.settings):
            return PlainTextResponse("Not Found", status_code=404)
        try:
            fields = await read_form(request)
            return await _taken(take, fields, request.query_params)
        except Malformed as error:
            return _malformed(error)

    return receive


def _from_twilio(runtime: Runtime, take: _Take) -> Callable[[Request], Awaitable[Response]]:
    async def receive(request: Request) -> Response:
        try:
            form = await read_multiform(request) if "x-twilio-signature" in request.headers else None
            if form is None or not is_from_twilio(request, form, runtime.settings):
                return PlainTextResponse("Forbidden", status_code=403)
            return await _taken(take, dict(form), request.query_params)
        except Malformed as error:
            return _malformed(error)

    return receive


async def _taken(take: _Take, fields: Fields, query: Mapping[str, str]) -> Response:
    """Raises Malformed. Where something is broken, the provider should come again."""
    try:
        await take(fields, query)
    except SQLAlchemyError:
        log.exception("SMS callback not taken")
        return PlainTextResponse("try again", status_code=503)
    return PlainTextResponse("")


def _malformed(error: Malformed) -> Response:
    log.warning("malformed SMS callback", reason=str(error))
    return PlainTextResponse(str(error), status_code=400)


def _known(words: Mapping[str, str], word: str, field: str) -> str:
    if word not in words:
        raise Malformed(f"{field} is none that is known")
    return words[word]


def _id(text: str, field: str) -> str:
    if not text or len(text) > _MOST_ID_CHARACTERS or not text.isprintable():
        raise Malformed(f"{field} is empty or too long")
    return text


def _phone(text: str, country: str) -> str:
    try:
        return phones.parse(text, country)
    except BadPhone as error:
        raise Malformed("phoneNumber is not a mobile number") from error
