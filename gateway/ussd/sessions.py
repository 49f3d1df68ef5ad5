"""Sessions in Redis, in three keys of each phone: the session, what may be continued, and its turn.

`ussd:{+254722000111}:session` is kept 120 seconds after the last hop. `ussd:{+254722000111}:resume`, kept 15 minutes, is the
same session where it may be continued, or has moved money.

One round trip opens a hop and one closes it. Opening also takes the phone's turn, so that two hops of one phone (a hop that the
network repeats while the first is still at work, a second session that began meanwhile) come one after the other. The braces
keep one phone's keys in one slot of a Redis Cluster.
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
# A hop's work is bounded to less than this, so a turn that lasts longer belonged to a process that died. The command holds the
# moment at which the turn ends: a Redis that hung, and takes it long after we gave up, then begins no turn.
_TURN_SECONDS = 9.0
_PATIENCE_SECONDS = 7.0


class StoredSession(msgspec.Struct, array_like=True):
    """A session as Redis keeps it: the conversation, the mark of the last hop's text, and the last reply."""

    session: Session
    mark: Mark
    reply: str


class Resume(Enum):
    """What the next dial may continue."""

    THIS = "this session"
    NOTHING = "nothing: the session is finished, or nothing was begun in it"
    AS_BEFORE = "what this session was offered itself and has not answered"


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
            # The turn is also ours where the client had to send the command twice.
            if holder is None or holder == turn:
                return _read(stored)
            if asyncio.get_running_loop().time() > deadline:
                raise TurnNotFree
            await asyncio.sleep(wait_seconds)
            wait_seconds = min(wait_seconds * 1.5, 0.2)

    async def find_resumable(self, phone: str) -> StoredSession | None:
        """The phone's earlier session, if it may be continued or has moved money."""
        [stored] = await self._batches.run(("GET", f"ussd:{{{phone}}}:resume"))
        return _read(stored)

    async def close(self, phone: str, stored: StoredSession, *, resume: Resume) -> None:
        """Keeps the session for the next hop and, as `resume` says, for the next dial. Gives the turn back."""
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
