"""Journeys as plain text, which product people can read and write.

    # a comment
    0711000001 dials *384*96#
    | the screen, line by line: the session goes on
    > what is typed
    || the screen that ends the session
    0722000002 gets: the SMS that has arrived since, in the order they were sent

`{reference}` and `{today}` stand for what differs from run to run. A number that has not been heard of is a new customer's.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from core import clock


class Wrong(AssertionError):
    """The phone showed something else than the journey says."""


@dataclass
class Act:
    """Something that happens (`dials`, `>`, `gets:`) and the screen that must follow."""

    line: int
    phone: str
    verb: str
    text: str
    screen: list[str] = field(default_factory=list)
    is_open: bool = True


_ACT = re.compile(r"(?P<phone>\+?\d{9,13}) (?P<verb>dials|gets:) (?P<text>.+)")


def read(path: Path) -> list[Act]:
    """The journey's acts. Raises ValueError, naming the line, for a line that means nothing."""
    acts: list[Act] = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        if found := _ACT.fullmatch(line):
            acts.append(Act(number, found["phone"], found["verb"].rstrip(":"), found["text"]))
        elif line.startswith(">") and acts:
            acts.append(Act(number, acts[-1].phone, "types", line[1:].removeprefix(" ")))
        elif line.startswith("|") and acts:
            acts[-1].is_open = not line.startswith("||")
            acts[-1].screen.append(line.lstrip("|").removeprefix(" "))
        else:
            raise ValueError(f"{path.name}:{number}: neither an act nor a screen: {line!r}")
    return acts


def matches(expected: str, shown: str) -> bool:
    """Is it the same text, whatever today and the reference are?"""
    pattern = re.escape(expected)
    pattern = pattern.replace(re.escape("{reference}"), "[0-9A-HJKMNP-TV-Z]{10}")
    pattern = pattern.replace(re.escape("{today}"), f"{clock.day(clock.now(), 'KE'):%d/%m}")
    return re.fullmatch(pattern, shown) is not None
