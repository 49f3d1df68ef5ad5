"""Sessions in Redis: `ussd:{+254722000111}:session`, kept 120 seconds after the last hop, and `ussd:{+254722000111}:resume`, kept
15 minutes: the same session where it may be continued, or has moved money.

One round trip opens a hop and one closes it. Opening also takes the phone's turn, so that two hops of one phone (a hop that
the network repeats while the first is still at work, a second session begun meanwhile) come one after the other.
The braces keep one phone's keys in one slot of a Redis Cluster.
"""

import asyncio
import os
from enum import Enum

import msgspec
from redis.asyncio import Redis

from core import clock
from gateway.ussd.redis_batches import Batches, Command
from gateway.ussd.transcript import Mark
from menus.engine.session import Session

TTL_SECONDS = 120
RESUME_SECONDS = 15 * 60
# A hop's work is bounded to less than this: a turn that outlives it belonged to a process that died. It is written as a
# point in time, so that a Redis that hung, and takes the command long after we gave up, does not begin a turn then.
_TURN_SECONDS = 9.0
_PATIENCE_SECONDS = 7.0


class StoredSession(msgspec.Struct, array_like=True):
    """A session as Redis keeps it: the conversation, what the last hop's text was, and what it was answered."""

    session: Session
    mark: Mark
    reply: str


class Resume(Enum):
    """What the next dial may be offered to continue."""

    THIS = "this session"
    NOTHING = "nothing: a finished session, or one in which nothing was begun"
    AS_BEFORE = "what this session was offered itself, and has not answered"


class TurnNotFree(Exception):
    """An earlier hop of the same phone is still at work."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(StoredSession).decode


class Sessions:
    def __init__(self, redis: Redis) -> None:
        self._batches = Batches(redis)

    async def open(self, phone: str) -> StoredSession | None:
        """Takes the phone's turn and loads its session. Raises TurnNotFree, or redis.RedisError where Redis is away."""
        deadline = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
        wait_seconds = 0.02
        turn = os.urandom(8)
        while True:
            ends_at = int((clock.now().timestamp() + _TURN_SECONDS) * 1000)
            holder, stored = await self._batches.run(
                ("SET", f"ussd:{{{phone}}}:turn", turn, "NX", "GET", "PXAT", ends_at), ("GET", f"ussd:{{{phone}}}:session")
            )
            # Ours too where the client had to send the command a second time.
            if holder is None or holder == turn:
                return _read(stored)
            if asyncio.get_running_loop().time() > deadline:
                raise TurnNotFree
            await asyncio.sleep(wait_seconds)
            wait_seconds = min(wait_seconds * 1.5, 0.2)

    async def find_resumable(self, phone: str) -> StoredSession | None:
        """The session that the phone's owner had before, if it may be continued or has moved money."""
        [stored] = await self._batches.run(("GET", f"ussd:{{{phone}}}:resume"))
        return _read(stored)

    async def close(self, phone: str, stored: StoredSession, *, resume: Resume) -> None:
        """Keeps the session for the next hop, and for the next dial what `resume` says, and gives the turn back."""
        key, was_kept = f"ussd:{{{phone}}}:resume", stored.session.may_be_kept
        stored.session.may_be_kept = resume is not Resume.NOTHING
        encoded = _encode(stored)
        commands: list[Command] = [("SET", f"ussd:{{{phone}}}:session", encoded, "EX", TTL_SECONDS)]
        if resume is Resume.THIS:
            commands.append(("SET", key, encoded, "EX", RESUME_SECONDS))
        elif resume is Resume.NOTHING and was_kept:
            commands.append(("DEL", key))
        await self._batches.run(*commands, ("DEL", f"ussd:{{{phone}}}:turn"))


def _read(stored: object) -> StoredSession | None:
    if not isinstance(stored, bytes):
        return None
    try:
        return _decode(stored)
    except msgspec.DecodeError:
        # Written by another release of the service: the customer starts again at home.
        return None
