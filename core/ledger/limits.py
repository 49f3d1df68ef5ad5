"""Limits: how much may move at once, in a day, and into one wallet. `limits.toml` holds them, each with its first day.

The ledger checks them in the call that moves the money, on rows that it has locked: no race passes them.
"""

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from pathlib import Path

import msgspec

from core.countries import CURRENCIES

FILE = Path(__file__).parent / "limits.toml"

VERIFIED = "verified"
UNVERIFIED = "unverified"


@dataclass(frozen=True, slots=True)
class Limit:
    """All in minor units: `transfer` at once, `day` in a calendar day, `balance` in the wallet, `sms` by SMS in 24 hours."""

    tier: str
    currency: str
    starts: date
    transfer: int
    day: int
    balance: int
    sms: int


@lru_cache(maxsize=4)
def as_json(today: date) -> str:
    """The limits of a day, in the form that the ledger's function takes."""
    return msgspec.json.encode({f"{limit.tier} {limit.currency}": limit for limit in list_current(today)}).decode()


def list_current(today: date) -> list[Limit]:
    """The newest limit that has begun, of each tier and currency."""
    begun = sorted((limit for limit in _limits() if limit.starts <= today), key=lambda limit: limit.starts)
    return list({(limit.tier, limit.currency): limit for limit in begun}.values())


def get(tier: str, currency: str, today: date) -> Limit:
    """Raises LookupError where there is none."""
    for limit in list_current(today):
        if (limit.tier, limit.currency) == (tier, currency):
            return limit
    raise LookupError(f"no limit for {tier} in {currency} on {today}")


@cache
def _limits() -> tuple[Limit, ...]:
    return tuple(
        Limit(
            tier=table["tier"],
            currency=table["currency"],
            starts=table["from"],
            **{
                name: table[name] * 10 ** CURRENCIES[table["currency"]].minor_digits
                for name in ("transfer", "day", "balance", "sms")
            },
        )
        for table in tomllib.loads(FILE.read_text())["limit"]
    )
