"""A hop's road from request to reply.

It loads the session. Is this hop a repetition? Then it sends the stored reply. Otherwise it finds what was typed, lets the
engine take it, keeps the session and answers. Whatever breaks on the way, the customer reads a plain sentence that says what was
or was not done.
"""

from copy import copy
from dataclasses import dataclass

import structlog
from redis import RedisError

from core import reading
from core.customers import profiles
from core.deadline import within
from core.errors import Refusal
from core.faults import describe, is_away
from core.faults.outage import Outage
from core.i18n import LANGUAGES, _, translate
from core.operations.switches import USSD
from core.rail import list_abilities
from core.runtime import Runtime
from gateway.ussd.sessions import Resume, Sessions, StoredSession, TurnNotFree
from gateway.ussd.transcript import Transcript, Typed
from menus import opening
from menus.engine.machine import Engine
from menus.engine.session import MenuChanged, Session, Step

# More inputs than any direct dial needs.
_MOST_DIALLED = 20
_DIAL_SECONDS = 6.0
_DEFAULT_LANGUAGE = "en"

log = structlog.get_logger()

# Short enough for both languages in one screen, where the customer's is not known yet.
NOTHING_DONE = _("Sorry, we cannot answer now. Nothing was done. Please dial again soon.")
STILL_WORKING = _("We are still working on what you asked. Please dial again in a minute.")
MAYBE_DONE = _("Sorry, this takes too long. If it was done, an SMS tells you. Please dial again and look before you repeat it.")
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


class Road:
    def __init__(self, runtime: Runtime, sessions: Sessions, engine: Engine) -> None:
        self._runtime = runtime
        self._sessions = sessions
        self._engine = engine
        self._redis_outage = Outage("Redis")
        self._transcript = Transcript(runtime.settings.pin_pepper)

    async def take(self, hop: Hop) -> Reply:
        """Answers a hop. Whatever breaks, the customer is told in words."""
        structlog.contextvars.bind_contextvars(session=hop.session_id)
        try:
            stored = await self._sessions.open(hop.phone)
            self._redis_outage.over()
        except TurnNotFree:
            return Reply(_end_in_every_language(STILL_WORKING), "busy")
        except (RedisError, OSError) as error:
            self._redis_outage.fault(error)
            return Reply(_end_in_every_language(NOTHING_DONE), "away")
        await self._runtime.switches.look()
        is_off = self._runtime.switches.is_off(USSD)
        if stored is None or stored.session.id != hop.session_id:
            if is_off:
                return await self._answer_off(hop, None)
            latest = await self._dial(hop)
        else:
            typed = self._transcript.read(hop.text, stored.mark)
            if not isinstance(typed, Typed):
                # The hop was taken already, or a later one was: it gets the same screen again, and nothing else happens.
                latest = stored
            elif stored.reply.startswith("END "):
                # The last screen stays stored: its hop may still be repeated.
                await self._close(hop.phone, stored)
                return Reply(_end(ENDED, stored.session.language), stored.session.screen)
            elif is_off:
                return await self._answer_off(hop, stored.session)
            else:
                latest = await self._go_on(hop, stored, typed)
        return await self._close(hop.phone, latest)

    async def _answer_off(self, hop: Hop, session: Session | None) -> Reply:
        """Takes nothing. What the customer had begun may be continued once the menu is on again."""
        language = session.language if session is not None else ""
        reply = _end(OFF, language) if session is not None else _end_in_every_language(OFF)
        session = session or Session(id=hop.session_id, phone=hop.phone, language=_DEFAULT_LANGUAGE, customer=None, screen="")
        stored = StoredSession(session, self._transcript.mark(hop.text), reply)
        return await self._close(hop.phone, stored)

    async def _dial(self, hop: Hop) -> StoredSession:
        """A new session: the first screen, or as far as a direct dial's inputs lead."""
        mark = self._transcript.mark(hop.text)
        session = Session(id=hop.session_id, phone=hop.phone, language=_DEFAULT_LANGUAGE, customer=None, screen="")
        try:
            # One deadline for the whole dial: each of its steps may ask the database.
            return StoredSession(session, mark, await within(_DIAL_SECONDS, self._begin(session, hop)))
        except Exception as error:
            if not self._is_outage(error):
                log.exception("dial not answered")
            return StoredSession(session, mark, _end_in_every_language(NOTHING_DONE))

    async def _begin(self, session: Session, hop: Hop) -> str:
        session.customer = await profiles.find(self._runtime, hop.phone)
        if session.customer is not None:
            session.language = session.customer.language
        self._engine.go_home(session)
        dialled = hop.text or hop.dialled
        if not dialled:
            await self._choose_opening(session)
        inputs = dialled.split("*")[:_MOST_DIALLED] if dialled else []
        return await self._take_inputs(session, [Typed(text, "") for text in inputs], is_dialled=True)

    async def _choose_opening(self, session: Session) -> None:
        resumable = await self._sessions.find_resumable(session.phone)
        session.may_be_kept = resumable is not None
        left = resumable.session if resumable is not None and self._engine.is_known(resumable.session) else None
        was_under_way = resumable is not None and left is not None and self._may_go_on(resumable)
        await opening.choose(self._runtime, session, left, was_under_way=was_under_way)

    def _may_go_on(self, stored: StoredSession) -> bool:
        """Did it stop on a question, or at a PIN with an unknown result? Repeating such a PIN is safe only under its own key."""
        session = stored.session
        is_open = stored.reply.startswith("CON ") or stored.reply == _end(MAYBE_DONE, session.language)
        return is_open and bool(session.stack) and self._engine.is_under_way(session)

    async def _go_on(self, hop: Hop, stored: StoredSession, typed: Typed) -> StoredSession:
        session, mark = stored.session, self._transcript.mark(hop.text, before=stored.mark.length)
        if stored.mark.length == 0 and hop.dialled:
            # Some networks repeat what was dialled at the head of the text, and some do not.
            typed = Typed(typed.text.removeprefix(hop.dialled + "*"), "")
        if not self._engine.is_known(session):
            return StoredSession(session, mark, await self._begin_again(session))
        return StoredSession(session, mark, await self._take_inputs(session, [typed], is_dialled=False))

    async def _take_inputs(self, session: Session, inputs: list[Typed], *, is_dialled: bool) -> str:
        """Takes the inputs one by one and returns the last screen as the network wants it."""
        session.abilities = [*list_abilities(self._runtime.rails.values())]
        session.banner = self._runtime.switches.banner(session.language)
        refusal: Refusal | None = None
        may_have_acted = False
        try:
            for typed in inputs:
                may_have_acted = self._engine.expects_secret(session)
                if may_have_acted and is_dialled:
                    break
                refusal = await self._engine.step(self._step(session, typed))
                if refusal is not None or self._engine.has_ended(session):
                    break
            text, is_over = self._engine.show(session, refusal)
        except MenuChanged:
            return await self._begin_again(session)
        except Exception as error:
            if not self._is_outage(error):
                log.exception("hop failed", screen=session.screen)
            return _end(MAYBE_DONE if may_have_acted and not is_dialled else NOTHING_DONE, session.language)
        return ("END " if is_over else "CON ") + text

    async def _begin_again(self, session: Session) -> str:
        """Goes home with a session that another release has brought to where this one cannot go on."""
        log.info("a session met another menu", screen=session.screen)
        earlier = copy(session)
        self._engine.go_home(session)
        # The next confirmation is another one than that which may have been done there.
        session.confirmed += 1
        try:
            await within(_DIAL_SECONDS, opening.begin_again(self._runtime, session, earlier))
            text, _is_over = self._engine.show(session)
        except Exception as error:
            if not self._is_outage(error):
                log.exception("hop failed", screen=session.screen)
            return _end(MAYBE_DONE, session.language)
        return "CON " + text

    def _is_outage(self, error: Exception) -> bool:
        """Is a server away? Then this tells so, once for all customers."""
        if isinstance(error, RedisError):
            self._redis_outage.fault(error)
            return True
        if is_away(error):
            self._runtime.database.outage.fault(error)
            return True
        return False

    def _step(self, session: Session, typed: Typed) -> Step:
        return Step(self._runtime, session, _read(typed.text), _read(typed.previous), session.key)

    async def _close(self, phone: str, stored: StoredSession) -> Reply:
        try:
            await self._sessions.close(phone, stored, resume=self._resume(stored))
        except (RedisError, OSError) as error:
            # What was done is done, and the customer should read it rather than wonder.
            log.warning("session not kept", error=describe(error))
        return Reply(stored.reply, stored.session.screen)

    def _resume(self, stored: StoredSession) -> Resume:
        session = stored.session
        if session.left is not None or stored.reply in (_end(OFF, session.language), _end_in_every_language(OFF)):
            return Resume.AS_BEFORE
        return Resume.THIS if self._may_go_on(stored) or session.confirmed else Resume.NOTHING


def _read(typed: str) -> str:
    """What was typed, cleaned. `#` ends what is dialled, and many end with it whatever they type."""
    return reading.clean(typed).removesuffix("#").rstrip()


def _end(message: str, language: str) -> str:
    return "END " + translate(message, language)


def _end_in_every_language(message: str) -> str:
    return "END " + "\n".join(translate(message, language) for language in LANGUAGES)
