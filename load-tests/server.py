"""What the benchmark serves: Jasho, and on the same worker a bare handler that echoes the callback's form."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from gateway.app import create_without_worker


async def echo(request: Request) -> Response:
    form = await request.form()
    return PlainTextResponse(f"CON {form['sessionId']} {form['phoneNumber']} {form['serviceCode']} {form['text']}")


def create() -> Starlette:
    app = create_without_worker()
    app.router.routes.insert(0, Route("/echo", echo, methods=["POST"]))
    return app
