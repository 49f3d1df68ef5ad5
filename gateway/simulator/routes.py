"""`/simulator`: the phone's page, and what it asks of the service besides the real USSD callback.

It shows any phone's messages to anybody, so only a developer's machine serves it.
"""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from core import demo, phones, reading
from core.errors import BadPhone
from core.operations.switches import SIMULATOR
from core.runtime import Runtime
from gateway.simulator import messages, prompts

STATIC = Path(__file__).parent / "static"

# The page runs its own scripts and talks to its own service. With these headers the browser allows nothing else.
_PAGE_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}


class _FreshFiles(StaticFiles):
    """Files that the browser checks each time, so that a page never runs with a script older than itself."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = "no-cache"
        return response


def routes(runtime: Runtime) -> list[Route | Mount]:
    """The simulator's routes."""
    country = runtime.settings.country

    async def settings(_: Request) -> Response:
        return JSONResponse(_settings(runtime))

    async def number(request: Request) -> Response:
        """Both spellings of a number that somebody typed."""
        try:
            return JSONResponse(_spellings(reading.phone(request.query_params.get("phone", ""), country)))
        except BadPhone as refusal:
            return _refused(refusal)

    page = _unless_off(runtime, _page)
    return [
        Route("/simulator", page),
        Route("/simulator/", page),
        Route("/simulator/settings", settings),
        Route("/simulator/number", number),
        *messages.routes(runtime),
        *prompts.routes(runtime),
        Mount("/simulator", _FreshFiles(directory=STATIC)),
    ]


def _unless_off(runtime: Runtime, endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        await runtime.switches.look()
        if runtime.switches.is_off(SIMULATOR):
            return PlainTextResponse("The simulator is switched off: `jasho switch list` says why.", 503)
        return await endpoint(request)

    return answer


async def _page(_: Request) -> Response:
    return FileResponse(STATIC / "simulator.html", headers=_PAGE_HEADERS)


def _settings(runtime: Runtime) -> dict[str, object]:
    settings = runtime.settings
    return {
        "service_code": settings.service_code,
        "callback": f"/api/ussd/africastalking/{settings.callback_secret}",
        "pin": demo.PIN,
        "people": [{"name": person.name, "language": person.language, **_spellings(person.phone)} for person in demo.PEOPLE],
    }


def _spellings(phone: str) -> dict[str, str]:
    """A number as its owner says it, and as the network does (E.164)."""
    return {"phone": phones.national(phone), "e164": phone}


def _refused(refusal: BadPhone) -> Response:
    return JSONResponse({"code": refusal.code, "reason": refusal.sentence}, status_code=400)
