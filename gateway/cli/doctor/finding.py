"""What a check has found."""

from dataclasses import dataclass
from enum import StrEnum

from core.settings import Settings


class State(StrEnum):
    """`broken` has to be mended before customers are served, `weak` should be."""

    OK = "ok"
    WEAK = "weak"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was seen, and what to do where it is not well. Neither holds a secret, nor an address that could hold one."""

    state: State
    seen: str
    do: str = ""


def well(seen: str) -> Finding:
    return Finding(State.OK, seen)


def weak(seen: str, do: str) -> Finding:
    return Finding(State.WEAK, seen, do)


def broken(seen: str, do: str) -> Finding:
    return Finding(State.BROKEN, seen, do)


def wrong(settings: Settings, seen: str, do: str) -> Finding:
    """Broken in production; on a developer's machine, where nobody's money is, weak."""
    return weak(seen, do) if settings.is_local else broken(seen, do)
