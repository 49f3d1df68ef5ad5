"""The kinds of SMS, as `kinds.toml` has them: how urgent each is, how long it is good, and how many a number may get."""

import tomllib
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path

FILE = Path(__file__).parent / "kinds.toml"

CODE, SECURITY, RECEIPT, REMINDER = "code", "security", "receipt", "reminder"


@dataclass(frozen=True, slots=True)
class SmsKind:
    """`wait`: how long a delivery report is waited for. The two `most_...` are None where nothing bounds them."""

    name: str
    priority: int
    lasts: timedelta
    wait: timedelta
    is_declinable: bool
    most_in_an_hour: int | None
    most_in_a_day: int | None


@cache
def by_name() -> dict[str, SmsKind]:
    """All kinds, by their names."""
    return {
        name: SmsKind(
            name=name,
            priority=table["priority"],
            lasts=timedelta(minutes=table["lasts_minutes"]),
            wait=timedelta(seconds=table["wait_seconds"]),
            is_declinable=table["is_declinable"],
            most_in_an_hour=table.get("most_in_an_hour"),
            most_in_a_day=table.get("most_in_a_day"),
        )
        for name, table in tomllib.loads(FILE.read_text()).items()
    }


def of(name: str) -> SmsKind:
    """The kind of that name; a receipt where the name is unknown."""
    return by_name().get(name) or by_name()[RECEIPT]
