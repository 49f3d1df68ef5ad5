"""What somebody meant by an SMS: text in, a Command out. Nothing here asks the database.

English and Swahili words work whatever the sender's language; the first run of letters is the word. Case, spaces, signs around
words, the order of phone and amount and the little words between them do not matter. A text that can be read in two ways is
refused rather than guessed at, because money depends on it.
"""

import difflib
import re
from dataclasses import dataclass

from core import reading
from core.countries import COUNTRIES, CURRENCIES
from core.credentials import pins
from core.errors import BadAmount, BadPhone
from core.money import Money
from gateway.sms import naming, pieces, stopping

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
    "stop": stopping.WORDS,
    "start": ("START", "UNSTOP", "ANZA"),
}
_VERB_OF_WORD = {word: verb for verb, words in _WORDS.items() for word in words}
# What a word may be a slip of: `please` is not one of STOPPLEASE.
_NEAR = [word for verb, words in _WORDS.items() for word in words if verb != "stop" or word in ("STOP", "ACHA", "UNSUBSCRIBE")]
_SWAHILI = frozenset(
    {"SALIO", "TAARIFA", "TUMA", "SAWA", "WEKA", "KAZI", "OMBA", "BIMA", "LUGHA", "JIUNGE", "MSAADA", "ACHA", "ONDOA", "ANZA"}
    | {"ACHENI", "WACHA", "SITISHA", "SIMAMISHA", "NIONDOE", "NIONDOENI"}
)
_LANGUAGE_OF_WORD = {"EN": "en", "ENGLISH": "en", "KIINGEREZA": "en", "SW": "sw", "SWAHILI": "sw", "KISWAHILI": "sw"}
_FILLER = re.compile("to|for|of|please|pls|number|amount|cash|money|kwa|ya|na|tafadhali|namba|nambari|pesa|kiasi", re.IGNORECASE)
# Beside the digits of a code or a job.
_BESIDE_DIGITS = re.compile(r"my|is|the|code|job|jobs|kodi|kazi|ni|thanks|asante", re.IGNORECASE)
# People who share a short code with other services begin with this one's name.
_KEYWORD = "JASHO"
# In one piece, or in groups: `48 26`, `4-8-2-6`.
_FOUR_DIGITS = re.compile(r"(?<!\d)\d(?:[ .*-]{0,3}\d){3}(?!\d)")
_PIN_WORD = re.compile(
    r"(?<![^\W\d_])(?:(?:my)?p\W{0,2}[i1l]\W{0,2}n{1,2}(?:i|s|\W{0,2}(?:code|number|no))?|(?:neno)?siri|passw?ord|passcode|nywila|"
    r"secret|pwd)(?![^\W\d_])",
    re.IGNORECASE,
)
# Beside such a word, with whatever signs between them.
_PIN_DIGITS = re.compile(r"(?<!\d)\d(?:[\W_]{0,3}\d){3}(?!\d)")
_WORD = re.compile(r"[^\W\d_]+")
# What is ordered by them must be written in full, with nothing but a code before the word.
_MOVING = ("send", "save", "confirm", "apply")

_MOST_READ = 2_000
# No command needs more: what is longer is a letter, of which only the first word counts.
_MOST_CHARACTERS = 320
_MOST_TOKENS = 16
_MOST_PHONE_TOKENS = 7
_MOST_AMOUNT_TOKENS = 5
# Four digits with a sign between each two.
_MOST_PIN_TOKENS = 7
# Of a code or a job's number.
_LEAST_DIGITS = 4
_LIKENESS = 0.6


@dataclass(frozen=True, slots=True)
class Command:
    """`verb` is a key of the words above. The other fields hold what the verb needs, or as much of it as was in the text.

    `number` holds the digits of a code or a job, `words` the free words behind the verb, `language` an ISO 639 code.
    `may_hold_pin`: four digits stood beside STOP, which is obeyed all the same.
    """

    verb: str
    amount: Money | None = None
    phone: str | None = None
    number: str = ""
    words: str = ""
    language: str = ""
    may_hold_pin: bool = False


class NotUnderstood(ValueError):
    """The text is no command. `verb` is the nearest one, or empty where none is near."""

    def __init__(self, verb: str = "") -> None:
        super().__init__("no command")
        self.verb = verb


class LooksLikeAPin(ValueError):
    """Four digits where none belong: nobody looks at them further, and nothing keeps them."""


def parse(text: str, country: str) -> Command:
    """Raises NotUnderstood or LooksLikeAPin. In `country` (ISO 3166) phones and amounts are written that country's way."""
    typed = " ".join(reading.without_pictures(reading.clean(reading.mark_lines(text[:_MOST_READ]))).split())
    in_one_line = " ".join(reading.without_pictures(reading.clean(text[:_MOST_READ])).split())
    if stopping.wants_no_more(typed):
        return Command("stop", may_hold_pin=_FOUR_DIGITS.search(in_one_line) is not None)
    if _PIN_WORD.search(in_one_line) and _PIN_DIGITS.search(in_one_line):
        raise LooksLikeAPin
    typed = _without_keyword(typed)
    word = _WORD.search(typed)
    before, behind = (typed, "") if word is None else (typed[: word.start()], typed[word.end() :])
    before_tokens, tokens = [token for token in pieces.split(before) if token not in pieces.PARTING], pieces.split(behind)
    verb = None if word is None else _VERB_OF_WORD.get(reading.without_accents(word[0]).upper())
    if verb is None and (code := _lone_code(pieces.split(typed))):
        return Command("confirm", number=code)
    if word is None:
        raise NotUnderstood
    if verb is None or verb == "stop":
        raise NotUnderstood("" if verb else _nearest(word[0].upper()))
    is_long = len(text) > _MOST_READ or len(typed) > _MOST_CHARACTERS or len(tokens) > _MOST_TOKENS
    if verb in _MOVING and (is_long or (before_tokens and verb != "confirm")):
        if verb != "confirm":
            _refuse_pin(before_tokens)
        raise NotUnderstood(verb)
    tokens = before_tokens + (
        tokens if verb in _MOVING else [token for token in tokens if token not in (pieces.BETWEEN, pieces.BRACKET)]
    )
    return _READERS.get(verb, _without_more)(verb, tokens, country)


def language_of(text: str) -> str:
    """The language of the first word that is a command's: `sw` for TUMA, `en` for SEND and where there is none."""
    words = (word for word in stopping.letters(reading.clean(text[:_MOST_READ])) if word in _VERB_OF_WORD)
    return "sw" if next(words, "") in _SWAHILI else "en"


def _without_keyword(typed: str) -> str:
    """The text behind the service's name, where a command or a code follows it."""
    words = list(_WORD.finditer(typed))
    if words and words[0][0].upper() == _KEYWORD and (len(words) == 1 or words[1][0].upper() in _VERB_OF_WORD):
        return typed[words[0].end() :]
    return typed


def _lone_code(tokens: list[str]) -> str:
    """The code alone, or a PIN: only a waiting order can tell. Empty where more is said than `4831 please`."""
    digits = "".join(token for token in _without_words_beside(tokens) if token not in pieces.PARTING)
    return digits if re.fullmatch("[0-9]{4}", digits) else ""


def _without_words_beside(tokens: list[str]) -> list[str]:
    """The tokens of a code or a job's number, without the little words around them."""
    is_word = [_FILLER.fullmatch(token) or _BESIDE_DIGITS.fullmatch(token) for token in tokens]
    return pieces.trimmed([pieces.BETWEEN if word else token for word, token in zip(is_word, tokens, strict=True)])


def _nearest(word: str) -> str:
    close = difflib.get_close_matches(word[:12], _NEAR, n=1, cutoff=_LIKENESS)
    return _VERB_OF_WORD[close[0]] if close else ""


def _without_more(verb: str, rest: list[str], country: str) -> Command:  # noqa: ARG001 - one shape for all readers
    _refuse_pin(rest)
    return Command(verb, words=" ".join(rest))


def _refuse_pin(tokens: list[str]) -> None:
    """Four digits where none belong."""
    if _FOUR_DIGITS.search(" ".join(tokens)):
        raise LooksLikeAPin


def _send(verb: str, rest: list[str], country: str) -> Command:
    """A phone and an amount, in any order, each perhaps in several pieces. There must be exactly one way to read them."""
    tokens = _without_fillers(rest)
    readings = _transfers(tokens, country)
    if len(readings) == 1:
        [(phone, amount)] = readings
        return Command(verb, amount=amount, phone=phone)
    if not readings and any(_transfers(others, country) for _, others in _without_four_digits(tokens)):
        raise LooksLikeAPin
    raise NotUnderstood(verb)


def _transfers(tokens: list[str], country: str) -> set[tuple[str, Money]]:
    """Every way to read all of the tokens as a phone and an amount."""
    readings: set[tuple[str, Money]] = set()
    for begin in range(len(tokens)):
        for end in range(begin + 1, min(begin + _MOST_PHONE_TOKENS, len(tokens)) + 1):
            if end - begin > 1 and (_is_torn(tokens[:begin], tokens[begin]) or _is_torn(tokens[end:][:1], tokens[end - 1])):
                continue
            before, behind = (_without_lone_currency(side, country) for side in (tokens[:begin], tokens[end:]))
            phone = _phone(tokens[begin:end], country)
            amount = None if before and behind else _amount(before or behind, country)
            if phone is not None and amount is not None and _phone(before or behind, country) is None:
                readings.add((phone, amount))
    return readings


def _is_torn(beside: list[str], piece: str) -> bool:
    """May this outermost piece of a phone belong to the number beside it: `50 0 722000111`, `5 00 254722000111`?"""
    return bool(beside) and beside[-1].isdecimal() and piece.isdecimal() and (len(piece) == 1 or piece == "00")


def _without_fillers(tokens: list[str]) -> list[str]:
    return pieces.trimmed([pieces.BETWEEN if _FILLER.fullmatch(token) else token for token in tokens])


def _without_lone_currency(tokens: list[str], country: str) -> list[str]:
    """The tokens without the currency's name where no digits are at its side: then it belongs to the amount elsewhere."""
    currency = COUNTRIES[country].currency
    names = {currency.casefold(), *CURRENCIES[currency].words, *pieces.SIGNS_OF_AMOUNTS}
    has_digits = [False, *map(pieces.has_digit, tokens), False]
    return pieces.trimmed(
        [
            pieces.BETWEEN if token.casefold() in names and not (has_digits[place] or has_digits[place + 2]) else token
            for place, token in enumerate(tokens)
        ]
    )


def _without_four_digits(tokens: list[str]) -> list[tuple[str, list[str]]]:
    """Four digits that may be a PIN, in one piece or in groups, and the tokens without them, in every way."""
    return [
        (re.sub(r"\D", "", group), tokens[:place] + tokens[end:])
        for place in range(len(tokens))
        for end in range(place + 1, min(place + _MOST_PIN_TOKENS, len(tokens)) + 1)
        if _FOUR_DIGITS.fullmatch(group := " ".join(pieces.without_signs(tokens[place:end])))
    ]


def _save(verb: str, rest: list[str], country: str) -> Command:
    """An amount, and perhaps the name of a goal before or behind it."""
    tokens = pieces.trimmed(rest)
    savings = _savings(tokens, country)
    if len(savings) == 1:
        [(amount, words)] = savings
        _refuse_pin([words])
        if re.search(r"(?<![^\W_])(?:00|[0-9]+(?![^\W_]))", words):  # noughts: `1, 000/=` is no 1
            raise NotUnderstood(verb)
        return Command(verb, amount=amount, words=words)
    named = [saving for saving in savings if _ends_in_number(saving[1])]
    if len(savings) > 1 and len(named) == 1:
        return Command(verb, amount=named[0][0], words=named[0][1])
    # What nobody may choose as a PIN is none: a goal may be called by its year.
    others = [others for digits, others in _without_four_digits(tokens) if not pins.is_weak(digits)]
    if any(len(_savings(tokens, country)) == 1 for tokens in others):
        raise LooksLikeAPin
    raise NotUnderstood(verb)


def _ends_in_number(words: str) -> bool:
    """Is it a goal's name with a year behind it: `Car 2027`?"""
    *name, last = words.split() or [""]
    return bool(name) and all(map(str.isalpha, name)) and re.fullmatch(r"[0-9]{4}", last) is not None and pins.is_weak(last)


def _savings(tokens: list[str], country: str) -> list[tuple[Money, str]]:
    """Every amount in the tokens, in as many of them as it takes, and the words around it."""
    spans: list[tuple[int, int, Money]] = []
    is_in_name = False
    for begin in range(len(tokens)):
        ends = range(min(begin + _MOST_AMOUNT_TOKENS, len(tokens)), begin, -1)
        longest = next(((begin, end, amount) for end in ends if (amount := _amount(tokens[begin:end], country))), None)
        is_new = longest is not None and (is_in_name or not (spans and longest[1] <= spans[-1][1]))
        if longest is not None and is_new:
            spans.append(longest)
        # `Form 4 500`: a name may end in a number, and the amount begin behind it.
        before = tokens[begin - 1] if begin else ""
        is_in_name = is_new and tokens[begin].isdecimal() and any(map(str.isalpha, before)) and not _FILLER.fullmatch(before)
    return [(amount, _name(tokens[:begin] + tokens[end:])) for begin, end, amount in spans]


def _name(tokens: list[str]) -> str:
    """What a goal is called, without the little words around it: those within are parts of it (`Karo ya shule`)."""
    words = pieces.without_signs(tokens)
    places = [place for place, word in enumerate(words) if not _FILLER.fullmatch(word)]
    return " ".join(words[places[0] : places[-1] + 1]) if places else ""


def _number(verb: str, rest: list[str], country: str) -> Command:  # noqa: ARG001 - one shape for all readers
    parts = _without_words_beside(rest)
    digits = "".join(parts)
    # In groups it is one number only where none of them is a number by itself: `1042 10` is two.
    if re.fullmatch(r"[0-9]{4,6}", digits) and (len(parts) == 1 or max(map(len, parts)) < _LEAST_DIGITS):
        return Command(verb, number=digits)
    groups = [part for part in parts if re.fullmatch(r"[0-9.*-]+", part)]
    if len(groups) > 1 and _without_four_digits(groups):
        raise LooksLikeAPin
    raise NotUnderstood(verb)


def _language(verb: str, rest: list[str], country: str) -> Command:  # noqa: ARG001 - one shape for all readers
    _refuse_pin(rest)
    languages = {_LANGUAGE_OF_WORD[word.upper()] for word in rest if word.upper() in _LANGUAGE_OF_WORD}
    if len(languages) != 1:
        raise NotUnderstood(verb)
    return Command(verb, language=languages.pop())


def _words(verb: str, rest: list[str], country: str) -> Command:  # noqa: ARG001 - one shape for all readers
    _refuse_pin(rest)
    return Command(verb, words=" ".join(rest))


def _join(verb: str, rest: list[str], country: str) -> Command:  # noqa: ARG001 - one shape for all readers
    _refuse_pin(rest)
    return Command(verb, words=naming.name_in(" ".join(rest)))


def _phone(tokens: list[str], country: str) -> str | None:
    try:
        return reading.phone(" ".join(tokens), country)
    except BadPhone:
        return None


def _amount(tokens: list[str], country: str) -> Money | None:
    try:
        return reading.whole_amount(" ".join(tokens), COUNTRIES[country].currency)
    except BadAmount:
        return None


_READERS = {
    "send": _send,
    "save": _save,
    "confirm": _number,
    "apply": _number,
    "language": _language,
    "jobs": _words,
    "join": _join,
}
