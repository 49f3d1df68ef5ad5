"""Which web pages may call the service on a developer's machine: its own, and no other that his browser has open.

A page elsewhere can post a form to this machine, and under a name that it lets point here (DNS rebinding) it can read the
answers. Whatever is no browser says nothing of where it comes from, and is let in.
"""

import ipaddress
import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_HOST = re.compile(r"(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::[0-9]{1,5})?")
_READING = ("GET", "HEAD")
_REFUSAL = "Only this service's own pages may call it here. Its name may be set as JASHO_PUBLIC_URL.\n"


class OwnPages:
    """Answers 403 to other pages: to whatever they want of the simulator, and to what they post to any address."""

    def __init__(self, app: ASGIApp, public_url: str) -> None:
        self._app = app
        self._public_name = urlsplit(public_url).hostname or ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._may_call(scope["method"], scope["path"], Headers(scope=scope)):
            await PlainTextResponse(_REFUSAL, status_code=403)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _may_call(self, method: str, path: str, headers: Headers) -> bool:
        is_simulator = path == "/simulator" or path.startswith("/simulator/")
        # Providers call by any name: that of a tunnel, say.
        if not is_simulator and not _is_from_browser(headers):
            return True
        return self._is_own(headers.getlist("host")) and (method in _READING or _is_same_origin(headers))

    def _is_own(self, hosts: list[str]) -> bool:
        host = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
        if host is None:
            return False
        name = (host["address"] or host["name"]).lower()
        return name in ("localhost", self._public_name) or _is_loopback(name)


def _is_from_browser(headers: Headers) -> bool:
    return "origin" in headers or "sec-fetch-site" in headers


def _is_same_origin(headers: Headers) -> bool:
    """Not by the scheme: behind a proxy the service does not see the browser's."""
    origins = headers.getlist("origin")
    if origins:
        scheme, _, host = origins[0].partition("://")
        return len(origins) == 1 and scheme in ("http", "https") and host.lower() == headers["host"].lower()
    return headers.get("sec-fetch-site", "none") in ("same-origin", "none")


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
