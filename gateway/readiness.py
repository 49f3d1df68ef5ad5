"""Is the service ready: do database and Redis answer, may this release run on the schema, is the clock right? Does a worker work?

Anybody may ask. So it takes nothing that customers' hops need: it has connections of its own, asks in one task however many
want to know, and lets an answer stand for a second.
"""

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any, TypeVar

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from sqlalchemy import func, select

from core import chores, migrations
from core.db import Database
from core.deadline import within
from core.faults import describe
from core.ledger.clocks import watch
from core.settings import Settings

_ANSWER_SECONDS = 3.0
_STANDS_SECONDS = 1.0

_Answer = TypeVar("_Answer")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class States:
    """What was seen. `is_schema_fit` is None where the database does not answer, `since_beat` where no beat is known.

    A service without a worker is ready: it answers customers, and sends what waits when the worker is back. To take it from
    them would make a small outage a whole one.
    """

    is_schema_fit: bool | None
    has_redis: bool
    since_beat: timedelta | None = None
    is_clock_wrong: bool = False

    @property
    def is_ready(self) -> bool:
        return self.is_schema_fit is True and self.has_redis and not self.is_clock_wrong

    @property
    def words(self) -> dict[str, str]:
        """Each state in words, by what it is about."""
        schemas = {None: "not known", True: "fits", False: "does not fit this release"}
        return {
            "database": "does not answer" if self.is_schema_fit is None else "answers",
            "schema": schemas[self.is_schema_fit],
            "redis": "answers" if self.has_redis else "does not answer",
            "worker": self._worker_words,
            "clock": self._clock_words,
        }

    @property
    def _worker_words(self) -> str:
        if not self.is_schema_fit:
            return "not known"
        if self.since_beat is None:
            return "none has worked in the last hour"
        return f"last worked {self.since_beat.total_seconds():.0f} s ago" if self.since_beat > chores.LATE else "works"

    @property
    def _clock_words(self) -> str:
        if self.is_schema_fit is None:
            return "not known"
        return "is wrong: no money is moved" if self.is_clock_wrong else "is the database's"


class Readiness:
    """Nothing is connected until somebody asks."""

    def __init__(self, settings: Settings) -> None:
        self._database = Database(settings.database_url, connections=1)
        self._redis = Redis.from_url(
            settings.redis_url, socket_connect_timeout=1.0, retry=Retry(NoBackoff(), 1), max_connections=1
        )
        self._asking: asyncio.Task[States] | None = None
        self._ends_at = 0.0

    async def ask(self) -> States:
        """The states as they are now, or were at most a second ago."""
        if self._asking is None or (self._asking.done() and asyncio.get_running_loop().time() >= self._ends_at):
            # Not in the context of the first who asks: its line is no request's.
            self._asking = asyncio.create_task(self._look(), context=Context())
        # Whoever hangs up does not end the question for the others.
        return await asyncio.shield(self._asking)

    async def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
        await self._redis.aclose()
        await self._database.close()

    async def _look(self) -> States:
        database, redis = await asyncio.gather(_answer(self._ask_database()), _answer(self._ask_redis()))
        self._ends_at = asyncio.get_running_loop().time() + _STANDS_SECONDS
        schema, since_beat, is_clock_wrong = database or (None, None, False)
        return States(is_schema_fit=schema, has_redis=redis is not None, since_beat=since_beat, is_clock_wrong=is_clock_wrong)

    async def _ask_database(self) -> tuple[bool, timedelta | None, bool]:
        async with self._database.autocommit() as connection:
            began_seconds = monotonic()
            moment = (await connection.execute(select(func.clock_timestamp()))).scalar_one()
            is_clock_wrong = watch.take(moment, monotonic() - began_seconds)
            is_fit = await connection.run_sync(migrations.find_obstacle) is None
            return is_fit, await chores.since_beat(connection) if is_fit else None, is_clock_wrong

    async def _ask_redis(self) -> bool:
        await self._redis.ping()
        return True


async def _answer(question: Coroutine[Any, Any, _Answer]) -> _Answer | None:
    """The answer, or None where none comes in time."""
    try:
        return await within(_ANSWER_SECONDS, question)
    except Exception as error:  # noqa: BLE001 - whatever it is, the service does not answer
        log.warning("not ready", error=describe(error))
        return None
