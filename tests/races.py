"""Races that a test decides: it keeps a row, lets everybody come as far as that row, lets go, and looks at what became of them.

Each has then seen nothing of what the others do, in every run and however busy the machine is. Tasks that are only gathered meet
now and then, and a lock that somebody takes away is missed now and then.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from sqlalchemy import text

from core.ledger.post import post_one
from core.ledger.transfer import Transfer
from core.runtime import Runtime

_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

Contender = Coroutine[Any, Any, Any]


@asynccontextmanager
async def holding(runtime: Runtime, lock: str, **params: object) -> AsyncIterator[None]:
    """Keeps what the statement locks, as a stranger would, until the block ends."""
    async with await psycopg.AsyncConnection.connect(runtime.settings.database_url) as holder:
        await holder.execute(lock.encode(), params)
        yield
        await holder.rollback()


async def race(runtime: Runtime, lock: str, *contenders: Contender, **params: object) -> list[Any]:
    """Begins the contenders one after the other while what they need is kept; answers with what came of each, refusals too.

    Who began first gets the row first. Fails where one of them gets on without waiting.
    """
    tasks: list[asyncio.Task[Any]] = []
    async with holding(runtime, lock, **params):
        for contender in contenders:
            tasks.append(asyncio.create_task(contender))
            await wait_until_they_wait(runtime, *tasks)
    return await asyncio.gather(*tasks, return_exceptions=True)


async def after_posting(runtime: Runtime, transfer: Transfer, contender: Contender) -> Any:
    """Begins the contender while a transfer has been posted and is not committed; answers with what came of it, a refusal too."""
    async with runtime.database.transaction() as connection:
        await connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        await post_one(connection, transfer, country="KE", currency="KES")
        task = asyncio.create_task(contender)
        await wait_until_they_wait(runtime, task)
    results = await asyncio.gather(task, return_exceptions=True)
    return results[0]


async def wait_until_they_wait(runtime: Runtime, *tasks: asyncio.Task[Any]) -> None:
    """Returns when each of the tasks waits for a lock. Fails where one has ended instead."""
    async with (
        asyncio.timeout(20),
        await psycopg.AsyncConnection.connect(runtime.settings.database_url, autocommit=True) as watcher,
    ):
        while await _waiting(watcher) < len(tasks):
            ended = [task for task in tasks if task.done()]
            assert not ended, f"did not wait: {ended}"


async def _waiting(watcher: "psycopg.AsyncConnection[Any]") -> int:
    [count] = await (await watcher.execute(_WAITING)).fetchone() or [0]
    return int(count)
