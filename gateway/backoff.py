"""How long to wait before the next try."""

import random
from collections.abc import Iterator

_FIRST_SECONDS = 2.0
_LONGEST_SECONDS = 15.0
_SHORT_SECONDS = 0.5


def short_pauses() -> Iterator[float]:
    """Seconds to wait after each failure in a row for what customers wait for: a quarter to half a second."""
    return growing_pauses(_SHORT_SECONDS, _SHORT_SECONDS)


def growing_pauses(first_seconds: float = _FIRST_SECONDS, longest_seconds: float = _LONGEST_SECONDS) -> Iterator[float]:
    """Seconds to wait after each failure in a row: 1 to 2 at first, 8 to 15 at last, so that not all come back at once."""
    seconds = first_seconds
    while True:
        yield random.uniform(seconds / 2, seconds)  # noqa: S311 - spreads load, guards nothing
        seconds = min(seconds * 2, longest_seconds)
