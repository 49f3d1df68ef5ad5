"""What all callbacks share: a form of bounded size, and who may call where requests are not signed."""

import hmac
import ipaddress
from urllib.parse import parse_qsl

from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request

from core.settings import Settings

_MOST_BODY_BYTES = 64 * 1024
# Networks add fields as they like. More than these costs a stranger less to send than us to read.
_MOST_FIELDS = 2_000

# What stands where a byte was no UTF-8.
UNREADABLE = "\ufffd"

Fields = dict[str, str]


class Malformed(ValueError):
    """The request is not what the network sends. The message names the field and never repeats its content."""


def is_from_network(request: Request, settings: Settings) -> bool:
    """Does the caller know the secret in the address, and call from a network that may?"""
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


async def read_form(request: Request) -> Fields:
    """The fields of a form of bounded size. Raises Malformed."""
    return dict(await read_multiform(request))


async def read_multiform(request: Request) -> "ImmutableMultiDict[str, str]":
    """`read_form` with every value of a field that came more than once."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BODY_BYTES:
            raise Malformed("the body is too large")
    # A byte that is no UTF-8 becomes U+FFFD, wherever it stands: one in what a customer wrote would otherwise keep her from every
    # answer, since networks send it again with each hop. Ids and numbers are refused by their readers.
    try:
        pairs = parse_qsl(body.decode(errors="replace"), keep_blank_values=True, errors="replace", max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise Malformed("the body is not a form") from error
    return ImmutableMultiDict(pairs)


def is_id(text: str, most_characters: int) -> bool:
    """May it be an id of a provider's? One with a byte that was replaced is no longer the only one of its kind."""
    return 0 < len(text) <= most_characters and text.isprintable() and UNREADABLE not in text


def required(fields: Fields, *names: str) -> None:
    """Raises Malformed where one of the fields is missing."""
    if missing := [name for name in names if name not in fields]:
        raise Malformed(f"missing: {', '.join(missing)}")
