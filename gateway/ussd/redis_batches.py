"""Sends what many requests ask of Redis at the same moment as one batch.

A redis-py call costs an event loop more than everything else a hop does. So hops that run side by side are gathered: while one
batch is under way the next one fills, and leaves when the first is answered. A lone request waits for nobody. The commands of
one `run` stay together and in order.
"""

import asyncio
from contextvars import Context
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeout

Command = tuple[Any, ...]
_Waiting = tuple[tuple[Command, ...], "asyncio.Future[list[Any]]"]
_MOST_COMMANDS = 512
_EXCHANGE_SECONDS = 2.0


class Batches:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._waiting: list[_Waiting] = []
        self._sender: asyncio.Task[None] | None = None

    async def run(self, *commands: Command) -> list[Any]:
        """The commands' answers, in order. Raises redis.RedisError, also where there is no answer after two seconds."""
        answer: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._waiting.append((commands, answer))
        if self._sender is None:
            # Not in the first hop's context: a library's line would bear its ids.
            self._sender = asyncio.create_task(self._send(), context=Context())
        return await answer

    async def _send(self) -> None:
        try:
            while self._waiting:
                batch = self._waiting[:_MOST_COMMANDS]
                del self._waiting[:_MOST_COMMANDS]
                await self._exchange(batch)
        finally:
            self._sender = None

    async def _exchange(self, batch: "list[_Waiting]") -> None:
        pipeline = self._redis.pipeline(transaction=False)
        for commands, _ in batch:
            for command in commands:
                pipeline.execute_command(*command)
        try:
            # One deadline for the whole exchange: redis-py would set and clear its own for every single answer.
            async with asyncio.timeout(_EXCHANGE_SECONDS):
                answers = await pipeline.execute(raise_on_error=False)
        except OSError as error:
            # By its own name: a hop's other deadlines are the database's.
            away = RedisTimeout() if isinstance(error, TimeoutError) else RedisConnectionError()
            away.__cause__ = error
            _fail(batch, away)
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the requests get it
            _fail(batch, error)
            return
        position = 0
        for commands, answer in batch:
            replies = answers[position : position + len(commands)]
            position += len(commands)
            if answer.done():
                continue
            failed = next((reply for reply in replies if isinstance(reply, Exception)), None)
            if failed is None:
                answer.set_result(replies)
            else:
                answer.set_exception(failed)


def _fail(batch: list[_Waiting], error: Exception) -> None:
    for _, answer in batch:
        if not answer.done():
            answer.set_exception(error)
