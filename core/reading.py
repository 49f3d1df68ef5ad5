"""Reading what people write: one reader for every channel."""

import re
import unicodedata
from datetime import date

from core.errors import BadAmount, BadDate
from core.money import Money, NotAnAmount
from core.refusing import refuses

# Day, month, year, with something between them or, for keys that have no slash, nothing.
_DATE = re.compile(r"(\d{1,2})[/. -](\d{1,2})[/. -](\d{4}|\d{2})|(\d{2})(\d{2})(\d{4})", re.ASCII)


def tidy(text: str) -> str:
    """A text on one line, with single spaces, its accents composed: an accent typed apart would count as no letter."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


@refuses(BadAmount)
def amount(text: str, currency: str) -> Money:
    """An amount above nothing, cents allowed."""
    try:
        read = Money.parse(text, currency)
    except NotAnAmount as error:
        raise BadAmount from error
    if read.minor <= 0:
        raise BadAmount
    return read


@refuses(amount)
def whole_amount(text: str, currency: str) -> Money:
    """An amount above nothing, in whole units: what a phone takes."""
    read = amount(text, currency)
    if not read.is_whole:
        raise BadAmount
    return read


@refuses(BadDate)
def day(text: str) -> date:
    """A day: `31/12/2026`, `31-12-26`, `31.12.2026`, `31122026`. Whether the day makes sense is for others."""
    match = _DATE.fullmatch(text.strip())
    if match is None:
        raise BadDate
    number, month, year = (int(part) for part in match.groups() if part is not None)
    try:
        return date(year if year >= 100 else 2000 + year, month, number)
    except ValueError as error:
        raise BadDate from error
