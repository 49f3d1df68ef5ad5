"""Products: what each cover costs, what it pays and for how long. They are data (`products.toml`), with dates."""

import tomllib
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from core.countries import CURRENCIES
from core.i18n import _
from core.money import Money

FILE = Path(__file__).parent / "products.toml"

# What customers call each product of the file.
NAMES = {
    "hospital_cash": _("Hospital cash"),
    "funeral": _("Funeral"),
    "personal_accident": _("Accident"),
    "crop": _("Crops"),
}

# A notice is written three days before the end; a shorter term would begin with the notice.
_LEAST_TERM_DAYS = 7
_MOST_DAYS = 366
_NO_LEAP_YEAR = 2027


@dataclass(frozen=True, slots=True)
class Term:
    """The days that a premium buys: `waits_until` is the first day with cover, `ends` the first without."""

    starts: date
    waits_until: date
    ends: date

    @property
    def last_day(self) -> date:
        return self.ends - timedelta(days=1)

    def after(self, waited_until: date) -> "Term":
        """This term of a cover that goes on after a gap or at another price: it waits no longer than the cover had to."""
        return Term(self.starts, max(self.starts, waited_until), self.ends)


@dataclass(frozen=True, slots=True)
class Season:
    """(month, day) each: sold from `sold_from` to `sold_until`, covered to the end of the day `ends`."""

    sold_from: tuple[int, int]
    sold_until: tuple[int, int]
    ends: tuple[int, int]

    def end_for(self, day: date) -> date | None:
        """The first day without cover for somebody who buys on `day`; None where it is not sold then."""
        for year in (day.year - 1, day.year):
            first = date(year, *self.sold_from)
            last = _next(self.sold_until, first)
            if first <= day <= last:
                return _next(self.ends, last) + timedelta(days=1)
        return None


@dataclass(frozen=True, slots=True)
class Product:
    """It has `seasons`, or else `term_days` and `grace_days` and is renewed by itself. `starts` is when this version begins."""

    key: str
    starts: date
    price: Money
    cover: Money
    waiting_days: int
    term_days: int = 0
    grace_days: int = 0
    seasons: tuple[Season, ...] = ()

    @property
    def name(self) -> str:
        """What customers call the product: a message id."""
        return NAMES[self.key]

    def term(self, day: date) -> Term | None:
        """The term that a purchase on `day` buys; None where the product is not sold then."""
        ends = [end for season in self.seasons if (end := season.end_for(day))]
        if not self.seasons:
            ends = [day + timedelta(days=self.term_days)]
        return Term(day, day + timedelta(days=self.waiting_days), ends[0]) if ends else None

    def sold_next(self, day: date) -> date:
        """The first day from `day` on that the product is sold on."""
        if self.term(day) is not None:
            return day
        return min(_next(season.sold_from, day) for season in self.seasons)


class BadProducts(ValueError):
    """What is wrong with a product file, a line for each finding."""


def list_current(currency: str, day: date) -> list[Product]:
    """Every product of the currency in its version of that day, in the file's order."""
    newest: dict[str, Product] = {}
    for product in _products():
        if product.price.currency == currency and product.starts <= day:
            other = newest.setdefault(product.key, product)
            newest[product.key] = max(other, product, key=lambda version: version.starts)
    return list(newest.values())


def find(key: str, currency: str, day: date) -> Product | None:
    """The product in its version of that day."""
    return next((product for product in list_current(currency, day) if product.key == key), None)


def read(text: str) -> tuple[Product, ...]:
    """The products of a file's text. Raises BadProducts, with every finding."""
    try:
        tables = tomllib.loads(text).get("product", [])
    except tomllib.TOMLDecodeError as error:
        raise BadProducts(f"not TOML: {error}") from error
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise BadProducts("each product begins with [[product]]")
    findings = [finding for number, table in enumerate(tables, start=1) for finding in _findings(table, f"product {number}")]
    if not tables:
        findings.append("there is no [[product]] in it")
    if findings:
        raise BadProducts("\n".join(findings))
    products = tuple(_product(table) for table in tables)
    versions = [f"{product.key} in {product.price.currency} from {product.starts}" for product in products]
    if twice := sorted({version for version in versions if versions.count(version) > 1}):
        raise BadProducts(f"two products {', '.join(twice)}")
    return products


@cache
def _products() -> tuple[Product, ...]:
    return read(FILE.read_text())


def _findings(table: dict[str, Any], where: str) -> list[str]:
    """What is wrong with one [[product]], in the operator's words."""
    kinds = {"key": str, "currency": str, "from": date, "price": int, "cover": int, "waiting_days": int}
    kinds |= {"seasons": list} if "seasons" in table else {"term_days": int, "grace_days": int}
    wrong = [
        f"{where}: `{name}` is missing or not a {kind.__name__}"
        for name, kind in kinds.items()
        if type(table.get(name)) is not kind
    ]
    wrong += [f"{where}: `{name}` does not belong there" for name in table if name not in kinds]
    if wrong:
        return wrong
    if table["key"] not in NAMES:
        wrong.append(f"{where}: key is one of {', '.join(NAMES)}")
    if table["currency"] not in CURRENCIES:
        wrong.append(f"{where}: currency is one of {', '.join(CURRENCIES)}")
    if not 0 < table["price"] < table["cover"]:
        wrong.append(f"{where}: price is above 0 and below cover")
    # Without a waiting time people would buy cover for what happened this morning.
    if not 1 <= table["waiting_days"] <= _MOST_DAYS:
        wrong.append(f"{where}: waiting_days is between 1 and {_MOST_DAYS}")
    return wrong + (_season_findings(table, where) if "seasons" in table else _term_findings(table, where))


def _term_findings(table: dict[str, Any], where: str) -> list[str]:
    wrong = []
    if not _LEAST_TERM_DAYS <= table["term_days"] <= _MOST_DAYS:
        wrong.append(f"{where}: term_days is between {_LEAST_TERM_DAYS} and {_MOST_DAYS}")
    elif table["waiting_days"] >= table["term_days"]:
        wrong.append(f"{where}: who buys it is never covered: waiting_days is below term_days")
    if not 0 <= table["grace_days"] <= table["term_days"]:
        wrong.append(f"{where}: grace_days is between 0 and term_days")
    return wrong


def _season_findings(table: dict[str, Any], where: str) -> list[str]:
    names = ("sold_from", "sold_until", "ends")
    if not table["seasons"]:
        return [f"{where}: it has no seasons"]
    if any(not isinstance(season, dict) or set(season) != set(names) for season in table["seasons"]):
        return [f"{where}: a season has {', '.join(names)}"]
    days = [season[name] for season in table["seasons"] for name in names]
    if strange := [day for day in days if _month_and_day(day) is None]:
        return [f"{where}: {day!r} is no day/month that every year has, such as '15/04'" for day in strange]
    wrong = []
    seasons = [_season(season) for season in table["seasons"]]
    for day in (date(_NO_LEAP_YEAR, 1, 1) + timedelta(days=number) for number in range(_MOST_DAYS)):
        ends = [end for season in seasons if (end := season.end_for(day))]
        if len(ends) > 1:
            wrong.append(f"{where}: two seasons are sold on {day:%d/%m}")
        elif ends and ends[0] <= day + timedelta(days=table["waiting_days"]):
            wrong.append(f"{where}: who buys it on {day:%d/%m} is never covered")
    return wrong[:1]


def _product(table: dict[str, Any]) -> Product:
    price, cover = (Money.of_units(table[name], table["currency"]) for name in ("price", "cover"))
    seasons = tuple(_season(season) for season in table.get("seasons", ()))
    days = {name: table.get(name, 0) for name in ("waiting_days", "term_days", "grace_days")}
    return Product(table["key"], table["from"], price, cover, **days, seasons=seasons)


def _season(table: dict[str, str]) -> Season:
    days = [_month_and_day(table[name]) for name in ("sold_from", "sold_until", "ends")]
    sold_from, sold_until, ends = (day for day in days if day is not None)
    return Season(sold_from, sold_until, ends)


def _month_and_day(text: object) -> tuple[int, int] | None:
    """(month, day) of `day/month`, two digits each; None where that is no day of every year."""
    if not isinstance(text, str) or len(text) != len("dd/mm"):
        return None
    try:
        day = date.fromisoformat(f"{_NO_LEAP_YEAR}-{text[3:]}-{text[:2]}")
    except ValueError:
        return None
    return (day.month, day.day) if f"{day:%d/%m}" == text else None


def _next(month_and_day: tuple[int, int], day: date) -> date:
    """The first such day from `day` on."""
    this_year = date(day.year, *month_and_day)
    return this_year if this_year >= day else date(day.year + 1, *month_and_day)
