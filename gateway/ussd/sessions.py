"""Sessions in Redis, in five keys of each phone: the session, what may be continued, its turn, whether a hop has begun, its past.

`ussd:{+254722000111}:session` is kept 120 seconds after the last hop. `ussd:{+254722000111}:resume`, kept 15 minutes, is the
same session where it may be continued, or may have done something. `ussd:{+254722000111}:past`, kept a day, are the sessions that
the phone has begun (past.py).

One round trip opens a hop and one closes it. Opening also takes the phone's turn, so that two hops of one phone (a hop that the
network repeats while the first is still at work, a second session that began meanwhile) come one after the other. The braces
keep one phone's keys in one slot of a Redis Cluster.
"""

import asyncio
from dataclasses import dataclass
from enum import Enum
from time import monotonic

import msgspec
from redis.asyncio import Redis

from core.deadline import limit
from gateway.ussd import scripts
from gateway.ussd.heartbeat import Heartbeat
from gateway.ussd.past import Begun
from gateway.ussd.redis_batches import Batches, Command
from gateway.ussd.transcript import Mark
from menus.engine.session import Session

TTL_SECONDS = 120
RESUME_SECONDS = 15 * 60
PAST_SECONDS = 24 * 3600
# A hop's work is bounded to less than this, so a turn that lasts longer belonged to a process that died.
_TURN_SECONDS = 9.0
# Behind another hop. What a hop has left of its budget then is enough to be answered.
_PATIENCE_SECONDS = 5.0
_LAST_TRY_SECONDS = 0.5
_LAST_SECONDS = 2.0


class StoredSession(msgspec.Struct, array_like=True):
    """A session as Redis keeps it: the conversation, the mark of the last hop's text, and the last reply.

    `displaced` is the open session that this one has taken the phone from, until something is typed in this one.
    """

    session: Session
    mark: Mark
    reply: str
    displaced: "StoredSession | None" = None


@dataclass(slots=True)
class Opened:
    """A phone whose turn this hop has, and its session.

    `is_doubtful`: an earlier hop began, and nobody knows how it ended. `now_ms` is Redis's time. `past` are the sessions
    that the phone has begun, the newest first; `has_begun`: with this hop.
    """

    phone: str
    turn: bytes
    stored: StoredSession | None
    is_doubtful: bool
    now_ms: int
    past: list[Begun]
    has_begun: bool = False


class Resume(Enum):
    """What the next dial may continue."""

    THIS = "this session"
    NOTHING = "nothing: the session is finished, or nothing was begun in it"
    AS_BEFORE = "what this session was offered itself and has not answered"


class TurnNotFree(Exception):
    """An earlier hop of the same phone is still at work."""


_HOW = {Resume.THIS: "this", Resume.NOTHING: "nothing", Resume.AS_BEFORE: "as before"}
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(StoredSession).decode
_decode_past = msgspec.msgpack.Decoder(list[Begun]).decode


class Sessions:
    def __init__(self, redis: Redis) -> None:
        self._batches = Batches(redis)
        self.heartbeat = Heartbeat(self._batches)
        # How far Redis's clock is ahead of this machine's own, which nobody sets. Each answer tells it.
        self._ahead_seconds: float | None = None

    async def open(self, phone: str) -> Opened:
        """Takes the phone's turn and loads its session.

        Raises TurnNotFree, or redis.RedisError or TimeoutError where Redis is away. A turn whose process has died is taken over.
        The caller's process beats meanwhile (heartbeat.py).
        """
        turn = self.heartbeat.make_turn()
        # From now on: Redis may have given it to us before we hear of it.
        self.heartbeat.hold(turn)
        try:
            async with limit(_PATIENCE_SECONDS + _LAST_TRY_SECONDS):
                return await self._open(phone, turn)
        except BaseException as error:
            self.heartbeat.let_go(turn)
            if not isinstance(error, TurnNotFree):
                self._leave(phone, turn)
            raise

    async def _open(self, phone: str, turn: bytes) -> Opened:
        deadline = monotonic() + _PATIENCE_SECONDS
        wait_seconds, gone = 0.02, b""
        while True:
            holder, opened = await self._try_open(phone, turn, gone)
            if opened is not None:
                return opened
            if holder is None:
                continue
            if monotonic() > deadline:
                raise TurnNotFree
            await asyncio.sleep(wait_seconds)
            wait_seconds = min(wait_seconds * 1.5, 0.2)
            gone = holder if await self.heartbeat.has_died(holder) else b""

    async def _try_open(self, phone: str, turn: bytes, gone: bytes) -> tuple[bytes | None, Opened | None]:
        """Who has the turn, or the phone where it was free. Neither: Redis's clock was not known yet."""
        ends_at = 0 if self._ahead_seconds is None else int((monotonic() + self._ahead_seconds + _TURN_SECONDS) * 1000)
        keys = _keys(phone, "turn", "session", "begun", "past")
        times = (ends_at, int(_TURN_SECONDS * 1000), RESUME_SECONDS)
        opening = self._batches.run(("EVAL", scripts.OPEN, len(keys), *keys, turn, *times, gone))
        began_seconds = monotonic()
        if self.heartbeat.is_due():
            # In one exchange, and in this order: a turn is nobody's before its process is known to live.
            _, [answer] = await asyncio.gather(self.heartbeat.beat(), opening)
        else:
            [answer] = await opening
        # Rather more than less, by what the exchange took: a turn that is too short ends before its hop does.
        self._ahead_seconds = answer[0] / 1000 - began_seconds
        if len(answer) == 1:
            return None, None
        if answer[1]:
            return answer[1], None
        is_doubtful, stored, past = bool(answer[2]), _read(answer[3]), _read_past(answer[4])
        return None, Opened(phone, turn, stored, is_doubtful, answer[0], past)

    async def find_resumable(self, phone: str) -> StoredSession | None:
        """The phone's earlier session, if it may be continued or may have done something."""
        [stored] = await self._batches.run(("GET", *_keys(phone, "resume")))
        return _read(stored)

    async def close(self, opened: Opened, stored: StoredSession, *, resume: Resume) -> None:
        """Keeps the session for the next hop and, as `resume` says, for the next dial. Gives the turn back.

        Where another hop has the turn by now, that one's session stays.
        """
        was_kept = stored.session.may_be_kept
        stored.session.may_be_kept = resume is not Resume.NOTHING
        keys = _keys(opened.phone, "turn", "session", "begun", "past", "resume")
        how = "nothing kept" if resume is Resume.NOTHING and not was_kept else _HOW[resume]
        past = _encode(opened.past) if opened.has_begun else b""
        arguments = (opened.turn, _encode(stored), TTL_SECONDS, RESUME_SECONDS, how, past, PAST_SECONDS)
        await self._run_last(opened, ("EVAL", scripts.CLOSE, len(keys), *keys, *arguments))

    async def give_back(self, opened: Opened) -> None:
        """Gives the turn back and leaves the session as it is."""
        keys = _keys(opened.phone, "turn", "begun")
        await self._run_last(opened, ("EVAL", scripts.GIVE_BACK, len(keys), *keys, opened.turn))

    def abandon(self, opened: Opened) -> None:
        """Gives the turn back as soon as Redis answers. What the hop has begun stays open."""
        self._leave(opened.phone, opened.turn)

    def _leave(self, phone: str, turn: bytes) -> None:
        self.heartbeat.leave(("EVAL", scripts.LEAVE, 1, *_keys(phone, "turn"), turn))

    async def _run_last(self, opened: Opened, command: Command) -> None:
        try:
            async with limit(_LAST_SECONDS, spare_seconds=0):
                await self._batches.run(command)
        except BaseException:
            self.abandon(opened)
            raise
        finally:
            self.heartbeat.let_go(opened.turn)


def _keys(phone: str, *names: str) -> list[str]:
    return [f"ussd:{{{phone}}}:{name}" for name in names]


def _read(stored: object) -> StoredSession | None:
    if not isinstance(stored, bytes):
        return None
    try:
        return _decode(stored)
    except msgspec.DecodeError:
        # Written by another release of the service: the customer starts again at home.
        return None


def _read_past(stored: object) -> list[Begun]:
    try:
        return _decode_past(stored) if isinstance(stored, bytes) else []
    except msgspec.DecodeError:
        return []
