"""The open session that a newer one has taken the phone from: was the newer one's first hop only late?

Networks bring hops late, also the first one of a session that is over, or that never began. Until something is typed in the newer
session nobody knows which one the customer sees. Where the older one goes on, it gets the phone back.
"""

from gateway.ussd import past
from gateway.ussd.sessions import Opened, StoredSession
from gateway.ussd.transcript import NoInput, Transcript, Typed


def displace(opened: Opened) -> StoredSession | None:
    """What a session that begins with nothing typed keeps of the one that it displaces."""
    stored = opened.stored
    if stored is None or not stored.reply.startswith("CON "):
        return None
    if opened.is_doubtful:
        stored.session.doubt()
    stored.displaced = None
    return stored


def give_back(opened: Opened, session_id: str, text: str, transcript: Transcript) -> None:
    """Gives the phone back to the session that was displaced, where this hop goes on from its last one."""
    displaced = _find(opened, session_id)
    if displaced is None or not isinstance(transcript.read(text, displaced.mark), Typed):
        return
    opened.stored = displaced
    begun = past.find(opened.past, session_id)
    if begun is not None:
        opened.past, opened.has_begun = past.remember(opened.past, begun), True


def find_repeated(opened: Opened, session_id: str, text: str, transcript: Transcript) -> str | None:
    """The reply to the last hop of the session that was displaced, where the network repeats that hop."""
    displaced = _find(opened, session_id)
    if displaced is None or transcript.read(text, displaced.mark) is not NoInput.REPEATED:
        return None
    return displaced.reply


def _find(opened: Opened, session_id: str) -> StoredSession | None:
    displaced = None if opened.stored is None else opened.stored.displaced
    return displaced if displaced is not None and displaced.session.id == session_id else None
