"""What was typed, taken to the menus: the last screen that comes of it, as the network wants it."""

from copy import copy

import structlog

from core.deadline import within
from core.errors import Busy, Kind
from core.faults.reached import Reached
from core.rail import list_abilities
from core.runtime import Runtime
from gateway.ussd.failing import MAYBE_DONE, Failing, end
from gateway.ussd.transcript import Typed, clean
from menus import opening
from menus.engine.machine import Engine
from menus.engine.session import MenuChanged, Session, Step

# Of a dial, with all steps of a direct dial.
DIAL_SECONDS = 6.0

log = structlog.get_logger()


class BusyDial(Exception):
    """A direct dial was refused as busy. `reply` says that nothing was done."""

    def __init__(self, reply: str) -> None:
        super().__init__()
        self.reply = reply


class Inputs:
    def __init__(self, runtime: Runtime, engine: Engine, failing: Failing) -> None:
        self._runtime = runtime
        self._engine = engine
        self._failing = failing

    async def take(self, session: Session, inputs: list[Typed], watched: Reached, *, is_dialled: bool) -> str:
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
            return await self.begin_again(session, watched)
        except Exception as error:
            if is_dialled:  # what the session before may have done matters, too
                raise
            self._failing.tell(error, session.screen)
            return await self._failing.answer(session, watched)
        reply = ("END " if is_over else "CON ") + text
        if isinstance(refusal, Busy) and is_dialled:
            raise BusyDial(reply)
        return reply

    async def begin_again(self, session: Session, watched: Reached) -> str:
        """Goes home with a session that another release has brought to where this one cannot go on."""
        log.info("a session met another menu", screen=session.screen)
        earlier = copy(session)
        self._engine.go_home(session)
        # The next confirmation is another one than that which may have been done there.
        session.confirmed += 1
        try:
            await within(DIAL_SECONDS, opening.begin_again(self._runtime, session, earlier))
            text, _is_over = self._engine.show(session)
        except Exception as error:  # noqa: BLE001 - whatever it is, the customer is told in words
            self._failing.tell(error, session.screen)
            watched.is_handed = True
            return end(MAYBE_DONE, session.language)
        return "CON " + text

    def _step(self, session: Session, typed: Typed) -> Step:
        return Step(self._runtime, session, clean(typed.text), clean(typed.previous), session.key)
