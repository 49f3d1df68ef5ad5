"""The sessions that a phone had before: a late hop of one displaces nothing, and an id that is used again is another session.

Networks repeat hops late, and use the ids of sessions again. What is remembered of a session is a hash of its id, the mark of its
first hop, when it began by Redis's clock, and its origin, of which its idempotency keys are made.
"""

import hashlib
from collections.abc import Iterable
from datetime import date, timedelta

import msgspec
from msgspec import structs

from core import clock
from gateway.ussd.transcript import Mark, NoInput, Transcript, Typed

# Of those that are over for longer than any late hop, and of the others: nobody dials more often while one hop is on its way.
MOST_REMEMBERED, MOST_LATE = 4, 16
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


def is_of_another(begun: Iterable[Begun], session_id: str, text: str, last: Mark, transcript: Transcript) -> bool:
    """Is it of another session than the one with this id whose last hop `last` marks?

    The older hops of that one are shorter, and go on from its first.
    """
    if transcript.read(text, last) is not NoInput.OUT_OF_ORDER:
        return False
    session = find(begun, session_id)
    goes_on = session is None or transcript.read(text, session.first) is not NoInput.OUT_OF_ORDER
    return len(text) >= last.length or not goes_on


def begin(session_id: str, first: Mark, now_ms: int, country: str, *, is_again: bool) -> Begun:
    """A new session. `is_again`: another had its id; without one its origin can be made anew where Redis has lost everything."""
    origin = first_origin(session_id, clock.day(clock.in_redis(now_ms), country))
    return Begun(_digest(session_id), first, now_ms, f"{origin}:{now_ms}" if is_again else origin)


def yesterdays_origin(session_id: str, now_ms: int, country: str) -> str | None:
    """The origin that a session which Redis has forgotten had if it began before midnight; None where that is too long ago."""
    now = clock.in_redis(now_ms)
    began = clock.day(now - timedelta(milliseconds=_LATE_MS), country)
    return None if began == clock.day(now, country) else first_origin(session_id, began)


def likely_origins(session_id: str, country: str) -> list[str]:
    """The origins that a session of now may have, where only this process's clock can be read, which may be wrong."""
    today = clock.today(country)
    return [first_origin(session_id, today + timedelta(days=days)) for days in (0, -1, 1)]


def first_origin(session_id: str, day: date) -> str:
    """The origin of the day's first session with this id."""
    return f"{session_id}:{day:%y%m%d}"


def note_origin(begun: Iterable[Begun], session_id: str, origin: str) -> list[Begun]:
    """With the origin that the session has by now: where it goes on with another, its keys are that one's."""
    digest = _digest(session_id)
    return [structs.replace(session, origin=origin) if session.id == digest else session for session in begun]


def remember(begun: Iterable[Begun], session: Begun) -> list[Begun]:
    """The newest ones, this one first."""
    newest = [session, *(other for other in begun if other.id != session.id)][:MOST_LATE]
    return [other for number, other in enumerate(newest) if number < MOST_REMEMBERED or other.is_late(session.at_ms)]


def forget(begun: Iterable[Begun], session_id: str) -> list[Begun]:
    """Without the sessions that had this id."""
    digest = _digest(session_id)
    return [session for session in begun if session.id != digest]


def _digest(session_id: str) -> bytes:
    return hashlib.blake2b(session_id.encode(), digest_size=_ID_BYTES).digest()
