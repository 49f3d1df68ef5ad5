"""Tariffs: what a transfer costs, by amount. They are data (`tariffs.toml`), each with the date from which it holds.

`jasho tariffs check` reads a file the way the service does and says in words what is wrong with it.
"""

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from core import clock
from core.countries import COUNTRY_OF_CURRENCY, CURRENCIES
from core.ledger.chart import EXCISE, FEES, SystemAccount
from core.ledger.refusals import AmountTooSmall, FeeRose, OverLimit
from core.ledger.transfer import Leg
from core.money import Money
from core.refusing import refuses

FILE = Path(__file__).parent / "tariffs.toml"
KINDS = ("send", "withdraw", "cash_in_commission", "cash_out_commission")


@dataclass(frozen=True, slots=True)
class Band:
    """Amounts up to and with `to` cost `fee`."""

    to: Money
    fee: Money


@dataclass(frozen=True, slots=True)
class Tariff:
    """`excise_percent` is the tax within each fee; `least` the smallest amount that may be moved."""

    kind: str
    currency: str
    starts: date
    excise_percent: int
    least: Money
    bands: tuple[Band, ...]

    @property
    def most(self) -> Money:
        """The largest amount that this tariff knows a price for."""
        return self.bands[-1].to


@dataclass(frozen=True, slots=True)
class Fee:
    """What the customer pays, in its parts: `net` is the service's, `excise` the state's."""

    net: Money
    excise: Money

    @property
    def total(self) -> Money:
        return self.net + self.excise

    @property
    def legs(self) -> tuple[Leg, ...]:
        """They credit each part to its account; a part that is zero has none."""
        parts = ((FEES, self.net), (EXCISE, self.excise))
        return tuple(Leg(SystemAccount(kind, part.currency), part.minor) for kind, part in parts if part.minor)


@dataclass(frozen=True, slots=True)
class Quote:
    """What moving `amount` costs: `charged` says how the fee is divided."""

    amount: Money
    charged: Fee

    @property
    def fee(self) -> Money:
        return self.charged.total

    @property
    def total(self) -> Money:
        return self.amount + self.fee


class BadTariffs(ValueError):
    """What is wrong with a tariff file, one line for each finding."""


@refuses(AmountTooSmall, OverLimit)
def fee(kind: str, amount: Money) -> Fee:
    """What moving `amount` costs today. OverLimit: it is beyond the last band."""
    tariff = current(kind, amount.currency)
    if amount < tariff.least:
        raise AmountTooSmall(least=tariff.least)
    for band in tariff.bands:
        if amount <= band.to:
            return _divided(band.fee, tariff.excise_percent)
    raise OverLimit(most=tariff.most)


@refuses(fee)
def quote(kind: str, amount: Money) -> Quote:
    """The fee beside the amount."""
    return Quote(amount, fee(kind, amount))


@refuses(FeeRose)
def check_agreed(fee_now: Money, agreed_fee: Money | None) -> None:
    """Refuses what costs more now than the fee that the customer was shown and said yes to. None: she was shown none."""
    if agreed_fee is not None and fee_now > agreed_fee:
        raise FeeRose(fee_now)


def current(kind: str, currency: str) -> Tariff:
    """The newest tariff of its kind that has begun."""
    today = clock.today(COUNTRY_OF_CURRENCY.get(currency, "KE"))
    begun = [tariff for tariff in _tariffs() if (tariff.kind, tariff.currency) == (kind, currency) and tariff.starts <= today]
    if not begun:
        raise LookupError(f"no tariff for {kind} in {currency} on {today}")
    return max(begun, key=lambda tariff: tariff.starts)


def read(text: str) -> tuple[Tariff, ...]:
    """The tariffs of a file's text. Raises BadTariffs with everything that is wrong."""
    try:
        tables = tomllib.loads(text).get("tariff", [])
    except tomllib.TOMLDecodeError as error:
        raise BadTariffs(f"not TOML: {error}") from error
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise BadTariffs("each tariff begins with [[tariff]]")
    findings = [finding for number, table in enumerate(tables, start=1) for finding in _findings(table, f"tariff {number}")]
    if not tables:
        findings.append("there is no [[tariff]] in it")
    if findings:
        raise BadTariffs("\n".join(findings))
    tariffs = tuple(_tariff(table) for table in tables)
    starts = [(tariff.kind, tariff.currency, tariff.starts) for tariff in tariffs]
    if twice := sorted(
        {f"{kind} in {currency} from {day}" for kind, currency, day in starts if starts.count((kind, currency, day)) > 1}
    ):
        raise BadTariffs(f"two tariffs for {', '.join(twice)}")
    return tariffs


@cache
def _tariffs() -> tuple[Tariff, ...]:
    return read(FILE.read_text())


def _findings(table: dict[str, Any], where: str) -> list[str]:
    """What is wrong with one [[tariff]], in the operator's words."""
    kinds = {"kind": str, "currency": str, "from": date, "excise_percent": int, "least": int, "bands": list}
    wrong = [
        f"{where}: `{name}` is missing or not a {kind.__name__}"
        for name, kind in kinds.items()
        if type(table.get(name)) is not kind
    ]
    if wrong:
        return wrong
    if table["kind"] not in KINDS:
        wrong.append(f"{where}: kind is one of {', '.join(KINDS)}")
    if table["currency"] not in CURRENCIES:
        wrong.append(f"{where}: currency is one of {', '.join(CURRENCIES)}")
    if not 0 <= table["excise_percent"] <= 100:
        wrong.append(f"{where}: excise_percent is between 0 and 100")
    return wrong + _band_findings(table, where)


def _band_findings(table: dict[str, Any], where: str) -> list[str]:
    bands = table["bands"]
    if not bands:
        return [f"{where}: it has no bands"]
    if any(not isinstance(band, dict) or type(band.get(name)) is not int for band in bands for name in ("to", "fee")):
        return [f"{where}: a band has a whole `to` and a whole `fee`"]
    wrong = []
    if not 0 < table["least"] <= bands[0]["to"]:
        wrong.append(f"{where}: `least` is above 0 and within the first band")
    for before, band in pairwise(bands):
        if band["to"] <= before["to"]:
            wrong.append(f"{where}: the band to {band['to']} comes after the one to {before['to']}")
        if band["fee"] < before["fee"]:
            wrong.append(f"{where}: the band to {band['to']} costs less than the one to {before['to']}")
    if bands[0]["fee"] < 0:
        wrong.append(f"{where}: a fee is never negative")
    return wrong


def _tariff(table: dict[str, Any]) -> Tariff:
    currency = table["currency"]
    bands = tuple(Band(Money.of_units(band["to"], currency), Money.of_units(band["fee"], currency)) for band in table["bands"])
    least = Money.of_units(table["least"], currency)
    return Tariff(table["kind"], currency, table["from"], table["excise_percent"], least, bands)


def _divided(total: Money, excise_percent: int) -> Fee:
    """The tax that a price contains: at 15%, 15 parts in 115, rounded to the nearest minor unit."""
    whole = 100 + excise_percent
    excise = Money((2 * total.minor * excise_percent + whole) // (2 * whole), total.currency)
    return Fee(total - excise, excise)
