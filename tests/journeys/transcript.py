"""Journeys as plain text, which product people can read and write.

    # a comment
    0711000001 dials *384*96#
    | the screen, line by line: the session goes on
    > what is typed
    || the screen that ends the session
    0711000001 sends: an SMS to the service
    0722000002 gets: the SMS that has arrived since, in the order they were sent
    0711000001 pays (says yes to the M-Pesa prompt on that phone; `cancels` says no)
    staff switch off send (or `on`: what `jasho switch` does)
    prices rise by KES 5 (every fee, and every cover's price; `fall` in the same way)
    0722000111 passes to Neema Achieng (its owner, if it has one, closes her account; the new one registers)
    15 days pass, and the worker does what each of them brings

`{reference}`, `{number}` (five or six digits), `{today}` and `{moment}` (a day and a time) stand for what differs from run to
run, and `{today+14}` or `{today-3}`, typed too, for a day and its year. `{code}` is the one-time code of an SMS, and typed again
the last one that the phone got. ` / ` is a line break in an SMS. A number that has not been heard of is a new customer's.
"""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from core import clock


class Wrong(AssertionError):
    """The phone showed something else than the journey says."""


@dataclass
class Act:
    """Something that happens (`dials`, `>`, `sends:`, `gets:`, `pays`, `passes to`, `pass` ...), and the screen that follows.

    `days` have passed since the journey began, those of a `pass` included.
    """

    line: int
    phone: str
    verb: str
    text: str
    screen: list[str] = field(default_factory=list)
    is_open: bool = True
    days: int = 0


_ACT = re.compile(r"(?P<phone>\+?\d{9,13}) (?:(?P<verb>dials|gets:|sends:) (?P<text>.+)|(?P<answer>pays|cancels))")
_PASS = re.compile(r"(?P<days>\d{1,3}) days pass(?:,.*)?")
_PRICES = re.compile(r"prices (?P<turn>rise|fall) by KES (?P<units>\d{1,3})")
_PASSES = re.compile(r"(?P<phone>\+?\d{9,13}) passes to (?P<name>[A-Za-z ]+)")
_STAFF = re.compile(r"staff switch (?P<turn>off|on) (?P<name>[a-z:-]+)")
_DAY = re.compile(r"\{today([+-]\d{1,3})\}")


def read(path: Path) -> list[Act]:
    """The journey's acts. Raises ValueError, naming the line, for a line that means nothing."""
    acts: list[Act] = []
    days = 0
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        if found := _ACT.fullmatch(line):
            verb = (found["verb"] or found["answer"]).rstrip(":")
            acts.append(Act(number, found["phone"], verb, found["text"] or "", days=days))
        elif line.startswith(">") and acts:
            phone = next(act.phone for act in reversed(acts) if act.phone)
            acts.append(Act(number, phone, "types", line[1:].removeprefix(" "), days=days))
        elif turned := _STAFF.fullmatch(line):
            acts.append(Act(number, "", f"switch {turned['turn']}", turned["name"], days=days))
        elif changed := _PRICES.fullmatch(line):
            acts.append(Act(number, "", f"prices {changed['turn']}", changed["units"], days=days))
        elif owned := _PASSES.fullmatch(line):
            acts.append(Act(number, "", "passes to", f"{owned['phone']} {owned['name']}", days=days))
        elif (passed := _PASS.fullmatch(line)) and acts:
            days += int(passed["days"])
            acts.append(Act(number, acts[-1].phone, "pass", passed["days"], days=days))
        elif line.startswith("|") and acts:
            acts[-1].is_open = not line.startswith("||")
            acts[-1].screen.append(line.lstrip("|").removeprefix(" "))
        else:
            raise ValueError(f"{path.name}:{number}: neither an act nor a screen: {line!r}")
    return acts


def matches(expected: str, shown: str) -> bool:
    """Is it the same text, whatever today and the reference are?"""
    return _read_as(expected, shown) is not None


def code_in(expected: str, shown: str) -> str:
    """What `{code}` stands for in a text that matches; nothing where it is not in there."""
    found = _read_as(expected, shown)
    return found[1] if found is not None and found.re.groups else ""


def _read_as(expected: str, shown: str) -> re.Match[str] | None:
    pattern = re.escape(dated(expected)).replace(re.escape("{code}"), "([0-9]{6}|[0-9]{4})")
    pattern = pattern.replace(re.escape("{reference}"), "[0-9A-HJKMNP-TV-Z]{10}")
    pattern = pattern.replace(re.escape("{number}"), "[1-9][0-9]{4,5}")
    pattern = pattern.replace(re.escape("{moment}"), "[0-9]{2}/[0-9]{2} [0-9]{2}:[0-9]{2}")
    pattern = pattern.replace(re.escape("{today}"), f"{clock.today('KE'):%d/%m}")
    return re.fullmatch(pattern, shown)


def dated(text: str) -> str:
    """The days in a text that count from today, as a customer reads and types them."""
    return _DAY.sub(lambda day: f"{clock.today('KE') + timedelta(days=int(day[1])):%d/%m/%Y}", text)
