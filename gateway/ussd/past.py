"""The sessions that a phone had before: a late hop of one displaces nothing, and an id that is used again is another session.

Networks repeat hops late, and use the ids of sessions again. What is remembered of a session is a hash of its id, the mark of its
first hop, when it began by Redis's clock, and its origin, of which its idempotency keys are made.
"""

import hashlib
from collections.abc import Iterable
from datetime import date

import msgspec

from gateway.ussd.transcript import Mark, Transcript, Typed

MOST_REMEMBERED = 4
# A session is over after less than this, its late hops too.
_LATE_MS = 15 * 60 * 1000
_ID_BYTES = 8


class Begun(msgspec.Struct, frozen=True, array_like=True):
    """A session that began with the hop that `first` marks."""

    id: bytes
    first: Mark
    at_ms: int
    origin: str

    def is_late(self, now_ms: int) -> bool:
        """Could a hop of it still be on its way?"""
        return now_ms - self.at_ms < _LATE_MS


def find(begun: Iterable[Begun], session_id: str) -> Begun | None:
    """The newest session with this id."""
    digest = _digest(session_id)
    return next((session for session in begun if session.id == digest), None)


def goes_on(session: Begun, text: str, now_ms: int, transcript: Transcript) -> bool:
    """Is it a later hop of this session, which Redis has forgotten, rather than the first one of another with the same id?"""
    return session.is_late(now_ms) and isinstance(transcript.read(text, session.first), Typed)


def begin(earlier: Begun | None, session_id: str, first: Mark, now_ms: int, day: date) -> Begun:
    """A new session. `earlier` had the same id; without one its origin can be made anew where Redis has lost everything."""
    origin = first_origin(session_id, day)
    return Begun(_digest(session_id), first, now_ms, origin if earlier is None else f"{origin}:{now_ms}")


def first_origin(session_id: str, day: date) -> str:
    """The origin of the day's first session with this id."""
    return f"{session_id}:{day:%y%m%d}"


def remember(begun: Iterable[Begun], session: Begun) -> list[Begun]:
    """The newest ones, this one first."""
    return [session, *(other for other in begun if other.id != session.id)][:MOST_REMEMBERED]


def _digest(session_id: str) -> bytes:
    return hashlib.blake2b(session_id.encode(), digest_size=_ID_BYTES).digest()
