"""The ASGI application: phone channels, health, and on a developer's machine the simulator.

uvicorn calls `create` once in each process. The application keeps nothing in the process that another process would miss.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from core.deadline import within
from core.runtime import Runtime
from core.settings import Settings
from gateway import logs, wiring, worker
from gateway.simulator.routes import routes as simulator_routes
from gateway.sms.pool import ProviderPool
from gateway.ussd.road import Road
from gateway.ussd.sessions import Sessions
from menus.engine.machine import Engine
from menus.screens import SCREENS

_READY_SECONDS = 3.0

log = structlog.get_logger()


def create() -> Starlette:
    """The application as the environment configures it, with a worker beside it: what `jasho serve` runs in each process."""
    return application(_configured(), with_worker=True)


def create_without_worker() -> Starlette:
    """`create` for `jasho serve --no-worker`."""
    return application(_configured(), with_worker=False)


def _configured() -> Settings:
    settings = wiring.read_settings()
    logs.configure(settings)
    return settings


def application(settings: Settings, *, with_worker: bool) -> Starlette:
    """The application. Database and Redis are connected when first needed, and again after they were away."""
    runtime = wiring.runtime(settings)
    pool = wiring.sms_pool(settings)
    redis = connect_redis(settings.redis_url)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(redis.aclose)
            stack.push_async_callback(runtime.close)
            if with_worker:
                stack.push_async_callback(_stop, asyncio.create_task(worker.work(runtime, pool)))
            yield

    road = Road(runtime, Sessions(redis), Engine(SCREENS))
    made = Starlette(
        routes=_routes(runtime, redis, road, pool), lifespan=lifespan, exception_handlers={ClientDisconnect: _let_go}
    )
    # It would send a caller who writes a slash too many to whatever host he named, with the secret in the address.
    made.router.redirect_slashes = False
    return made


def connect_redis(url: str) -> Redis:
    """A client without a deadline for answers: the callers set one (`Batches`, `within`), for all that they ask at once."""
    return Redis.from_url(url, socket_connect_timeout=1.0, retry=Retry(NoBackoff(), 1), max_connections=16)


def _routes(runtime: Runtime, redis: Redis, road: Road, pool: ProviderPool | None) -> list[BaseRoute]:
    routes: list[BaseRoute] = [
        *wiring.routes(runtime, road, pool),
        Route("/healthz", _alive),
        Route("/readyz", _ready(runtime, redis)),
    ]
    return [*routes, *simulator_routes(runtime)] if runtime.settings.is_local else routes


async def _let_go(_: Request, __: Exception) -> Response:
    """The caller hung up in the middle of the body. Nothing was done yet, and nobody reads an answer."""
    log.info("a caller hung up before the end of the request")
    return Response(status_code=400)


async def _alive(_: Request) -> Response:
    return JSONResponse({"status": "alive"})


def _ready(runtime: Runtime, redis: Redis) -> Callable[[Request], Awaitable[Response]]:
    async def ask_database() -> None:
        async with runtime.database.autocommit() as connection:
            await connection.execute(text("SELECT 1"))

    async def ask_redis() -> None:
        await redis.ping()

    async def answer(_: Request) -> Response:
        states = {"database": await _answers(ask_database()), "redis": await _answers(ask_redis())}
        is_ready = all(states.values())
        says = {name: "answers" if answers else "does not answer" for name, answers in states.items()}
        return JSONResponse({"status": "ready" if is_ready else "not ready", **says}, status_code=200 if is_ready else 503)

    return answer


async def _answers(question: Coroutine[Any, Any, None]) -> bool:
    try:
        await within(_READY_SECONDS, question)
    except Exception as error:  # noqa: BLE001 - whatever it is, the service does not answer
        log.warning("not ready", error=type(error).__name__)
        return False
    return True


async def _stop(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
