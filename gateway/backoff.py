"""How long to wait before the next try."""

import random
from collections.abc import Iterator

_FIRST_SECONDS = 2.0
_LONGEST_SECONDS = 15.0


def growing_pauses() -> Iterator[float]:
    """Seconds to wait after each failure in a row: 1 to 2 at first, 8 to 15 at last, so that not all come back at once."""
    seconds = _FIRST_SECONDS
    while True:
        yield random.uniform(seconds / 2, seconds)  # noqa: S311 - spreads load, guards nothing
        seconds = min(seconds * 2, _LONGEST_SECONDS)
