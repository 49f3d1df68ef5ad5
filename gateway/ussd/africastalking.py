"""Africa's Talking's USSD callback: its form in, `CON ...` or `END ...` out.

The callback proves nothing about who holds the phone; the secret in its address only keeps strangers out.
"""

import hmac
import ipaddress
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from core import phones
from core.errors import BadPhone
from core.settings import Settings
from gateway.ussd.road import Hop, Road

_MOST_BODY_BYTES = 64 * 1024
_MOST_FIELDS = 40
_MOST_SESSION_ID_CHARACTERS = 128
# The network hands this back with the session's end event; it allows 99 characters and no `|`.
_SCREEN_HEADER = "at-ussd-hop-metadata"

log = structlog.get_logger()
Fields = dict[str, str]


class Malformed(ValueError):
    """The request is not what the network sends. The message names the field and never repeats what was in it."""


def is_from_network(request: Request, settings: Settings) -> bool:
    """Does the caller know the secret, and call from where it may?"""
    given = request.path_params["secret"].encode()
    if not hmac.compare_digest(given, settings.callback_secret.encode()):
        return False
    networks = settings.callback_networks
    if not networks:
        return True
    try:
        address = ipaddress.ip_address(request.client.host if request.client else "")
    except ValueError:
        return False
    return any(address in network for network in networks)


def ussd_callback(settings: Settings, road: Road) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint of `POST /api/ussd/africastalking/{secret}`."""

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


async def read_form(request: Request) -> Fields:
    """The fields of a form of bounded size. Raises Malformed."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BODY_BYTES:
            raise Malformed("the body is too large")
    try:
        return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS))
    except ValueError as error:
        raise Malformed("the body is not a form") from error


def read_hop(fields: Fields, settings: Settings) -> Hop:
    """A hop out of the network's fields. Raises Malformed."""
    if missing := [name for name in ("sessionId", "phoneNumber", "serviceCode", "text") if name not in fields]:
        raise Malformed(f"missing: {', '.join(missing)}")
    session_id = fields["sessionId"]
    if not session_id or len(session_id) > _MOST_SESSION_ID_CHARACTERS or not session_id.isprintable():
        raise Malformed("sessionId is empty or too long")
    try:
        phone = phones.parse(fields["phoneNumber"], settings.country)
    except BadPhone as error:
        raise Malformed("phoneNumber is not a mobile number") from error
    return Hop(session_id, phone, fields["text"], _dialled(fields["serviceCode"], settings.service_code))


def _dialled(service_code: str, ours: str) -> str:
    """What was dialled behind our own code: `4*500` of `*384*96*4*500#`."""
    code, stem = service_code.removesuffix("#"), ours.removesuffix("#")
    if code != stem and not code.startswith(stem + "*"):
        raise Malformed("serviceCode is not this service's")
    return code.removeprefix(stem).removeprefix("*")
