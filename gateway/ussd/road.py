"""A hop's road from request to reply.

It loads the session. Is this hop a repetition? Then it sends the stored reply. Otherwise it finds what was typed, lets the
engine take it, keeps the session and answers. Whatever breaks on the way, failing.py decides what the customer reads.
"""

from contextlib import suppress

import structlog
from redis import RedisError

from core.credentials import tries
from core.deadline import budget, limit
from core.faults import describe, reached
from core.faults.reached import Reached
from core.i18n import _
from core.operations.switches import USSD
from core.runtime import Runtime
from gateway.ussd import displaced, past
from gateway.ussd.dialling import Dialling
from gateway.ussd.failing import LOOK_FIRST, LOOK_SECONDS, NOTHING_DONE, Failing, end, end_in_every_language
from gateway.ussd.hop import Hop, Reply
from gateway.ussd.inputs import Inputs
from gateway.ussd.sessions import Opened, Resume, Sessions, StoredSession, TurnNotFree
from gateway.ussd.transcript import Transcript, Typed
from menus.engine.machine import Engine
from menus.engine.session import Session

# Turn, database and Redis together: networks wait ten seconds, of which they need some themselves.
_HOP_SECONDS = 8.0

log = structlog.get_logger()

# Short enough for both languages in one screen, where the customer's is not known yet.
STILL_WORKING = _("We are still working on what you asked. Please dial again in a minute.")
OFF = _("Our menu is off for a while. Your money is safe. Please dial again later.")
ENDED = _("This session is over. Please dial again.")


class Road:
    def __init__(self, runtime: Runtime, sessions: Sessions, engine: Engine) -> None:
        self._runtime = runtime
        self._sessions = sessions
        self._engine = engine
        self._failing = Failing(runtime)
        self._transcript = Transcript(runtime.settings.pin_pepper)
        self._inputs = Inputs(runtime, engine, self._failing)
        self._dialling = Dialling(runtime, sessions, engine, self._failing, self._inputs, self._transcript)

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
            async with limit(LOOK_SECONDS):
                await self._runtime.switches.look()
        displaced.give_back(opened, hop.session_id, hop.text, self._transcript)
        is_new = False
        is_off, stored = self._runtime.switches.is_off(USSD), opened.stored
        if stored is None or stored.session.id != hop.session_id or self._begins_again(hop, opened, stored):
            if (late := await self._find_late(hop, opened)) is not None:
                return await self._answer_late(opened, late)
            if is_off:
                return await self._answer_off(hop, opened, None)
            latest = await self._dialling.dial(hop, opened, watched)
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
        session = session or self._dialling.make_session(hop, opened)
        stored = StoredSession(session, self._transcript.mark(hop.text), reply)
        return await self._close(opened, stored)

    async def _go_on(self, hop: Hop, stored: StoredSession, typed: Typed, watched: Reached) -> StoredSession:
        session, mark = stored.session, self._transcript.mark(hop.text, before=stored.mark.length)
        if stored.mark.length == 0 and hop.dialled:
            # Some networks repeat what was dialled at the head of the text, and some do not.
            typed = Typed(typed.text.removeprefix(hop.dialled + "*"), "")
        if not self._engine.is_known(session):
            return StoredSession(session, mark, await self._inputs.begin_again(session, watched))
        # A copy of this hop, whose first answer was lost, tries the same PIN and not another one.
        with tries.naming(self._transcript.name(session.origin or session.id, mark)):
            return StoredSession(session, mark, await self._inputs.take(session, [typed], watched, is_dialled=False))

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
        return Resume.THIS if self._dialling.may_go_on(stored) or has_acted else Resume.NOTHING


_BEFORE_THE_MENU = [end_in_every_language(message) for message in (OFF, NOTHING_DONE, LOOK_FIRST)]
