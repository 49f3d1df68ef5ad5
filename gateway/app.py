"""The ASGI application: phone channels, health, and on a developer's machine the simulator.

uvicorn calls `create` once in each process. The application keeps nothing in the process that another process would miss.
"""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from core.runtime import Runtime
from core.settings import Settings
from gateway import logs, request_ids, wiring, worker
from gateway.readiness import Readiness
from gateway.simulator.pages import OwnPages
from gateway.simulator.routes import routes as simulator_routes
from gateway.sms.pool import ProviderPool
from gateway.ussd.road import Road
from gateway.ussd.sessions import Sessions
from menus.engine.machine import Engine
from menus.screens import SCREENS

# Objects made and not yet freed before the collector looks at the youngest, and how many such looks before the older ones. By
# Python's own 700 it took a fifth of a hop.
_GARBAGE_THRESHOLDS = (20_000, 20, 10)

log = structlog.get_logger()


def create() -> Starlette:
    """The application as the environment configures it, with a worker beside it: what `jasho serve` runs in each process."""
    return _settled(application(_configured(), with_worker=True))


def create_without_worker() -> Starlette:
    """`create` for `jasho serve --no-worker`."""
    return _settled(application(_configured(), with_worker=False))


def _settled(app: Starlette) -> Starlette:
    """What is loaded stays, and little of what a request leaves behind is in circles: the collector looks at it seldom."""
    gc.freeze()
    gc.set_threshold(*_GARBAGE_THRESHOLDS)
    return app


def _configured() -> Settings:
    settings = wiring.read_settings()
    logs.configure(settings, "web")
    logs.tell_start(settings)
    return settings


def application(settings: Settings, *, with_worker: bool) -> Starlette:
    """The application. Database and Redis are connected when first needed, and again after they were away."""
    runtime = wiring.runtime(settings)
    pool = wiring.sms_pool(settings, runtime.switches)
    redis = connect_redis(settings.redis_url)
    readiness = Readiness(settings)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(redis.aclose)
            stack.push_async_callback(runtime.close)
            stack.push_async_callback(readiness.close)
            if with_worker:
                stack.push_async_callback(_stop, asyncio.create_task(worker.work(runtime, pool)))
            yield

    road = Road(runtime, Sessions(redis), Engine(SCREENS))
    made = Starlette(
        routes=_routes(runtime, readiness, road, pool),
        lifespan=lifespan,
        exception_handlers={ClientDisconnect: _let_go},
        middleware=[
            Middleware(NamedRequests),
            *([Middleware(OwnPages, settings.public_url)] if settings.is_local else []),
        ],
    )
    # It would send a caller who writes a slash too many to whatever host he named, with the secret in the address.
    made.router.redirect_slashes = False
    return made


class NamedRequests:
    """Names each request, so that its lines in the log are found together."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # The connection has put it there, and nothing else of that name.
        with logs.naming_request(request_ids.given(scope["headers"]) or request_ids.make()):
            await self._app(scope, receive, send)


def connect_redis(url: str) -> Redis:
    """A client without a deadline for answers: the callers set one (`Batches`), for all that they ask at once.

    Where all its connections are in use, a caller waits for one.
    """
    pool = BlockingConnectionPool.from_url(
        url, socket_connect_timeout=1.0, retry=Retry(NoBackoff(), 1), max_connections=16, timeout=1.0
    )
    return Redis.from_pool(pool)


def _routes(runtime: Runtime, readiness: Readiness, road: Road, pool: ProviderPool | None) -> list[BaseRoute]:
    routes: list[BaseRoute] = [
        *wiring.routes(runtime, road, pool),
        Route("/healthz", _alive),
        Route("/readyz", _ready(readiness)),
    ]
    return [*routes, *simulator_routes(runtime)] if runtime.settings.is_local else routes


async def _let_go(_: Request, __: Exception) -> Response:
    """The caller hung up in the middle of the body. Nothing was done yet, and nobody reads an answer."""
    log.info("a caller hung up before the end of the request", is_anybodys=True)
    return Response(status_code=400)


async def _alive(_: Request) -> Response:
    return JSONResponse({"status": "alive"})


def _ready(readiness: Readiness) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_: Request) -> Response:
        states = await readiness.ask()
        return JSONResponse(
            {"status": "ready" if states.is_ready else "not ready", **states.words}, 200 if states.is_ready else 503
        )

    return answer


async def _stop(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
