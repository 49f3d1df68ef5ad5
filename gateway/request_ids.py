"""The id of a request: in the log's lines about it, and in `X-Request-Id` of its answer.

A proxy that names requests too has its own log found by the same id. What a stranger calls his request is not taken: he could
make two look like one.
"""

import re
import secrets

import structlog

from gateway.discretion import has_phone

HEADER = b"x-request-id"
_USUAL = re.compile(rb"[A-Za-z0-9._-]{8,64}")

Headers = list[tuple[bytes, bytes]]


def make() -> str:
    """A new one."""
    return secrets.token_hex(4)


def choose(headers: Headers, made: str, *, is_from_proxy: bool) -> str:
    """The request's id: the proxy's, or `made`. It stands among the headers afterwards, and nothing else of that name."""
    chosen = (is_from_proxy and given(headers)) or made
    headers[:] = [header for header in headers if header[0] != HEADER]
    headers.append((HEADER, chosen.encode()))
    structlog.contextvars.bind_contextvars(request=chosen)
    return chosen


def given(headers: Headers) -> str | None:
    """What the headers call the request, where they do so one time and in a way that may stand in a log."""
    names = [value for name, value in headers if name == HEADER]
    if len(names) != 1 or _USUAL.fullmatch(names[0]) is None or has_phone(names[0].decode("ascii")):
        return None
    return names[0].decode("ascii")
