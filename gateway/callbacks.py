"""What all callbacks share: who may call, and a form of bounded size.

Africa's Talking signs nothing: the secret in the address keeps strangers out, and an optional list of networks. Twilio signs.
"""

import hmac
import ipaddress
from urllib.parse import parse_qsl

from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request
from twilio.request_validator import RequestValidator

from core.settings import Settings

_MOST_BODY_BYTES = 64 * 1024
_MOST_FIELDS = 40

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


def is_from_twilio(request: Request, form: "ImmutableMultiDict[str, str]", settings: Settings) -> bool:
    """Is the request signed by Twilio: its address as the outside knows it, with its query, and every field received?

    Never where no token is set: anybody could sign with an empty one.
    """
    if not settings.twilio_auth_token:
        return False
    query = request.scope["query_string"].decode("latin-1")
    address = f"{settings.public_url.rstrip('/')}{request.url.path}{'?' if query else ''}{query}"
    signature = request.headers.get("x-twilio-signature", "")
    return bool(RequestValidator(settings.twilio_auth_token).validate(address, form, signature))


async def read_form(request: Request) -> Fields:
    """The fields of a form of bounded size. Raises Malformed."""
    return dict(await read_multiform(request))


async def read_multiform(request: Request) -> "ImmutableMultiDict[str, str]":
    """The same with every value of a field that came more than once."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BODY_BYTES:
            raise Malformed("the body is too large")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise Malformed("the body is not a form") from error
    return ImmutableMultiDict(pairs)


def required(fields: Fields, *names: str) -> None:
    """Raises Malformed where one of them is missing."""
    if missing := [name for name in names if name not in fields]:
        raise Malformed(f"missing: {', '.join(missing)}")
