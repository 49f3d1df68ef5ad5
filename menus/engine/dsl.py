"""The words in which a menu is written.

    Choice   a text and numbered options; a key leads to a screen, or to a handler whose outcome leads on
    Ask      a text and a free answer, which goes to a handler
    Pick     a text and a numbered list that an earlier handler has put together; the chosen item's value goes to a handler
    End      a text; the session is over

A handler is an async function from a Step to an Outcome, or to a Refusal that it raises; `@outcomes` declares which ones. It
acts first (moves the money, say); the engine moves to the next screen afterwards. Every pair of screen and outcome has exactly
one destination, so the order of conditions does not matter.
"""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from core.countries import COUNTRIES
from core.errors import BadChoice, Busy, Refusal, TooLong
from core.refusing import refused_by
from core.settings import MOST_SERVICE_CODE_CHARACTERS
from menus.engine.session import Item, Session, Step

BACK, HOME, MORE = "0", "00", "98"
HOME_SCREEN = "home"
# The choices of somebody whose last session broke off.
CONTINUE, MAIN_MENU = "1", "2"
NAVIGATION = (BACK, HOME, MORE)
# Nobody reads a longer list on a phone, and the numbers stay below More's.
MOST_ITEMS = 40

_AMOUNT = "KES 999,999,999.99"
_NAME = "M" * 40
# The longest value of each placeholder: with these the lint proves that a screen fits.
LONGEST = {
    "amount": _AMOUNT,
    "balance": _AMOUNT,
    "kept": _AMOUNT,
    "fee": _AMOUNT,
    "commission": _AMOUNT,
    "needed": _AMOUNT,
    "least": _AMOUNT,
    "most": _AMOUNT,
    "name": _NAME,
    "recipient": _NAME,
    "phone": "0" * max(country.phone_digits for country in COUNTRIES.values()),
    "rail": "Airtel Money",
    "reference": "M" * 10,
    "service_code": "*" + "0" * (MOST_SERVICE_CODE_CHARACTERS - 2) + "#",
    "tries_left": "2",
    "lines": "",
    "number": "0" * 6,
    "date": "31/12/2026",
    "days": "365",
    "place": "M" * 20,
    "title": "M" * 30,
    "goal": "M" * 20,
    "product": "M" * 20,
    "code": "0" * 6,
    "moment": "31/12 23:59",
    "example": "M" * 40,
    "saved": "TZS 999",
    "target": "KES 999,999,999",
    "percent": "100",
    "period": "M" * 32,
    "unit": "TZS 1,000",
    "until": "31/12/2026",
    "why": "M" * 60,
    "rating": "4.5/5",
    "status": "M" * 24,
    "employer": "M" * 48,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a handler ended, and what it puts into the session: texts into slots, and the items that a Pick lists."""

    code: str
    slots: dict[str, str] = field(default_factory=dict)
    items: dict[str, list[Item]] = field(default_factory=dict)


def ok(**slots: object) -> Outcome:
    """The outcome `ok`. Slots are texts: amounts as people read them (`str(money)`), or minor units under a name in `_minor`."""
    return Outcome("ok", {name: str(value) for name, value in slots.items()})


def found(pick: str, items: Iterable[tuple[str, object]], **slots: object) -> Outcome:
    """The outcome `ok` with the items of the Pick `pick`: (label in the reader's language, value)."""
    listed = [Item(label, str(value)) for label, value in items]
    return Outcome("ok", {name: str(value) for name, value in slots.items()}, {pick: listed[:MOST_ITEMS]})


Handler = Callable[[Step], Coroutine[Any, Any, Outcome]]
_AnyHandler = TypeVar("_AnyHandler", bound=Handler)


# The engine handles these refusals by itself, on every screen; those of switches, too.
ANSWERED_BY_ENGINE = frozenset({BadChoice, TooLong, Busy})


def outcomes(
    *own_outcomes: str | type[Refusal], calls: Iterable[Callable[..., Any]] = (), catches: Iterable[type[Refusal]] = ()
) -> Callable[[_AnyHandler], _AnyHandler]:
    """Declares every outcome of a handler: its own, and the refusals of what it calls except those that it `catches`.

    The lint compares them with the `goto` of the screens that use the handler.
    """
    refusals = {refusal for function in calls for refusal in refused_by(function) if not refusal.switch}
    called = refusals - ANSWERED_BY_ENGINE - set(catches)
    own_codes = {outcome if isinstance(outcome, str) else outcome.code for outcome in own_outcomes}
    codes = frozenset(own_codes | {refusal.code for refusal in called})

    def declare(handler: _AnyHandler) -> _AnyHandler:
        handler.outcomes = codes  # type: ignore[attr-defined]
        return handler

    return declare


def outcomes_of(handler: Handler) -> frozenset[str]:
    """The outcomes that a handler has declared."""
    codes: frozenset[str] = getattr(handler, "outcomes", frozenset())
    return codes


def again(screen: str) -> dict[str, str]:
    """The destinations of what a PIN may be refused with, for the screen that asks for it."""
    return {"bad_pin": screen, "wrong_pin": screen, "pin_locked": "pin_locked"}


def paying_again(screen: str) -> dict[str, str]:
    """`again` where the PIN lets money leave for somebody else."""
    return {**again(screen), "money_out_waits": "money_out_waits"}


@dataclass(frozen=True, slots=True)
class Option:
    """A numbered line. `goto` names a screen or, with a handler in `do`, a screen for each of its outcomes.

    `when` hides the option from some people; nobody can choose a hidden number. `off` is what she reads who chooses it while its
    feature is switched off: the line stays where people know it, and says so at once instead of after three questions.
    """

    key: str
    label: str
    goto: str | Mapping[str, str]
    do: Handler | None = None
    when: Callable[[Session], bool] | None = None
    off: type[Refusal] | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """`navigation=False` leaves out the line about Back, where the text mentions it already. `fresh` as of Ask."""

    name: str
    text: str
    options: tuple[Option, ...] = ()
    navigation: bool = True
    fresh: Handler | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """`secret`: the answer is a PIN. No direct dial goes past such a screen.

    `fresh` reads anew what the screen says of money, where a refusal, Back or Continue shows it again: it may have moved
    meanwhile. Where that fails, the text hides it.
    """

    name: str
    text: str
    do: Handler
    goto: Mapping[str, str]
    secret: bool = False
    fresh: Handler | None = None


@dataclass(frozen=True, slots=True)
class End:
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Pick:
    """A list to choose from, numbered 1, 2, 3 ... over as many pages as it takes.

    `do` gets the choice in `step.picked`. `fresh` as of Ask.
    """

    name: str
    text: str
    do: Handler
    goto: Mapping[str, str]
    fresh: Handler | None = None


Screen = Choice | Ask | Pick | End
