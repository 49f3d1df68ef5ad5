"""Reads what the office types, and says each refusal in one line with what to do about it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from core import reading
from core.errors import BadAmount, BadPhone, BadText, Refusal
from core.money import Money
from core.settings import Settings
from core.staff import Staff
from gateway.cli.command import Failure

Advice = Mapping[type[Refusal], str]


@contextmanager
def in_words(advice: Advice, **params: str) -> Iterator[None]:
    """Turns a refusal into a Failure in the words of `advice`, or else in its own; `params` and the refusal's fill them."""
    try:
        yield
    except Refusal as refusal:
        raise Failure(advice.get(type(refusal), refusal.sentence).format(**{**params, **refusal.params})) from refusal


def staff(name: str) -> Staff:
    """The member of staff who does it. Raises Failure."""
    try:
        return Staff.named(name)
    except BadText as error:
        raise Failure("--by is a name, 40 characters at most") from error


def phone(text: str, settings: Settings) -> str:
    """A mobile number in E.164. Raises Failure."""
    try:
        return reading.phone(text, settings.country)
    except BadPhone as error:
        raise Failure(f"{text} is not a mobile number: write it like 0711000001") from error


def amount(text: str, settings: Settings, option: str = "") -> Money:
    """An amount above nothing; `option` names the option it was given to. Raises Failure."""
    try:
        return reading.amount(text, settings.currency)
    except BadAmount as error:
        where, currency = option and f"{option}: ", settings.currency
        raise Failure(f"{where}{text} is not an amount of {currency} above nothing: write it like 5000 or 5000.50") from error
