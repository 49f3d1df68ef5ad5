"""Says in Redis that this process lives, for as long as a hop of it is at work: whoever waits for a turn looks there.

A heartbeat may be late although its process lives: frozen, or cut off from Redis. Its turn is then taken all the same. That hop
keeps nothing of the session any more (scripts.py), and what it does is done once, under its idempotency key.
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import Context
from itertools import count
from time import monotonic

from redis import RedisError

from gateway.ussd.redis_batches import Batches, Command

# Whoever waits behind a hop that died goes on after this, and a moment.
LIVES_SECONDS = 2
_BEAT_SECONDS = 0.4
_NAME_BYTES = 8
_MOST_LEFT = 256


class Heartbeat:
    def __init__(self, batches: Batches) -> None:
        self._batches = batches
        self._name = os.urandom(_NAME_BYTES)
        self._numbers = count()
        self._at_work = 0
        # Of this process's own turns it knows itself whether a hop still has them.
        self._held: set[bytes] = set()
        self._left: list[Command] = []
        self._tried_seconds = float("-inf")
        self._beaten_seconds = float("-inf")
        self._beating: asyncio.Task[None] | None = None

    def make_turn(self) -> bytes:
        """What names a turn of this process."""
        return self._name + next(self._numbers).to_bytes(_NAME_BYTES, "big")

    def is_due(self) -> bool:
        now_seconds = monotonic()
        is_known = now_seconds < self._beaten_seconds + LIVES_SECONDS - _BEAT_SECONDS
        return not is_known or now_seconds >= self._tried_seconds + _BEAT_SECONDS

    async def beat(self) -> None:
        """Beats where it is due. Raises redis.RedisError where Redis does not know by then that this process lives."""
        if not self.is_due():
            return
        began_seconds = self._tried_seconds = monotonic()
        await self._batches.run(("SET", _key(self._name), b"", "PX", LIVES_SECONDS * 1000))
        self._beaten_seconds = began_seconds
        await self._give_back_left()

    async def _give_back_left(self) -> None:
        left = tuple(self._left)
        # Each by itself: one that fails takes no other with it.
        answers = await asyncio.gather(*(self._batches.run(command) for command in left), return_exceptions=True)
        done = [command for command, answer in zip(left, answers, strict=True) if not isinstance(answer, BaseException)]
        self._left = [command for command in self._left if command not in done]

    def hold(self, turn: bytes) -> None:
        """A hop of this process has the turn, until `let_go`."""
        self._held.add(turn)

    def let_go(self, turn: bytes) -> None:
        self._held.discard(turn)

    def leave(self, give_back: Command) -> None:
        """A turn that could not be given back: it is tried again with each beat, until Redis answers."""
        if len(self._left) < _MOST_LEFT:
            self._left.append(give_back)

    async def has_died(self, turn: bytes) -> bool:
        """Has the hop of this turn died? A release before this one had no heartbeat."""
        name = turn[:_NAME_BYTES]
        if name == self._name:
            return turn not in self._held
        if len(turn) != 2 * _NAME_BYTES:
            return False
        [is_alive] = await self._batches.run(("EXISTS", _key(name)))
        return not is_alive

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Beats while the block is at work."""
        self._at_work += 1
        if self._beating is None or self._beating.done():
            # Not in the hop's context: a library's line would bear its ids.
            self._beating = asyncio.create_task(self._beat_on(), context=Context())
        try:
            yield
        finally:
            self._at_work -= 1
            if not self._at_work and self._beating is not None:
                self._beating.cancel()
                self._beating = None

    async def _beat_on(self) -> None:
        while True:
            await asyncio.sleep(_BEAT_SECONDS)
            with suppress(RedisError, OSError):  # whoever needs Redis tells of it
                await self.beat()


def _key(name: bytes) -> str:
    return f"ussd:process:{name.hex()}"
