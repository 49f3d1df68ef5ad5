"""Tariffs: what a transfer costs, by amount. They are data (`tariffs.toml`), each with the date from which it holds."""

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from core import clock
from core.errors import OverLimit
from core.money import MINOR_DIGITS, Money

FILE = Path(__file__).parent / "tariffs.toml"


@dataclass(frozen=True, slots=True)
class Band:
    """Amounts up to and with `to` cost `fee`."""

    to: Money
    fee: Money


@dataclass(frozen=True, slots=True)
class Tariff:
    kind: str
    currency: str
    starts: date
    bands: tuple[Band, ...]

    @property
    def most(self) -> Money:
        """The largest amount that this tariff knows a price for."""
        return self.bands[-1].to


def fee(kind: str, amount: Money) -> Money:
    """What moving `amount` costs today. Raises OverLimit beyond the last band."""
    tariff = current(kind, amount.currency)
    for band in tariff.bands:
        if amount <= band.to:
            return band.fee
    raise OverLimit(most=tariff.most)


def current(kind: str, currency: str) -> Tariff:
    """The newest tariff of its kind that has begun."""
    today = clock.now().date()
    begun = [tariff for tariff in _tariffs() if (tariff.kind, tariff.currency) == (kind, currency) and tariff.starts <= today]
    if not begun:
        raise LookupError(f"no tariff for {kind} in {currency} on {today}")
    return max(begun, key=lambda tariff: tariff.starts)


@cache
def _tariffs() -> tuple[Tariff, ...]:
    return tuple(
        Tariff(
            kind=table["kind"],
            currency=table["currency"],
            starts=table["from"],
            bands=tuple(
                Band(_units(band["to"], table["currency"]), _units(band["fee"], table["currency"])) for band in table["bands"]
            ),
        )
        for table in tomllib.loads(FILE.read_text())["tariff"]
    )


def _units(whole: int, currency: str) -> Money:
    return Money(whole * 10 ** MINOR_DIGITS[currency], currency)
