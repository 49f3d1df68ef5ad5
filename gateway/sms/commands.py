"""What somebody meant by an SMS: text in, a Command out. Nothing here asks the database.

English and Swahili words work whatever the sender's language. Case, spaces, the order of phone and amount and the little words
between them do not matter. A text that can be read in two ways is refused rather than guessed at, because money depends on it.
"""

import difflib
import re
import unicodedata
from dataclasses import dataclass

from core import phones
from core.countries import COUNTRIES
from core.errors import BadPhone
from core.money import Money, NotAnAmount

_WORDS = {
    "balance": ("BAL", "SALIO", "BALANCE"),
    "statement": ("MINI", "TAARIFA", "STATEMENT"),
    "send": ("SEND", "TUMA"),
    "confirm": ("OK", "SAWA", "OKAY"),
    "save": ("SAVE", "WEKA"),
    "jobs": ("JOBS", "KAZI", "JOB"),
    "apply": ("APPLY", "OMBA"),
    "cover": ("COVER", "BIMA"),
    "language": ("LANG", "LUGHA", "LANGUAGE"),
    "join": ("JOIN", "JIUNGE"),
    "help": ("HELP", "MSAADA"),
    "stop": ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "ACHA", "ONDOA"),
    "start": ("START", "UNSTOP", "ANZA"),
}
_VERB_OF_WORD = {word: verb for verb, words in _WORDS.items() for word in words}
_SWAHILI = frozenset(
    {"SALIO", "TAARIFA", "TUMA", "SAWA", "WEKA", "KAZI", "OMBA", "BIMA", "LUGHA", "JIUNGE", "MSAADA", "ACHA", "ONDOA", "ANZA"}
)
_LANGUAGE_OF_WORD = {"EN": "en", "ENGLISH": "en", "KIINGEREZA": "en", "SW": "sw", "SWAHILI": "sw", "KISWAHILI": "sw"}
_FILLER = re.compile(
    "to|for|of|please|number|amount|cash|money|from|kwa|ya|na|tafadhali|namba|nambari|pesa|kiasi|"
    "ksh|kes|kshs|sh|shs|shilingi|shillings|bob|tsh|ush",
    re.IGNORECASE,
)
_THOUSANDS = re.compile(r"[a-z]{0,3}\.?\d{1,2}", re.IGNORECASE)
_CURRENCY_TAIL = re.compile(r"(?<=\d)(?:shillings|shilingi|kshs|shs|bob|sh)$", re.IGNORECASE)

# Longer messages are cut: no command needs more.
_MOST_CHARACTERS = 320
_MOST_TOKENS = 16
_MOST_PHONE_TOKENS = 5
_LIKENESS = 0.6


@dataclass(frozen=True, slots=True)
class Command:
    """`verb` is a key of the words above. The other fields hold what the verb needs, or as much of it as was in the text.

    `number` holds the digits of a code or a job, `words` the free words behind the verb, `language` an ISO 639 code.
    """

    verb: str
    amount: Money | None = None
    phone: str | None = None
    number: str = ""
    words: str = ""
    language: str = ""


class NotUnderstood(ValueError):
    """The text is no command. `verb` is the nearest one, or empty where none is near."""

    def __init__(self, verb: str = "") -> None:
        super().__init__("no command")
        self.verb = verb


class LooksLikeAPin(ValueError):
    """Four digits where none belong: nobody looks at them further, and nothing keeps them."""


def parse(text: str, country: str) -> Command:
    """Raises NotUnderstood or LooksLikeAPin. In `country` (ISO 3166) phones and amounts are written that country's way."""
    typed = unicodedata.normalize("NFKC", text[:_MOST_CHARACTERS]).strip(" \t\r\n.!?\"'#*")
    # SEND500 is SEND 500.
    tokens = re.sub(r"^([A-Za-z]+)(?=[\d+])", r"\1 ", typed).split()[:_MOST_TOKENS]
    if not tokens:
        raise NotUnderstood
    if all(token.isdecimal() for token in tokens):
        digits = "".join(tokens)
        if len(digits) == 4:
            return Command("confirm", number=digits)  # the code alone, or a PIN: only a waiting order can tell
        raise NotUnderstood
    word = tokens[0].strip(":,.-").upper()
    verb = _VERB_OF_WORD.get(word)
    rest = tokens[1:]
    if verb is None:
        if re.search(r"(?i)\bpin\b", typed) and re.search(r"(?<!\d)\d{4}(?!\d)", typed):
            raise LooksLikeAPin
        raise NotUnderstood(_nearest(word))
    return _READERS.get(verb, _without_more)(verb, rest, country)


def language_of(text: str) -> str:
    """The language of the first word, where it is a command's: `sw` for TUMA, `en` for SEND and any other word."""
    word = re.match(r"[A-Za-z]*", text.strip())
    return "sw" if word and word[0].upper() in _SWAHILI else "en"


def _nearest(word: str) -> str:
    close = difflib.get_close_matches(word[:12], _VERB_OF_WORD, n=1, cutoff=_LIKENESS)
    return _VERB_OF_WORD[close[0]] if close else ""


def _without_more(verb: str, rest: list[str], country: str) -> Command:  # noqa: ARG001 - one shape for all readers
    if any(re.fullmatch(r"\d{4}", token) for token in rest):
        raise LooksLikeAPin
    return Command(verb, words=" ".join(rest))


def _send(verb: str, rest: list[str], country: str) -> Command:
    """A phone and an amount, in any order, each perhaps in several pieces. There must be exactly one way to read them."""
    tokens = [token for token in (piece.strip(",;:") for piece in rest) if token and not _FILLER.fullmatch(token)]
    readings: set[tuple[str, Money]] = set()
    for begin in range(len(tokens)):
        for end in range(begin + 1, min(begin + _MOST_PHONE_TOKENS, len(tokens)) + 1):
            before, behind = tokens[:begin], tokens[end:]
            phone = _phone(" ".join(tokens[begin:end]), country)
            amount = None if before and behind else _amount(before or behind, country)
            if phone is not None and amount is not None:
                readings.add((phone, amount))
    if len(readings) == 1:
        [(phone, amount)] = readings
        return Command(verb, amount=amount, phone=phone)
    if len(tokens) > 2 and any(re.fullmatch(r"\d{4}", token) for token in tokens) and _has_both(tokens, country):
        raise LooksLikeAPin
    raise NotUnderstood(verb)


def _has_both(tokens: list[str], country: str) -> bool:
    """Would it be a phone and an amount without one of its four-digit pieces?"""
    for position, token in enumerate(tokens):
        if re.fullmatch(r"\d{4}", token):
            others = tokens[:position] + tokens[position + 1 :]
            phone = next((other for other in others if _phone(other, country)), None)
            if phone is not None and _amount([other for other in others if other != phone], country) is not None:
                return True
    return False


def _save(verb: str, rest: list[str], country: str) -> Command:
    """An amount, and perhaps the name of a goal before or behind it."""
    tokens = [token for token in rest if not _FILLER.fullmatch(token)]
    places = [place for place, token in enumerate(tokens) if _amount([token], country) is not None]
    if len(places) != 1:
        raise NotUnderstood(verb)
    [place] = places
    return Command(verb, amount=_amount([tokens[place]], country), words=" ".join(tokens[:place] + tokens[place + 1 :]))


def _number(verb: str, rest: list[str], country: str) -> Command:  # noqa: ARG001 - one shape for all readers
    digits = "".join(rest).strip("#.")
    if not re.fullmatch(r"[0-9]{4,6}", digits):
        raise NotUnderstood(verb)
    return Command(verb, number=digits)


def _language(verb: str, rest: list[str], country: str) -> Command:  # noqa: ARG001 - one shape for all readers
    language = _LANGUAGE_OF_WORD.get(rest[0].upper() if rest else "")
    if language is None:
        raise NotUnderstood(verb)
    return Command(verb, language=language)


def _words(verb: str, rest: list[str], country: str) -> Command:  # noqa: ARG001 - one shape for all readers
    return Command(verb, words=" ".join(rest))


def _phone(text: str, country: str) -> str | None:
    try:
        return phones.parse(text, country)
    except BadPhone:
        return None


def _amount(tokens: list[str], country: str) -> Money | None:
    """A whole amount above zero, in one piece or in thousands (`1 500`)."""
    if len(tokens) > 1 and not (_THOUSANDS.fullmatch(tokens[0]) and all(re.fullmatch(r"\d{3}", token) for token in tokens[1:])):
        return None
    joined = _CURRENCY_TAIL.sub("", "".join(tokens))
    try:
        amount = Money.parse(joined, COUNTRIES[country].currency)
    except NotAnAmount:
        return None
    return amount if amount.minor > 0 and amount.is_whole else None


_READERS = {
    "send": _send,
    "save": _save,
    "confirm": _number,
    "apply": _number,
    "language": _language,
    "jobs": _words,
    "join": _words,
}
