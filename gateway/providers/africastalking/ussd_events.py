"""How sessions ended, as Africa's Talking tells afterwards: for the operator's log, never for the ledger.

The form's `input` holds what was typed, PINs too, and `lastAppResponse` names and amounts: nothing here looks at them.
"""

from collections.abc import Awaitable, Callable

import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from core.settings import Settings
from gateway.callbacks import Malformed, is_from_network, read_form

_KEPT = ("sessionId", "networkCode", "status", "durationInMillis", "hopsCount", "cost")

log = structlog.get_logger()


def ussd_events(settings: Settings) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint of `POST /api/ussd/africastalking/{secret}/events`."""

    async def receive(request: Request) -> Response:
        if not is_from_network(request, settings):
            return PlainTextResponse("Not Found", status_code=404)
        try:
            fields = await read_form(request)
        except Malformed as error:
            log.warning("malformed USSD event", reason=str(error))
            return PlainTextResponse(str(error), status_code=400)
        log.info("USSD session ended", **{name: fields[name][:64] for name in _KEPT if name in fields})
        return PlainTextResponse("")

    return receive
