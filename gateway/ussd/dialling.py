"""The first hop of a session: the opening screen, or as far as the inputs of a direct dial lead.

What looks like a first hop may be a later one of a session that Redis has forgotten. Then it goes on under that one's origin, so
that nothing is done a second time, and what that one has done is told.
"""

from redis import RedisError

from core.customers import profiles
from core.deadline import within
from core.faults.reached import Reached
from core.runtime import Runtime
from gateway.ussd import displaced, past
from gateway.ussd.failing import (
    LOOK_FIRST,
    LOOK_SECONDS,
    MAYBE_DONE,
    NOTHING_DONE,
    SPARE_SECONDS,
    Failing,
    end,
    end_in_every_language,
    holds_pin,
)
from gateway.ussd.hop import Hop
from gateway.ussd.inputs import DIAL_SECONDS, BusyDial, Inputs
from gateway.ussd.past import Begun
from gateway.ussd.sessions import Opened, Sessions, StoredSession
from gateway.ussd.transcript import Transcript, Typed
from menus import opening
from menus.engine.machine import Engine
from menus.engine.session import Session

# More inputs than any direct dial needs.
_MOST_DIALLED = 20
_DEFAULT_LANGUAGE = "en"


class Dialling:
    def __init__(
        self, runtime: Runtime, sessions: Sessions, engine: Engine, failing: Failing, inputs: Inputs, transcript: Transcript
    ) -> None:
        self._runtime = runtime
        self._sessions = sessions
        self._engine = engine
        self._failing = failing
        self._inputs = inputs
        self._transcript = transcript

    async def dial(self, hop: Hop, opened: Opened, watched: Reached) -> StoredSession:
        """A new session: the first screen, or as far as a direct dial's inputs lead."""
        mark = self._transcript.mark(hop.text)
        earlier = past.find(opened.past, hop.session_id)
        may_be_forgotten = earlier is None and holds_pin(hop.text)
        session = self.make_session(hop, opened)
        # What it may have done before Redis has forgotten it.
        lost = self._lost_origins(session, hop, opened, earlier)
        if opened.is_doubtful or (lost and earlier is not None):
            session.doubt()
        elif opened.stored is not None and opened.stored.session.is_doubtful:
            session.has_acted = True
        try:
            # One deadline for the whole dial: each of its steps may ask the database.
            reply = await within(DIAL_SECONDS, self._begin(session, hop, watched, lost))
        except BusyDial as busy:
            may_have_acted = may_be_forgotten or session.has_acted or watched.is_handed or await self._may_have_acted(opened)
            reply = end_in_every_language(LOOK_FIRST) if may_have_acted else busy.reply
        except Exception as error:  # noqa: BLE001 - whatever it is, the customer is told in words
            watched.is_handed |= may_be_forgotten or session.has_acted or await self._may_have_acted(opened)
            reply = self._failing.answer_dial(error, watched)
        is_typed = bool(hop.text or hop.dialled)
        return StoredSession(session, mark, reply, None if is_typed else displaced.displace(opened))

    def make_session(self, hop: Hop, opened: Opened) -> Session:
        """A new session; where Redis has lost one, with that one's origin, so that nothing is done a second time."""
        begun, mark = past.find(opened.past, hop.session_id), self._transcript.mark(hop.text)
        if begun is None or not past.goes_on(begun, hop.text, opened.now_ms, self._transcript):
            is_again = begun is not None or (opened.stored is not None and opened.stored.session.id == hop.session_id)
            country = self._runtime.settings.country
            begun = past.begin(hop.session_id, mark, opened.now_ms, country, is_again=is_again)
            opened.past, opened.has_begun = past.remember(opened.past, begun), True
        return Session(hop.session_id, hop.phone, _DEFAULT_LANGUAGE, customer=None, screen="", origin=begun.origin)

    def _lost_origins(self, session: Session, hop: Hop, opened: Opened, earlier: Begun | None) -> list[str]:
        """The origins under which a session that Redis has forgotten may have done something."""
        if earlier is not None:
            return [session.origin] if earlier.origin == session.origin else []
        if "*" not in hop.text:
            return []
        yesterdays = past.yesterdays_origin(hop.session_id, opened.now_ms, self._runtime.settings.country)
        if yesterdays is not None:
            return [session.origin, yesterdays]
        return [session.origin] if holds_pin(hop.text) else []

    async def _may_have_acted(self, opened: Opened) -> bool:
        """May the phone's session before this one have done something? Then its customer dials again to hear of it."""
        try:
            looking = self._sessions.find_resumable(opened.phone)
            resumable = await within(LOOK_SECONDS, looking, spare_seconds=SPARE_SECONDS)
        except (RedisError, OSError) as error:
            self._failing.tell(error, "away")
            return True
        earlier = [stored.session for stored in (opened.stored, resumable) if stored is not None]
        return any(session.has_acted or session.confirmed for session in earlier)

    async def _begin(self, session: Session, hop: Hop, watched: Reached, lost: list[str]) -> str:
        session.customer = await profiles.find(self._runtime, hop.phone)
        if session.customer is not None:
            session.language = session.customer.language
        self._engine.go_home(session)
        if lost and (done := await self._failing.find_done_in(lost, session.customer)):
            watched.is_handed = True
            return done
        dialled = hop.text or hop.dialled
        if not dialled:
            await self._choose_opening(session)
        inputs = dialled.split("*")[:_MOST_DIALLED] if dialled else []
        return await self._inputs.take(session, [Typed(text, "") for text in inputs], watched, is_dialled=True)

    async def _choose_opening(self, session: Session) -> None:
        resumable = await self._sessions.find_resumable(session.phone)
        session.may_be_kept = resumable is not None
        left = resumable.session if resumable is not None and self._engine.is_known(resumable.session) else None
        was_under_way = resumable is not None and left is not None and self.may_go_on(resumable)
        await opening.choose(self._runtime, session, left, was_under_way=was_under_way)

    def may_go_on(self, stored: StoredSession) -> bool:
        """Did it stop on a question, or at a PIN with an unknown result? Repeating such a PIN is safe only under its own key."""
        session = stored.session
        failed = [end(message, session.language) for message in (MAYBE_DONE, NOTHING_DONE)]
        is_open = stored.reply.startswith("CON ") or stored.reply in failed
        return is_open and bool(session.stack) and self._engine.is_under_way(session)
