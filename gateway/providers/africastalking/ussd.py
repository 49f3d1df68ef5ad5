"""Africa's Talking's USSD callback: its form in, `CON ...` or `END ...` out.

The callback does not prove who holds the phone; the secret in its address only keeps strangers out.
"""

from collections.abc import Awaitable, Callable

import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from core import phones
from core.errors import BadPhone
from core.settings import Settings
from gateway.callbacks import Fields, Malformed, is_from_network, is_id, read_form, required
from gateway.providers.africastalking.ussd_events import ussd_events
from gateway.ussd.hop import Hop
from gateway.ussd.road import Road

_MOST_SESSION_ID_CHARACTERS = 128
# The network returns it with the session's end event. It allows 99 characters and no `|`.
_SCREEN_HEADER = "at-ussd-hop-metadata"

log = structlog.get_logger()


def routes(settings: Settings, road: Road) -> list[BaseRoute]:
    """Where it asks for the next screen, and tells how a session ended."""
    return [
        Route("/api/ussd/africastalking/{secret}", _callback(settings, road), methods=["POST"]),
        Route("/api/ussd/africastalking/{secret}/events", ussd_events(settings), methods=["POST"]),
    ]


def _callback(settings: Settings, road: Road) -> Callable[[Request], Awaitable[Response]]:
    async def receive(request: Request) -> Response:
        if not is_from_network(request, settings):
            return PlainTextResponse("Not Found", status_code=404)
        try:
            hop = read_hop(await read_form(request), settings)
        except Malformed as error:
            log.warning("malformed USSD callback", reason=str(error))
            return PlainTextResponse(str(error), status_code=400)
        reply = await road.take(hop)
        return PlainTextResponse(reply.body, headers={_SCREEN_HEADER: reply.screen})

    return receive


def read_hop(fields: Fields, settings: Settings) -> Hop:
    """A hop from the network's fields. Raises Malformed."""
    required(fields, "sessionId", "phoneNumber", "serviceCode", "text")
    session_id = fields["sessionId"]
    if not is_id(session_id, _MOST_SESSION_ID_CHARACTERS):
        raise Malformed("sessionId is empty, too long or unreadable")
    try:
        phone = phones.parse(fields["phoneNumber"], settings.country)
    except BadPhone as error:
        raise Malformed("phoneNumber is not a mobile number") from error
    return Hop(session_id, phone, fields["text"], _dialled(fields["serviceCode"], settings.service_code))


def _dialled(service_code: str, ours: str) -> str:
    """What was dialled behind our own code: `4*500` of `*384*96*4*500#`. Raises Malformed."""
    code, stem = service_code.removesuffix("#"), ours.removesuffix("#")
    if code != stem and not code.startswith(stem + "*"):
        raise Malformed("serviceCode is not this service's")
    return code.removeprefix(stem).removeprefix("*")
