"""The countries that the service knows and their currencies, in one table: a new country is a row here.

`docs/decisions/` says why one deployment serves one of them.
"""

from dataclasses import dataclass
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Currency:
    """`minor_digits` follow the point (ISO 4217). `words` are how people there write it: no other country's
    currency is meant by them.

    `round_up_units` is what sends are rounded up to, in whole units.
    """

    minor_digits: int
    round_up_units: int
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Country:
    """`languages` are those of its menus, the usual one first. `phone_digits`: of a mobile number as it is written at home.

    `network` is the mobile money network that people mean (a key of `core.rail.NETWORKS`).
    """

    currency: str
    zone: ZoneInfo
    languages: tuple[str, ...]
    phone_digits: int
    network: str


_SHILLINGS = ("sh", "shs", "shilling", "shillings", "shilingi")
CURRENCIES = {
    "KES": Currency(2, 50, ("ksh", "kshs", "bob", *_SHILLINGS)),
    "UGX": Currency(0, 1_000, ("ush", "ushs", *_SHILLINGS)),
    "TZS": Currency(2, 1_000, ("tsh", "tshs", *_SHILLINGS)),
    "RWF": Currency(0, 500, ("frw",)),
    "USD": Currency(2, 5),
}

# By ISO 3166 code, two letters.
COUNTRIES = {
    "KE": Country("KES", ZoneInfo("Africa/Nairobi"), ("en", "sw"), 10, "mpesa"),
    "UG": Country("UGX", ZoneInfo("Africa/Kampala"), ("en", "sw"), 10, "mpesa"),
    "TZ": Country("TZS", ZoneInfo("Africa/Dar_es_Salaam"), ("sw", "en"), 10, "mpesa"),
    "RW": Country("RWF", ZoneInfo("Africa/Kigali"), ("en", "sw"), 10, "mpesa"),
}
COUNTRY_OF_CURRENCY = {country.currency: code for code, country in COUNTRIES.items()}
