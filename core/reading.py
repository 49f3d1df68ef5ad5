"""Reads what people write, for every channel."""

import re
import unicodedata
from datetime import date

from core.errors import BadAmount, BadDate
from core.money import Money, NotAnAmount
from core.refusing import refuses

# Day, month, year, separated or not: some phones' keypads have no slash.
_DATE = re.compile(r"(\d{1,2})[/. -](\d{1,2})[/. -](\d{4}|\d{2})|(\d{2})(\d{2})(\d{4})", re.ASCII)


def tidy(text: str) -> str:
    """A text on one line, with single spaces and composed accents: an accent typed apart would not count as part of a letter."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


@refuses(BadAmount)
def amount(text: str, currency: str) -> Money:
    """An amount above zero, cents allowed."""
    try:
        read = Money.parse(text, currency)
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
    """A day: `31/12/2026`, `31-12-26`, `31.12.2026`, `31122026`. The caller decides whether the day makes sense."""
    match = _DATE.fullmatch(text.strip())
    if match is None:
        raise BadDate
    number, month, year = (int(part) for part in match.groups() if part is not None)
    try:
        return date(year if year >= 100 else 2000 + year, month, number)
    except ValueError as error:
        raise BadDate from error
