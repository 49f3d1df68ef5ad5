"""What somebody types who looks at a screen: mostly something that it asks for, sometimes something else.

A Guess is drawn before anybody knows which screen will be there, and becomes an input when the screen is.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from hypothesis import strategies as st

from core import clock, phones
from menus.engine.dsl import BACK, HOME, MORE, Ask, Choice, Screen
from menus.engine.machine import edges
from tests import pins

_FAR = 100
_OPTION = re.compile(r"^(\d+)\. ", re.MULTILINE)

AMOUNTS = ("100", "50", "200", "1,000", "KES 150", "20", "100", "250", "60", "2500", "1", "70000", "1000000")
DAYS_FROM_NOW = (1, 0, -3, 30, 400, -100, 90)
WORDS = (
    "School fees",
    "Nairobi",
    "Kibera",
    "Washing clothes",
    "Dig a trench",
    "The rain took the maize",
    "How do I send money?",
    "Nifanyeje nikisahau PIN?",
    "Ng'ang'a & sons",
    "x",
    "a" * 61,
)
SMS = (
    "SEND 500 0722000002",
    "OK {code}",
    "BAL",
    "TUMA 5100 0711000001",
    "sawa {code}",
    "SAVE 100",
    "MINI",
    "JOBS",
    "APPLY 10420",
    "COVER",
    "LANG SW",
    "JOIN Neema Achieng",
    "HELP",
    "STOP",
    "START",
    f"SEND 50 0711000001 {pins.RIGHT}",
    "OK 12345",
    "😀",
)
GARBAGE = (
    "",
    " ",
    "*",
    "#",
    "**",
    "1*1",
    "0*0",
    "00*00",
    "98",
    "99",
    "-1",
    "1.5",
    "१",
    "x" * 200,
    "9" * 182,
    "{balance}",
    "{0.__class__}",
    "%00",
    "a\x00b",
    "\n",
    "' OR 1=1 --",
    "😀 👍",
    "मदद चाहिए",
    "\u202eabc",
    "Zoë Ñandú",
    "€€€€",
    "^{}[]~|\\",
)


@dataclass(slots=True)
class Person:
    """Whoever holds a phone, and what she knows. `code` is the newest one that an SMS brought her."""

    phone: str
    name: str
    national_id: str
    pin: str = pins.RIGHT
    code: str = ""


@dataclass(frozen=True, slots=True)
class Guess:
    """`how` says how much it has to do with the screen, `number` which of the possible inputs it is."""

    how: str
    number: int


_HOW = ("fitting",) * 70 + ("back", "home", "more", "other", "other", "garbage", "wrong", "wrong")


def guesses() -> st.SearchStrategy[Guess]:
    """The smallest example answers what is asked, with the first answer that there is."""
    return st.builds(Guess, st.sampled_from(_HOW), st.integers(0, 40))


@dataclass(slots=True)
class Chooser:
    """Turns guesses into inputs. `people` are whom one may know, `seen` the screens that somebody has been on."""

    people: list[Person]
    screens: Mapping[str, Screen]
    seen: Mapping[str, int]
    _by_question: dict[str, Callable[[Person, int], str]] = field(init=False)
    _tried: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._by_question = {
            "amount": lambda _, number: AMOUNTS[number % len(AMOUNTS)],
            "phone": lambda _, number: self._phone(number),
            "agent": lambda _, number: ("200100", "200 100", "999999")[number % 3],
            "name": lambda person, number: (person.name, "Ann", person.name.upper(), "Wanjirũ wa Kamau")[number % 4],
            "national id": lambda person, number: (person.national_id, person.national_id, "12")[number % 3],
            "date": lambda _, number: _date(number),
            "code": lambda person, number: (person.code, "000000")[number % 4 == 3],
            "words": lambda _, number: WORDS[number % len(WORDS)],
        }

    def typed(self, guess: Guess, person: Person, screen: Screen, body: str, before: str) -> str:
        """The input. `body` is what the phone shows, `before` what was typed last."""
        options = [key for key in _OPTION.findall(body) if key not in (BACK, HOME, MORE)]
        if guess.how == "wrong" and is_pin(screen):
            return (pins.WRONG, pins.OTHER_WRONG, "12", "123456", "abcd")[guess.number % 5]
        chosen = {"back": BACK, "home": HOME, "more": MORE, "garbage": GARBAGE[guess.number % len(GARBAGE)]}.get(guess.how)
        if chosen is not None:
            return chosen
        if isinstance(screen, Ask) and guess.how == "fitting":
            return self._answer(screen, person, guess.number, before)
        if options and guess.how == "fitting":
            return self._option(screen, options, guess.number)
        if f"{MORE}." in body and guess.number % 2:
            return MORE
        if guess.how == "fitting":
            return (BACK, HOME)[guess.number % 2]
        every = list(self._by_question.values())
        return every[guess.number % len(every)](person, guess.number)

    def _option(self, screen: Screen, options: list[str], number: int) -> str:
        """Mostly one that leads to where nobody has been yet, or has not been tried often: that is how one gets around."""
        chosen = options[number % len(options)]
        if number % 4 and isinstance(screen, Choice):
            far = self._steps_to_new()
            ways = [(event.partition(":")[0], far.get(destination, _FAR)) for event, destination in edges(screen)]
            nearest = {option: min((steps for key, steps in ways if key == option), default=_FAR) for option in options}
            costs = {option: nearest[option] + self._tried[screen.name, option] for option in options}
            best = [option for option in options if costs[option] == min(costs.values())]
            chosen = best[number % len(best)]
        self._tried[screen.name, chosen] += 1
        return chosen

    def _steps_to_new(self) -> dict[str, int]:
        """How many screens away from each screen one is that has not been seen."""
        steps = dict.fromkeys(self.screens.keys() - self.seen.keys(), 0)
        while True:
            ways = {
                screen.name: 1 + min((steps.get(destination, _FAR) for _, destination in edges(screen)), default=_FAR)
                for screen in self.screens.values()
                if screen.name not in steps
            }
            nearer = {name: count for name, count in ways.items() if count < _FAR}
            if not nearer:
                return steps
            steps |= nearer

    def _answer(self, screen: Ask, person: Person, number: int, before: str) -> str:
        question = asked(screen)
        if question == "repeat":
            return before
        if question == "new pin":
            return (pins.NEW, pins.RIGHT, "1234", pins.NEW)[number % 4]
        if question == "pin":
            return person.pin
        return self._by_question[question](person, number)

    def _phone(self, number: int) -> str:
        national = phones.national(self.people[number % len(self.people)].phone)
        return (national, national, f"+254 {national[1:]}", "0722")[number // len(self.people) % 4]


def _date(number: int) -> str:
    day = clock.today("KE") + timedelta(days=DAYS_FROM_NOW[number % len(DAYS_FROM_NOW)])
    return (clock.day_text(day), clock.day_text(day), "1", f"{day:%d.%m.%y}", "29/2/2027", "yesterday")[number % 6]


def asked(screen: Screen) -> str:
    """What kind of answer the question wants, by its English words. Nothing where it is no question."""
    if not isinstance(screen, Ask):
        return ""
    text = screen.text.lower()
    kinds = {
        "id number": "national id",
        "code": "code",
        "repeat": "repeat",
        "choose a": "new pin",
        "how much": "amount",
        "which amount": "amount",
        "agent number": "agent",
        "full name": "name",
        "day": "date",
        "number?": "phone",
    }
    if screen.secret and "pin" in text and not any(word in text for word in ("id number", "code", "repeat", "choose a")):
        return "pin"
    return next((kind for words, kind in kinds.items() if words in text), "words")


def is_pin(screen: Screen) -> bool:
    """Is a PIN, hers now or one to be, typed here?"""
    return asked(screen) in ("pin", "new pin", "repeat")
