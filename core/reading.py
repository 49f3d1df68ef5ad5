"""Reads what people write, for every channel."""

import re
import unicodedata
from datetime import date

from core import phones, septets
from core.errors import BadAmount, BadDate, BadText
from core.money import Money, NotAnAmount
from core.refusing import refuses

# Day, month, year, separated or not: some phones' keypads have no slash.
_DATE = re.compile(r"(\d{1,2})[/. -](\d{1,2})[/. -](\d{4}|\d{2})|(\d{2})(\d{2})(\d{4})", re.ASCII)
# What may stand before a number and behind it, and is none of its signs.
_QUOTES, _ENDS = " \"';", " \"'.,;:!?#"
# Nothing is seen of these, though Unicode counts them among marks, letters and signs: fillers, variation selectors, keycaps.
_UNSEEN = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u20e3\u2800\u3164\uffa0"
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0), *range(0x180B, 0x1810))))
)
_LINE_ENDS = re.compile(r"[\n\v\f\r\x85\u2028\u2029]+")
# Unicode's own bound for a stream of text (UAX 15).
_MOST_MARKS = 30
# Letters, digits and signs as wide as a Chinese one, and the plain ones.
_NARROW = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)}


def clean(text: str) -> str:
    """What somebody typed, as she sees it: every channel lets it through here before anything reads it.

    Control characters, and those that are invisible or turn the direction of writing, are dropped. Spaces of every kind are
    plain spaces, with none around the text; curly quotes, dashes and wide letters are those of a keyboard, digits of every
    script 0 to 9, accents composed. Nothing else changes: `5\u00b2` is no 52. Half of a surrogate pair becomes U+FFFD.
    """
    if text.isascii() and text.isprintable() and "`" not in text:
        return text.strip()
    text = _without_heaps(text)
    # Composed before and after: a few signs are a keyboard's only then, and what was dropped may have kept an accent apart.
    composed = unicodedata.normalize("NFC", text)
    seen = "".join(map(_seen, composed.translate(septets.KEYBOARD).translate(_NARROW)))
    return unicodedata.normalize("NFC", seen).strip()


def _without_heaps(text: str) -> str:
    """The text without the marks of a letter that has more than a script writes: to order them takes the square of them."""
    kept, heap = [], 0
    for character in text:
        heap = heap + 1 if unicodedata.combining(character) else 0
        if heap <= _MOST_MARKS:
            kept.append(character)
    return "".join(kept)


def _seen(character: str) -> str:
    kind = unicodedata.category(character)
    if character in "\t\n\v\f\r\x85" or kind.startswith("Z"):
        return " "
    if kind in ("Cc", "Cf") or character in _UNSEEN:
        return ""
    if kind == "Nd":
        return str(unicodedata.decimal(character))
    return "\ufffd" if kind == "Cs" else character


def mark_lines(text: str) -> str:
    """The text with a semicolon for each end of a line: it ends a sentence, or a number."""
    return _LINE_ENDS.sub(" ; ", text)


def without_accents(text: str) -> str:
    """A cleaned text with plain letters, to find words in: `stóp`, bold letters."""
    if text.isascii():
        return text
    return "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))


def without_pictures(text: str) -> str:
    """A cleaned text with a semicolon for each emoji: one parts what is on both its sides.

    What a bad byte became stays, because nobody knows what it was.
    """
    if text.isascii():
        return text
    return "".join(" ; " if unicodedata.category(sign) in ("So", "Sk") and sign != "\ufffd" else sign for sign in text)


def _bare(text: str) -> str:
    """A number without what people put around it."""
    return without_pictures(clean(mark_lines(text))).lstrip(_QUOTES).rstrip(_ENDS)


def tidy(text: str) -> str:
    """A text on one line: single spaces, plain quotes, ligatures taken apart, accents composed to be parts of their letters."""
    plain_quotes = unicodedata.normalize("NFKC", _without_heaps(text).translate(septets.KEYBOARD)).translate(septets.KEYBOARD)
    return " ".join(plain_quotes.split())


@refuses(BadText)
def words(text: str, most_septets: int) -> str:
    """A text that others will read on a phone, on one line: what a phone cannot show is refused, or they would read `?`."""
    line = tidy(text)
    if not is_shown(line, most_septets):
        raise BadText
    return line


def is_shown(line: str, most_septets: int) -> bool:
    """Is there something in the line, and can a phone show all of it in so much room?"""
    return septets.is_shown(line) and 0 < septets.count(septets.plain(line)) <= most_septets


@refuses(phones.parse_at_home)
def phone(text: str, country: str) -> str:
    """E.164 of this country's mobile number, in every way that people write one (core/phones.py), with signs around it."""
    return phones.parse_at_home(_bare(text), country)


@refuses(BadAmount)
def amount(text: str, currency: str) -> Money:
    """An amount above zero, cents allowed, in every way that people write one (core/money.py), with signs around it."""
    try:
        read = Money.parse(_bare(text), currency)
    except NotAnAmount as error:
        raise BadAmount from error
    if read.minor <= 0:
        raise BadAmount
    return read


@refuses(amount)
def whole_amount(text: str, currency: str) -> Money:
    """An amount above zero, in whole units: what phones accept."""
    read = amount(text, currency)
    if not read.is_whole:
        raise BadAmount
    return read


@refuses(BadDate)
def day(text: str) -> date:
    """A day: `31/12/2026`, `31-12-26`, `31.12.2026`, `31122026`, with signs around it.

    The caller decides whether the day makes sense.
    """
    match = _DATE.fullmatch(_bare(text))
    if match is None:
        raise BadDate
    number, month, year = (int(part) for part in match.groups() if part is not None)
    try:
        return date(year if year >= 100 else 2000 + year, month, number)
    except ValueError as error:
        raise BadDate from error
