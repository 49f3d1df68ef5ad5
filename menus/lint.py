"""Proves the menus, in every language, without walking them by hand: what `jasho menus lint` runs.

Each check returns findings, one line each, which say where to look.
"""

import string
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import core
from core import inventory, septets
from core.errors import Refusal
from core.i18n import LANGUAGES, read_translations
from core.inventory import list_refusals
from core.septets import SCREEN_SEPTETS
from menus import approvals
from menus.engine.dsl import HOME_SCREEN, LONGEST, NAVIGATION, Ask, Choice, End, Handler, Pick, Screen, outcomes_of
from menus.engine.machine import FINISH_SCREEN, RESUME_SCREEN, WELCOME_SCREEN, edges
from menus.engine.screen import BACK_LINE, DIAL_AGAIN, MORE_LINE, paginate
from menus.screens import SCREENS

ROOTS = (HOME_SCREEN, WELCOME_SCREEN, FINISH_SCREEN, RESUME_SCREEN, *approvals.OFFERED.values())
# Numbers that customers know, by screen. A release adds lines and never changes one.
RELEASED: Mapping[str, Mapping[str, str]] = {
    "home": {
        "1": "Check Balance",
        "2": "Deposit",
        "3": "Withdraw",
        "4": "Send Money",
        "5": "Savings",
        "6": "Jobs",
        "7": "Help",
        "8": "Insurance",
        "9": "My Account",
        "10": "Agent",
    },
    "account": {
        "1": "Mini statement",
        "2": "Change PIN",
        "3": "Language",
        "4": "Balance privacy",
        "5": "My details",
        "6": "Close account",
        "7": "Forgot PIN",
    },
    "deposit": {"1": "M-Pesa", "2": "At an agent"},
    "withdraw": {"1": "At an agent", "2": "To M-Pesa"},
    "agent": {"1": "Top up a customer", "2": "Float", "3": "Commission", "4": "Today", "5": "Pay out a customer"},
    "savings": {"1": "My goals", "2": "New goal", "3": "Save to a goal", "4": "Withdraw from a goal"},
    "help": {"1": "Fees", "2": "Find an agent", "3": "Talk to us", "4": "Terms", "5": "Ask a question"},
    "jobs": {"1": "Find a job", "2": "My applications", "3": "Post a job", "4": "My jobs"},
    "insurance": {"1": "Products", "2": "My covers", "3": "Claim", "4": "Claim status"},
}
Catalogues = Mapping[str, Mapping[str, str]]


def catalogues() -> Catalogues:
    """The translations into every language but English, which is the source."""
    return {language: read_translations(language) for language in LANGUAGES if language != "en"}


def lint(screens: Iterable[Screen] = SCREENS, translations: Catalogues | None = None, sms: tuple[str, ...] = ()) -> list[str]:
    """Everything that is wrong with the screens and the SMS; empty where nothing is.

    `sms` are the texts of a channel of its own. Those of the core are always checked.
    """
    screens = tuple(screens)
    texts = catalogues() if translations is None else translations
    sms = (*inventory.list_texts(core), *sms)
    shown = [*_texts(screens), *sms]
    if broken := list(_braces(shown, texts)):  # no other check can read such a text
        return broken
    return [
        *_names(screens),
        *_options(screens),
        *_outcomes(screens),
        *_ways(screens),
        *_translations(shown, texts),
        *_lengths(screens, texts),
        *_sms_lengths(sms, texts),
    ]


def _names(screens: tuple[Screen, ...]) -> Iterator[str]:
    names = {screen.name for screen in screens}
    if len(names) < len(screens):
        yield f"two screens share a name: {_twice([screen.name for screen in screens])}"
    for screen in screens:
        for event, destination in edges(screen):
            if destination not in names:
                yield f"{screen.name}: {event} leads to {destination}, which does not exist"


def _options(screens: tuple[Screen, ...]) -> Iterator[str]:
    for screen in (screen for screen in screens if isinstance(screen, Choice)):
        keys = [option.key for option in screen.options]
        if len(set(keys)) < len(keys):
            yield f"{screen.name}: two options share the number {_twice(keys)}"
        for option in screen.options:
            if option.key in NAVIGATION:
                yield f"{screen.name}: the option {option.key} takes a number that means back, home or more everywhere"
            if not option.key.isdecimal():
                yield f"{screen.name}: the option {option.key!r} is not a number"
            if (option.do is None) is not isinstance(option.goto, str):
                yield f"{screen.name} {option.key}: with a handler goto names outcomes, without one a screen"
    for name, numbers in RELEASED.items():
        shown = {
            option.key: option.label
            for screen in screens
            if isinstance(screen, Choice) and screen.name == name
            for option in screen.options
        }
        for key, label in numbers.items():
            if shown and shown.get(key) != label:
                yield f"{name}: customers know {key} as {label!r}, it is now {shown.get(key)!r}"


def _outcomes(screens: tuple[Screen, ...]) -> Iterator[str]:
    for screen in screens:
        for where, handler, goto in _handlers(screen):
            codes = outcomes_of(handler)
            if missing := codes - goto.keys():
                yield f"{where}: the handler may end in {', '.join(sorted(missing))}, which leads nowhere"
            if unused := goto.keys() - codes:
                yield f"{where}: goes somewhere on {', '.join(sorted(unused))}, which the handler has not declared"


def _handlers(screen: Screen) -> Iterator[tuple[str, Handler, Mapping[str, str]]]:
    if isinstance(screen, Ask | Pick):
        yield screen.name, screen.do, screen.goto
    elif isinstance(screen, Choice):
        for option in screen.options:
            if option.do is not None and not isinstance(option.goto, str):
                yield f"{screen.name} {option.key}", option.do, option.goto


def _ways(screens: tuple[Screen, ...]) -> Iterator[str]:
    ways = {screen.name: {destination for _, destination in edges(screen)} for screen in screens}
    reached, waiting = set(ROOTS), [root for root in ROOTS if root in ways]
    while waiting:
        for name in ways[waiting.pop()] & ways.keys() - reached:
            reached.add(name)
            waiting.append(name)
    for screen in screens:
        if screen.name not in reached:
            yield f"{screen.name}: cannot be reached"
        if isinstance(screen, Ask | Pick) and not ways[screen.name] - {screen.name}:
            yield f"{screen.name}: cannot be left but by going back"


def _texts(screens: tuple[Screen, ...]) -> list[str]:
    shown = [screen.text for screen in screens]
    shown += [option.label for screen in screens if isinstance(screen, Choice) for option in screen.options]
    return [*shown, *(refusal.sentence for refusal in list_refusals()), BACK_LINE, MORE_LINE, DIAL_AGAIN]


def _braces(shown: list[str], texts: Catalogues) -> Iterator[str]:
    for text in dict.fromkeys(
        [*shown, *(translated[message] for translated in texts.values() for message in shown if message in translated)]
    ):
        try:
            text.format_map(defaultdict(str, LONGEST))
        except (ValueError, AttributeError, LookupError, TypeError):
            yield f"{text!r}: a brace is astray"


def _translations(shown: list[str], texts: Catalogues) -> Iterator[str]:
    own_names = {"Jasho", *LANGUAGES.values()}
    for message in dict.fromkeys(shown):
        if unknown := _placeholders(message) - LONGEST.keys():
            yield f"{message!r}: nobody has said how long {', '.join(sorted(unknown))} can be"
        if strange := septets.foreign(message):
            yield f"{message!r}: {strange!r} is outside GSM 03.38"
        for language, translated in texts.items():
            if message not in translated:
                if message not in own_names:
                    yield f"{language}: {message!r} is not translated, or the translation is marked fuzzy"
                continue
            translation = translated[message]
            if _placeholders(translation) != _placeholders(message):
                yield f"{language}: {translation!r} has other placeholders than {message!r}"
            if strange := septets.foreign(translation):
                yield f"{language}: {translation!r}: {strange!r} is outside GSM 03.38"


def _lengths(screens: tuple[Screen, ...], texts: Catalogues) -> Iterator[str]:
    """Every screen, alone and below each refusal that can lead to it, with its placeholders at their longest."""
    arrivals = _refusals_by_destination(screens)
    for language in LANGUAGES:
        translated = texts.get(language, {})
        for screen in screens:
            for refusal in (None, *arrivals[screen.name]):
                yield from _length(screen, refusal, translated, language)


def _length(screen: Screen, refusal: type[Refusal] | None, translated: Mapping[str, str], language: str) -> Iterator[str]:
    lines = [] if refusal is None else [_longest(refusal.sentence, translated)]
    lines += _longest(screen.text, translated).split("\n")
    if isinstance(screen, Choice):
        lines += [f"{option.key}. {translated.get(option.label, option.label)}" for option in screen.options]
    below = [] if isinstance(screen, End) or screen.name in ROOTS else [translated.get(BACK_LINE, BACK_LINE)]
    if isinstance(screen, Choice) and not screen.navigation:
        below = []
    where = f"{language}: {screen.name}" + (f" below {refusal.code}" if refusal else "")
    # A list, or a text that asks nothing, may go on with More; a question or an End may not.
    if isinstance(screen, Pick) or (isinstance(screen, Choice) and (not screen.options or refusal is not None)):
        pages = paginate(lines, below, translated.get(MORE_LINE, MORE_LINE))
    else:
        pages = ["\n".join([*lines, *below])]
    for page in pages:
        if septets.count(page) > SCREEN_SEPTETS:
            yield f"{where}: {septets.count(page)} septets at worst, {SCREEN_SEPTETS} fit: {page!r}"


def _sms_lengths(sms: tuple[str, ...], texts: Catalogues) -> Iterator[str]:
    """A notice that needs a second SMS costs twice as much."""
    for language in LANGUAGES:
        for message in sms:
            longest = _longest(message, texts.get(language, {}))
            if septets.count(longest) > SCREEN_SEPTETS:
                yield f"{language}: SMS {message!r}: {septets.count(longest)} septets at worst, {SCREEN_SEPTETS} fit"


def _refusals_by_destination(screens: tuple[Screen, ...]) -> dict[str, list[type[Refusal]]]:
    by_code = {refusal.code: refusal for refusal in list_refusals()}
    # What is switched off is told at home.
    off = [refusal for refusal in list_refusals() if refusal.switch]
    refusals_of: dict[str, list[type[Refusal]]] = {
        screen.name: [*off] if screen.name == HOME_SCREEN else [] for screen in screens
    }
    for screen in screens:
        if not isinstance(screen, End):
            refusals_of[screen.name].append(by_code["bad_choice" if isinstance(screen, Choice | Pick) else "too_long"])
        for event, destination in edges(screen):
            code = event.rpartition(":")[2]
            if code in by_code and destination in refusals_of and by_code[code] not in refusals_of[destination]:
                refusals_of[destination].append(by_code[code])
    return refusals_of


def _longest(text: str, translated: Mapping[str, str]) -> str:
    return translated.get(text, text).format_map(defaultdict(str, LONGEST))


def _placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def _twice(names: list[str]) -> str:
    return ", ".join(sorted({name for name in names if names.count(name) > 1}))
