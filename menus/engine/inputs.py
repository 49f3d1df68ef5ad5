"""What people type, read or refused."""

import datetime
import re

from core import phones
from core.errors import BadAmount, BadDate
from core.money import Money, NotAnAmount
from menus.engine.session import Step

# Day, month, year, with something between them or, for keys that have no slash, nothing.
_DATE = re.compile(r"(\d{1,2})[/. -](\d{1,2})[/. -](\d{4}|\d{2})|(\d{2})(\d{2})(\d{4})", re.ASCII)


def phone(step: Step) -> str:
    """A mobile number in E.164. Raises BadPhone."""
    return phones.parse(step.text, step.runtime.settings.country)


def amount(step: Step) -> Money:
    """A whole amount above nothing, in the customer's currency. Raises BadAmount."""
    try:
        read = Money.parse(step.text, step.session.registered.currency)
    except NotAnAmount as error:
        raise BadAmount from error
    if read.minor <= 0 or not read.is_whole:
        raise BadAmount
    return read


def date(step: Step) -> datetime.date:
    """A day: `31/12/2026`, `31-12-26`, `31.12.2026`, `31122026`. Raises BadDate; whether the day makes sense is for others."""
    match = _DATE.fullmatch(step.text.strip())
    if match is None:
        raise BadDate
    day, month, year = (int(part) for part in match.groups() if part is not None)
    try:
        return datetime.date(year if year >= 100 else 2000 + year, month, day)
    except ValueError as error:
        raise BadDate from error
