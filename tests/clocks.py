"""A machine whose clock is wrong. Unlike `clock.at`, which plays the time of everything, the database's stays as it is."""

from datetime import datetime, timedelta, tzinfo
from typing import Self

import pytest

from core import clock


def move_clock(monkeypatch: pytest.MonkeyPatch, ahead_seconds: float) -> None:
    """Until the monkeypatch is undone."""

    class Moved(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return super().now(tz) + timedelta(seconds=ahead_seconds)

    monkeypatch.setattr(clock, "datetime", Moved)
