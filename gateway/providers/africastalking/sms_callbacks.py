"""Africa's Talking's SMS callbacks: what people write to us, delivery reports, and who wants no more of our notices.

A callback proves only that the caller knows the secret in the address. Each may come again, in any order.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial

import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from core.messaging import aside, optouts
from core.messaging.reports import DELIVERED, OPT_OUT, RECIPIENT, SENT, UNDELIVERED, DeliveryReport
from core.runtime import Runtime
from gateway.callbacks import Fields, Malformed, is_from_network, read_form, required
from gateway.providers.africastalking.sms import NAME
from gateway.sms import callbacks
from gateway.sms.callbacks import Callback
from gateway.sms.inbound import Sms
from gateway.sms.pool import ProviderPool

_SMS = Callback(NAME, aside.SMS, "id")
_REPORT = Callback(NAME, aside.REPORT, "id", "status")
_OPT_OUT = Callback(NAME, aside.OPT_OUT, "phoneNumber")
_DATES = ("%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S")
_REPORTED = {
    "Sent": SENT,
    "Submitted": SENT,
    "Buffered": SENT,
    "Success": DELIVERED,
    "Failed": UNDELIVERED,
    "Rejected": UNDELIVERED,
    "AbsentSubscriber": UNDELIVERED,
    "Expired": UNDELIVERED,
}
_FAULTS = {
    "UserInBlackList": OPT_OUT,
    "UserInBlacklist": OPT_OUT,
    "UserIsInactive": RECIPIENT,
    "UserAccountSuspended": RECIPIENT,
    "UserDoesNotExist": RECIPIENT,
    "NotNetworkSubcriber": RECIPIENT,
    "NotNetworkSubscriber": RECIPIENT,
    "DoNotDisturbRejection": RECIPIENT,
}

log = structlog.get_logger()


def routes(runtime: Runtime, pool: ProviderPool | None) -> list[BaseRoute]:
    """Where it delivers what people write, reports, and opt-outs."""
    country = runtime.settings.country

    async def delivery(fields: Fields, _: Mapping[str, str]) -> None:
        await callbacks.record_report(runtime, pool, read_report(fields, country))

    async def optout(fields: Fields, _: Mapping[str, str]) -> None:
        required(fields, "phoneNumber")
        async with runtime.database.autocommit() as connection:
            await optouts.opt_out(connection, callbacks.read_phone(fields["phoneNumber"], country, "phoneNumber"), NAME)

    return [
        Route("/api/sms/africastalking/{secret}/inbound", _inbound(runtime), methods=["POST"]),
        Route("/api/sms/africastalking/{secret}/delivery", _guarded(runtime, _REPORT, delivery), methods=["POST"]),
        Route("/api/sms/africastalking/{secret}/optout", _guarded(runtime, _OPT_OUT, optout), methods=["POST"]),
    ]


def read_report(fields: Fields, country: str) -> DeliveryReport:
    """A delivery report. Raises Malformed."""
    required(fields, "id", "status", "phoneNumber")
    reason = fields.get("failureReason", "")
    return DeliveryReport(
        NAME,
        callbacks.read_id(fields["id"], "id"),
        callbacks.read_status(_REPORTED, fields["status"]),
        # It is found by its id, but where we never learnt that.
        phone=callbacks.read_phone_if_any(fields["phoneNumber"], country),
        reason=callbacks.shortened(reason),
        fault=_FAULTS.get(reason),
    )


def _inbound(runtime: Runtime) -> Callable[[Request], Awaitable[Response]]:
    """It calls again, for hours, until the answer is 200."""

    async def receive(request: Request) -> Response:
        if not is_from_network(request, runtime.settings):
            return PlainTextResponse("Not Found", status_code=404)
        try:
            fields = await read_form(request)
            is_done = await callbacks.take(runtime, _SMS, fields, "from", partial(_read_sms, runtime.settings.country))
        except Malformed as error:
            return callbacks.refuse_malformed(error)
        return PlainTextResponse("") if is_done else PlainTextResponse("try again", status_code=503)

    return receive


def _read_sms(country: str, fields: Fields) -> Sms:
    required(fields, "id", "from", "text")
    sms_id, phone = callbacks.read_id(fields["id"], "the id"), callbacks.read_sender(fields["from"], country)
    _check_date(fields)
    return Sms(NAME, sms_id, phone, fields["text"])


def _guarded(runtime: Runtime, callback: Callback, work: callbacks.Work) -> Callable[[Request], Awaitable[Response]]:
    async def receive(request: Request) -> Response:
        if not is_from_network(request, runtime.settings):
            return PlainTextResponse("Not Found", status_code=404)
        try:
            return await callbacks.answer(runtime, callback, work, await read_form(request), request.query_params)
        except Malformed as error:
            return callbacks.refuse_malformed(error)

    return receive


def _check_date(fields: Fields) -> None:
    """Both of its ways to write a date are right. Any other is worth a line in the log, and not a lost SMS."""
    written = fields.get("date", "")
    for form in _DATES:
        try:
            datetime.strptime(written, form).replace(tzinfo=UTC)
        except ValueError:
            continue
        return
    log.warning("an SMS with a date that nobody can read")
