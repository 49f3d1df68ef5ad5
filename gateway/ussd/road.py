"""A hop's road from request to reply.

It loads the session. Is this hop a repetition? Then it sends the stored reply. Otherwise it finds what was typed, lets the
engine take it, keeps the session and answers. Whatever breaks on the way, failing.py decides what the customer reads.
"""

from contextlib import suppress
from copy import copy
from dataclasses import dataclass

import structlog
from redis import RedisError

from core.credentials import tries
from core.customers import profiles
from core.deadline import budget, within
from core.errors import Busy, Kind
from core.faults import describe, reached
from core.faults.reached import Reached
from core.i18n import _
from core.operations.switches import USSD
from core.rail import list_abilities
from core.runtime import Runtime
from gateway.ussd import displaced, past
from gateway.ussd.failing import LOOK_FIRST, MAYBE_DONE, NOTHING_DONE, Failing, end, end_in_every_language, holds_pin
from gateway.ussd.past import Begun
from gateway.ussd.sessions import Opened, Resume, Sessions, StoredSession, TurnNotFree
from gateway.ussd.transcript import Transcript, Typed, clean
from menus import opening
from menus.engine.machine import Engine
from menus.engine.session import MenuChanged, Session, Step

# More inputs than any direct dial needs.
_MOST_DIALLED = 20
# Turn, database and Redis together: networks wait ten seconds, of which they need some themselves.
_HOP_SECONDS = 8.0
_DIAL_SECONDS = 6.0
_LOOK_SECONDS = 1.0
# Of the budget, to keep the session.
_SPARE_SECONDS = 0.6
_DEFAULT_LANGUAGE = "en"

log = structlog.get_logger()

# Short enough for both languages in one screen, where the customer's is not known yet.
STILL_WORKING = _("We are still working on what you asked. Please dial again in a minute.")
OFF = _("Our menu is off for a while. Your money is safe. Please dial again later.")
ENDED = _("This session is over. Please dial again.")


@dataclass(frozen=True, slots=True)
class Hop:
    """One request of the network. `phone` is E.164. `text` is every input of the session so far, so it may hold a PIN.

    `dialled` is what followed the service code (`4*0722000111*500`), where the network leaves it there.
    """

    session_id: str
    phone: str
    text: str
    dialled: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """`body` begins with `CON ` or `END `; `screen` names it to operators."""

    body: str
    screen: str


class _BusyDial(Exception):
    """A direct dial was refused as busy. `reply` says that nothing was done."""

    def __init__(self, reply: str) -> None:
        super().__init__()
        self.reply = reply


class Road:
    def __init__(self, runtime: Runtime, sessions: Sessions, engine: Engine) -> None:
        self._runtime = runtime
        self._sessions = sessions
        self._engine = engine
        self._failing = Failing(runtime)
        self._transcript = Transcript(runtime.settings.pin_pepper)

    async def take(self, hop: Hop) -> Reply:
        """Answers a hop. Whatever breaks, the customer is told in words."""
        structlog.contextvars.bind_contextvars(session=hop.session_id)
        with budget(_HOP_SECONDS), self._sessions.heartbeat.beating():
            return await self._take(hop)

    async def _take(self, hop: Hop) -> Reply:
        try:
            opened = await self._sessions.open(hop.phone)
            self._failing.redis_is_back()
        except TurnNotFree:
            return Reply(end_in_every_language(STILL_WORKING), "busy")
        except (RedisError, OSError) as error:
            self._failing.tell(error, "away")
            body = await self._failing.answer_without_session(hop.session_id, hop.phone, hop.text)
            return Reply(body, "away")
        try:
            with reached.watching(is_handed=opened.is_doubtful) as watched:
                return await self._answer(hop, opened, watched)
        except BaseException:
            self._sessions.abandon(opened)
            raise
        finally:
            self._sessions.heartbeat.let_go(opened.turn)

    async def _answer(self, hop: Hop, opened: Opened, watched: Reached) -> Reply:
        with suppress(TimeoutError):  # then they stand as they were seen last
            await within(_LOOK_SECONDS, self._runtime.switches.look())
        displaced.give_back(opened, hop.session_id, hop.text, self._transcript)
        is_new = False
        is_off, stored = self._runtime.switches.is_off(USSD), opened.stored
        if stored is None or stored.session.id != hop.session_id or self._begins_again(hop, opened, stored):
            if (late := await self._find_late(hop, opened)) is not None:
                return await self._answer_late(opened, late)
            if is_off:
                return await self._answer_off(hop, opened, None)
            latest = await self._dial(hop, opened, watched)
        else:
            if opened.is_doubtful:
                stored.session.doubt()
            typed = self._transcript.read(hop.text, stored.mark)
            if not isinstance(typed, Typed):
                # The hop was taken already, or a later one was: it gets the same screen again, and nothing else happens.
                latest = stored
            elif stored.reply.startswith("END "):
                # The last screen stays stored: its hop may still be repeated.
                await self._close(opened, stored)
                return Reply(end(ENDED, stored.session.language), stored.session.screen)
            elif is_off:
                return await self._answer_off(hop, opened, stored.session)
            else:
                latest, is_new = await self._go_on(hop, stored, typed, watched), True
        latest.session.has_acted |= watched.is_handed
        return await self._close(opened, latest, is_new=is_new)

    def _begins_again(self, hop: Hop, opened: Opened, stored: StoredSession) -> bool:
        """Is it the first hop of another session, although the one with this id is over for less than two minutes?"""
        is_bare = not hop.text and not hop.dialled and stored.mark.length > 0
        is_another = is_bare or past.is_of_another(opened.past, hop.session_id, hop.text, stored.mark, self._transcript)
        if not is_another or not stored.reply.startswith("END "):
            return False
        opened.past = past.forget(opened.past, hop.session_id)
        return True

    async def _find_late(self, hop: Hop, opened: Opened) -> str | None:
        """The reply to a late hop of a session that the phone had before."""
        live = opened.stored
        if live is None or live.session.id == hop.session_id:
            return None
        repeated = displaced.find_repeated(opened, hop.session_id, hop.text, self._transcript)
        earlier = past.find(opened.past, hop.session_id)
        if repeated is not None or earlier is None or not earlier.is_late(opened.now_ms):
            return repeated
        done = await self._failing.find_done_in([earlier.origin], live.session.customer)
        return done or end(ENDED, live.session.language)

    async def _answer_late(self, opened: Opened, reply: str) -> Reply:
        """A late hop of a session that another one has displaced: its customer is elsewhere, and stays there."""
        try:
            await self._sessions.give_back(opened)
        except (RedisError, OSError) as error:
            self._failing.tell(error, "late")
        return Reply(reply, "late")

    async def _answer_off(self, hop: Hop, opened: Opened, session: Session | None) -> Reply:
        """Takes nothing. What the customer had begun may be continued once the menu is on again."""
        language = session.language if session is not None else ""
        reply = end(OFF, language) if session is not None else end_in_every_language(OFF)
        session = session or self._make_session(hop, opened)
        stored = StoredSession(session, self._transcript.mark(hop.text), reply)
        return await self._close(opened, stored)

    async def _dial(self, hop: Hop, opened: Opened, watched: Reached) -> StoredSession:
        """A new session: the first screen, or as far as a direct dial's inputs lead."""
        mark = self._transcript.mark(hop.text)
        earlier = past.find(opened.past, hop.session_id)
        may_be_forgotten = earlier is None and holds_pin(hop.text)
        session = self._make_session(hop, opened)
        # What it may have done before Redis has forgotten it.
        lost = self._lost_origins(session, hop, opened, earlier)
        if opened.is_doubtful or (lost and earlier is not None):
            session.doubt()
        elif opened.stored is not None and opened.stored.session.is_doubtful:
            session.has_acted = True
        try:
            # One deadline for the whole dial: each of its steps may ask the database.
            reply = await within(_DIAL_SECONDS, self._begin(session, hop, watched, lost))
        except _BusyDial as busy:
            may_have_acted = may_be_forgotten or session.has_acted or watched.is_handed or await self._may_have_acted(opened)
            reply = end_in_every_language(LOOK_FIRST) if may_have_acted else busy.reply
        except Exception as error:  # noqa: BLE001 - whatever it is, the customer is told in words
            watched.is_handed |= may_be_forgotten or session.has_acted or await self._may_have_acted(opened)
            reply = self._failing.answer_dial(error, watched)
        is_typed = bool(hop.text or hop.dialled)
        return StoredSession(session, mark, reply, None if is_typed else displaced.displace(opened))

    def _make_session(self, hop: Hop, opened: Opened) -> Session:
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
            resumable = await within(_LOOK_SECONDS, looking, spare_seconds=_SPARE_SECONDS)
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
        return await self._take_inputs(session, [Typed(text, "") for text in inputs], watched, is_dialled=True)

    async def _choose_opening(self, session: Session) -> None:
        resumable = await self._sessions.find_resumable(session.phone)
        session.may_be_kept = resumable is not None
        left = resumable.session if resumable is not None and self._engine.is_known(resumable.session) else None
        was_under_way = resumable is not None and left is not None and self._may_go_on(resumable)
        await opening.choose(self._runtime, session, left, was_under_way=was_under_way)

    def _may_go_on(self, stored: StoredSession) -> bool:
        """Did it stop on a question, or at a PIN with an unknown result? Repeating such a PIN is safe only under its own key."""
        session = stored.session
        failed = [end(message, session.language) for message in (MAYBE_DONE, NOTHING_DONE)]
        is_open = stored.reply.startswith("CON ") or stored.reply in failed
        return is_open and bool(session.stack) and self._engine.is_under_way(session)

    async def _go_on(self, hop: Hop, stored: StoredSession, typed: Typed, watched: Reached) -> StoredSession:
        session, mark = stored.session, self._transcript.mark(hop.text, before=stored.mark.length)
        if stored.mark.length == 0 and hop.dialled:
            # Some networks repeat what was dialled at the head of the text, and some do not.
            typed = Typed(typed.text.removeprefix(hop.dialled + "*"), "")
        if not self._engine.is_known(session):
            return StoredSession(session, mark, await self._begin_again(session, watched))
        # A copy of this hop, whose first answer was lost, tries the same PIN and not another one.
        with tries.naming(self._transcript.name(session.origin or session.id, mark)):
            return StoredSession(session, mark, await self._take_inputs(session, [typed], watched, is_dialled=False))

    async def _take_inputs(self, session: Session, inputs: list[Typed], watched: Reached, *, is_dialled: bool) -> str:
        """Takes the inputs one by one and returns the last screen as the network wants it."""
        session.abilities = [*list_abilities(self._runtime.rails.values())]
        session.banner = self._runtime.switches.banner(session.language)
        was_handed, refusal = watched.is_handed, None
        try:
            for typed in inputs:
                if is_dialled and self._engine.expects_secret(session):
                    break
                refusal = await self._engine.step(self._step(session, typed))
                if refusal is not None or self._engine.has_ended(session):
                    break
            if refusal is not None and refusal.kind is Kind.AWAY and not refusal.switch and (was_handed or session.is_doubtful):
                # It says that nothing was done. An earlier copy of this hop may have been.
                return await self._failing.answer(session, watched)
            text, is_over = self._engine.show(session, refusal)
        except MenuChanged:
            return await self._begin_again(session, watched)
        except Exception as error:
            if is_dialled:  # what the session before may have done matters, too
                raise
            self._failing.tell(error, session.screen)
            return await self._failing.answer(session, watched)
        reply = ("END " if is_over else "CON ") + text
        if isinstance(refusal, Busy) and is_dialled:
            raise _BusyDial(reply)
        return reply

    async def _begin_again(self, session: Session, watched: Reached) -> str:
        """Goes home with a session that another release has brought to where this one cannot go on."""
        log.info("a session met another menu", screen=session.screen)
        earlier = copy(session)
        self._engine.go_home(session)
        # The next confirmation is another one than that which may have been done there.
        session.confirmed += 1
        try:
            await within(_DIAL_SECONDS, opening.begin_again(self._runtime, session, earlier))
            text, _is_over = self._engine.show(session)
        except Exception as error:  # noqa: BLE001 - whatever it is, the customer is told in words
            self._failing.tell(error, session.screen)
            watched.is_handed = True
            return end(MAYBE_DONE, session.language)
        return "CON " + text

    def _step(self, session: Session, typed: Typed) -> Step:
        return Step(self._runtime, session, clean(typed.text), clean(typed.previous), session.key)

    async def _close(self, opened: Opened, stored: StoredSession, *, is_new: bool = False) -> Reply:
        """Keeps the session and answers. `is_new`: the reply is to something that was typed, and no repetition's."""
        session = stored.session
        noted = past.note_origin(opened.past, session.id, session.origin)
        if noted != opened.past:
            opened.past, opened.has_begun = noted, True
        try:
            await self._sessions.close(opened, stored, resume=self._resume(stored))
        except (RedisError, OSError) as error:
            # What was done is done, and the customer should read it rather than wonder.
            log.warning("session not kept", error=describe(error))
            if is_new:
                return Reply(self._failing.reply_unkept(stored.reply, session.language), session.screen)
        return Reply(stored.reply, session.screen)

    def _resume(self, stored: StoredSession) -> Resume:
        session = stored.session
        if session.left is not None or stored.reply == end(OFF, session.language) or stored.reply in _BEFORE_THE_MENU:
            return Resume.AS_BEFORE
        has_acted = session.confirmed or session.has_acted
        return Resume.THIS if self._may_go_on(stored) or has_acted else Resume.NOTHING


_BEFORE_THE_MENU = [end_in_every_language(message) for message in (OFF, NOTHING_DONE, LOOK_FIRST)]
