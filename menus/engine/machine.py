"""Walks the menus: one state machine, compiled once from the screens, serves every session of the process.

A hop reads the key, lets the handler act, then moves. Back, home, more, the count of refusals and the answer to a refusal are
handled here, so that no menu has to.
"""

from collections.abc import Iterable
from dataclasses import replace

import structlog
from transitions import Machine

from core.deadline import within
from core.errors import BadChoice, Busy, Refusal, TooLong
from core.faults import describe
from menus.engine.dsl import BACK, CONTINUE, HOME, HOME_SCREEN, MAIN_MENU, MORE, Ask, Choice, End, Option, Outcome, Pick, Screen
from menus.engine.screen import HIDDEN, give_up, render, visible
from menus.engine.session import MenuChanged, Session, Slots, Step

RESUME_SCREEN = "resume"
# The first screen of somebody who has no account yet.
WELCOME_SCREEN = "register_language"
# The first screen of somebody who has joined by SMS and has no PIN yet.
FINISH_SCREEN = "register_finish"

# Networks pass on 182 characters at most. Refusing is kinder than guessing the rest.
MOST_INPUT_CHARACTERS = 182
# The network gives us ten seconds, the customer's patience fewer.
HANDLER_SECONDS = 6.0
# Of what a handler leaves: its refusal is not to be lost over it.
_FRESH_SECONDS = 1.0
MOST_REFUSALS = 3
MOST_BACK = 20


# The slots that a `fresh` reads anew. Where it cannot, nobody reads the money of a while ago.
MONEY_READ = ("balance", "kept", "commission")

log = structlog.get_logger()


class UndeclaredOutcome(RuntimeError):
    """A handler ended with an outcome that its screen has no destination for: a bug that the lint looks for."""


def first_screen(session: Session) -> str:
    if session.customer is None:
        return WELCOME_SCREEN
    return HOME_SCREEN if session.customer.has_pin else FINISH_SCREEN


class Engine:
    """The compiled menus. It holds no session, so any number of them may pass through at once."""

    def __init__(self, screens: Iterable[Screen]) -> None:
        self.screens = {screen.name: screen for screen in screens}
        self._machine = Machine(
            model=None,
            states=list(self.screens),
            initial=next(iter(self.screens)),
            transitions=[
                {"trigger": event, "source": screen.name, "dest": destination}
                for screen in self.screens.values()
                for event, destination in edges(screen)
            ],
            auto_transitions=False,
            model_attribute="screen",
        )

    def is_known(self, session: Session) -> bool:
        """Is the session on a screen that exists? After a deploy it may not be."""
        return session.screen in self.screens

    def has_ended(self, session: Session) -> bool:
        return isinstance(self.screens[session.screen], End)

    def expects_secret(self, session: Session) -> bool:
        """Is the next input a PIN?"""
        return self._is_secret(session.screen)

    def is_under_way(self, session: Session) -> bool:
        """Is the customer amid something that she would have to begin again if the line dropped?"""
        return isinstance(self.screens[session.screen], Ask | Pick)

    async def step(self, step: Step) -> Refusal | None:
        """Takes one input: the handler acts, the session moves. Returns the refusal where the input was refused."""
        session, typed = step.session, step.text.strip()
        if session.screen == HOME_SCREEN and typed != MORE:
            session.heading = ""
        if session.screen == RESUME_SCREEN and typed == CONTINUE and session.left is not None:
            self._continue(session, session.left)
        elif typed == HOME or (session.screen == RESUME_SCREEN and typed == MAIN_MENU):
            self.go_home(session)
        elif typed == BACK:
            self._go_back(session)
        elif typed == MORE and (session.page < 0 or render(self.screens[session.screen], session).has_more):
            session.page += 1
        else:
            refusal = await self._act(step)
            if refusal is not None:
                await self._freshen(step)
            return refusal
        await self._freshen(step)
        return None

    async def _freshen(self, step: Step) -> None:
        """Reads anew what the screen says that nobody has just asked for."""
        session, screen = step.session, self.screens[step.session.screen]
        if isinstance(screen, End) or screen.fresh is None:
            return
        try:
            outcome = await within(_FRESH_SECONDS, screen.fresh(step))
        except Refusal:
            return  # what it was about is gone: her next input will hear of it
        except Exception as error:
            if isinstance(screen, Pick) or isinstance(error, MenuChanged):
                raise  # a list's lines are made of it
            log.info("money not read anew", screen=screen.name, error=describe(error))
            session.slots.update({name: HIDDEN for name in MONEY_READ if name in session.slots})
            return
        session.slots.update(outcome.slots)
        session.items.update(outcome.items)

    def show(self, session: Session, refusal: Refusal | None = None) -> tuple[str, bool]:
        """The text of the session's screen, and whether the session ends with it.

        A screen that has refused too often also ends the session: asking again would help nobody.
        """
        screen = self.screens[session.screen]
        if session.refusals.get(screen.name, 0) >= MOST_REFUSALS and refusal is not None and not isinstance(screen, End):
            return give_up(session, refusal), True
        shown = render(screen, session, refusal)
        if refusal is not None and shown.has_more:
            session.page = -1  # More then shows the first page again, without the sentence that pushed lines off it
        return shown.text, isinstance(screen, End)

    def go_home(self, session: Session) -> None:
        """Forgets the way here, what was typed on it, and the session that might have been continued."""
        if session.left is not None and session.left.is_doubtful:
            session.has_acted = True
        session.screen, session.left = first_screen(session), None
        session.stack, session.slots, session.items, session.refusals, session.page = [], Slots(), {}, {}, 0

    def _continue(self, session: Session, left: Session) -> None:
        """Goes on where an earlier session broke off; goes home where that screen no longer exists."""
        is_doubtful = left.is_doubtful or session.is_doubtful
        self.go_home(session)
        if not self.is_known(left):
            return
        session.screen, session.stack = left.screen, self._known(left.stack)
        session.slots, session.items = left.slots, left.items
        session.origin, session.confirmed = left.origin or left.id, left.confirmed
        if is_doubtful:
            session.doubt()
        # A PIN that the next one is compared with is never kept, so the customer types both again.
        while session.stack and self._is_secret(session.stack[-1]):
            session.screen = session.stack.pop()

    def _known(self, stack: list[str]) -> list[str]:
        """Without the screens that only another release has."""
        return [name for name in stack if name in self.screens]

    def _is_secret(self, name: str) -> bool:
        screen = self.screens[name]
        return isinstance(screen, Ask) and screen.secret

    async def _act(self, step: Step) -> Refusal | None:
        session, screen = step.session, self.screens[step.session.screen]
        try:
            event, outcome = await _take_input(screen, step)
        except (BadChoice, TooLong, Busy) as refusal:  # about this input or this moment: the session stays on its screen
            session.page = 0  # the sentence stands above the first page
            session.refusals[screen.name] = (
                MOST_REFUSALS if isinstance(refusal, Busy) else session.refusals.get(screen.name, 0) + 1
            )
            return refusal
        except Refusal as refusal:
            if refusal.switch:  # whatever she was about cannot be done: the rest of the menu can
                self.go_home(session)
                if session.screen != HOME_SCREEN:  # she has no menu yet
                    session.refusals[session.screen] = MOST_REFUSALS
                return refusal
            self._move(session, f"{step.text.strip()}:{refusal.code}" if isinstance(screen, Choice) else refusal.code)
            session.refusals[session.screen] = session.refusals.get(session.screen, 0) + 1
            return refusal
        session.slots.update(outcome.slots)
        session.items.update(outcome.items)
        session.confirmed += isinstance(screen, Ask) and screen.secret
        self._move(session, event)
        return None

    def _move(self, session: Session, event: str) -> None:
        origin = session.screen
        if event not in self._machine.events or origin not in self._machine.events[event].transitions:
            raise UndeclaredOutcome(f"screen {origin} has no destination for {event}")
        self._machine.events[event].trigger(session)
        session.page = 0
        if session.screen in session.stack:
            del session.stack[session.stack.index(session.screen) :]
        elif session.screen != origin and (self._is_secret(session.screen) or not self._is_secret(origin)):
            # Back from what a PIN has opened leads to the screen before the one that asked for it.
            session.stack.append(origin)
            del session.stack[:-MOST_BACK]

    def _go_back(self, session: Session) -> None:
        session.stack = self._known(session.stack)
        if session.page > 0:
            session.page -= 1
        elif session.stack:
            session.screen, session.page = session.stack.pop(), 0
        else:
            self.go_home(session)


def edges(screen: Screen) -> list[tuple[str, str]]:
    """Every (event, destination) of a screen. An option's outcome is the event `key:outcome`."""
    if isinstance(screen, End):
        return []
    if isinstance(screen, Ask | Pick):
        return list(screen.goto.items())
    listed: list[tuple[str, str]] = []
    for option in screen.options:
        if isinstance(option.goto, str):
            listed.append((option.key, option.goto))
        else:
            listed += [(f"{option.key}:{outcome}", destination) for outcome, destination in option.goto.items()]
    return listed


async def _take_input(screen: Screen, step: Step) -> tuple[str, Outcome]:
    """Lets the handler act. The event that the input stands for, and the handler's outcome. Raises Refusal or TimeoutError."""
    if len(step.text) > MOST_INPUT_CHARACTERS:
        raise TooLong
    if isinstance(screen, Ask | Pick):
        step_with_pick = replace(step, picked=_pick_value(screen, step)) if isinstance(screen, Pick) else step
        outcome = await within(HANDLER_SECONDS, screen.do(step_with_pick))
        return outcome.code, outcome
    assert isinstance(screen, Choice), f"nothing can be answered on {screen.name}"
    option = _get_option(screen, step)
    if option.off is not None and step.runtime.switches.is_off(option.off.switch):
        raise option.off
    if option.do is None:
        return option.key, Outcome(option.key)
    outcome = await within(HANDLER_SECONDS, option.do(step))
    return f"{option.key}:{outcome.code}", outcome


def _pick_value(screen: Pick, step: Step) -> str:
    """The value of the item whose number was typed."""
    typed, items = step.text.strip(), step.session.items.get(screen.name, [])
    if not (typed.isascii() and typed.isdecimal() and 1 <= int(typed) <= len(items)):
        raise BadChoice
    return items[int(typed) - 1].value


def _get_option(screen: Choice, step: Step) -> Option:
    typed = step.text.strip()
    for option in visible(screen, step.session):
        if option.key == typed:
            return option
    raise BadChoice
