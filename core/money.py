"""Amounts of money: whole minor units and a currency, never a float."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from core.countries import CURRENCIES

# Thousands behind commas or spaces. `500 600` may be two amounts, and `0 500` is none for sure: before a space stand one or two
# digits that are not noughts, or three where only noughts follow.
_TEXT = re.compile(r"(?P<whole>\d{1,3}(?:,\d{3})+|[1-9]\d?(?: \d{3})+|[1-9]\d\d(?: 000)+|\d+)(?:\.(?P<part>\d{1,2}))?", re.ASCII)
# No amount that a person can type comes near the most that a 64-bit column holds.
_MOST_DIGITS = 15
_MOST_CHARACTERS = 60


@cache
def _written(currency: str) -> re.Pattern[str]:
    """What people write before and behind the digits: the currency's name, and the dash of shillings without cents."""
    name = "|".join([currency, *sorted(CURRENCIES[currency].words, key=len, reverse=True)])
    return re.compile(rf"\A(?:(?:{name})\.?:?|/=)\ *|\ *(?:/[=-]?|=)?\ *(?:(?:{name})\.?)?\Z", re.IGNORECASE | re.ASCII)


class NotAnAmount(ValueError):
    """The text is not an amount of this currency."""


@dataclass(frozen=True, slots=True)
class Money:
    """`minor` counts the currency's smallest unit: `Money(50_000, "KES")` is five hundred shillings."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if self.currency not in CURRENCIES:
            raise ValueError(f"{self.currency!r} is not a currency of this service")

    @classmethod
    def parse(cls, text: str, currency: str) -> Money:
        """Reads what a person writes: `500`, `1,500.50`, `1 500`, `KES 500`, `Ksh. 500/-`, `500 bob`. Raises NotAnAmount."""
        match = _TEXT.fullmatch(_written(currency).sub("", text.strip())) if len(text) <= _MOST_CHARACTERS else None
        if match is None:
            raise NotAnAmount(text)
        digits = CURRENCIES[currency].minor_digits
        whole, part = re.sub("[, ]", "", match["whole"]).lstrip("0"), match["part"] or ""
        if len(whole) > _MOST_DIGITS or len(part.rstrip("0")) > digits:
            raise NotAnAmount(text)
        return cls(int(whole or "0") * 10**digits + int(part.ljust(digits, "0")[:digits] or "0"), currency)

    @classmethod
    def of_units(cls, units: int, currency: str) -> Money:
        """An amount of whole units: `Money.of_units(500, "KES")` is five hundred shillings."""
        return cls(units * 10 ** CURRENCIES[currency].minor_digits, currency)

    @property
    def is_whole(self) -> bool:
        """It has no cents."""
        per_unit: int = 10 ** CURRENCIES[self.currency].minor_digits
        return self.minor % per_unit == 0

    def __str__(self) -> str:
        """For people: `KES 12,500`, with cents only where there are any: `KES 12,500.50`. All of it is in GSM 03.38."""
        digits = CURRENCIES[self.currency].minor_digits
        whole, part = divmod(abs(self.minor), 10**digits)
        sign = "-" if self.minor < 0 else ""
        cents = f".{part:0{digits}d}" if part else ""
        return f"{sign}{self.currency} {whole:,}{cents}"

    @property
    def plain(self) -> str:
        """For programs: `12500.50`, with all of the currency's digits and without its name."""
        digits = CURRENCIES[self.currency].minor_digits
        whole, part = divmod(abs(self.minor), 10**digits)
        sign = "-" if self.minor < 0 else ""
        return f"{sign}{whole}.{part:0{digits}d}" if digits else f"{sign}{whole}"

    def _minor_of_same_currency(self, other: Money) -> int:
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not mix")
        return other.minor

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._minor_of_same_currency(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._minor_of_same_currency(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._minor_of_same_currency(other)

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._minor_of_same_currency(other)

    def __gt__(self, other: Money) -> bool:
        return self.minor > self._minor_of_same_currency(other)

    def __ge__(self, other: Money) -> bool:
        return self.minor >= self._minor_of_same_currency(other)
