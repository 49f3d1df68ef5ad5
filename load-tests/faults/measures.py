"""What the fault driver measures, and when it has failed: also where it has measured nothing."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

MOST_WAIT_SECONDS = 8.0
# A one-time code leaves so soon where nothing is broken.
MOST_CODE_SECONDS = 5.0
# Fewer show that nobody paid, whatever the reason.
LEAST_TRANSFERS_A_FAULT = 1
LEAST_SENTENCES_A_FAULT = 10
# A fault is told by each of three processes, when it begins and when it is over; what was under way may be told once more.
MOST_LINES_A_FAULT = 20
SWALLOWED = "answers of COMMIT swallowed"


@dataclass(frozen=True, slots=True)
class Wait:
    """How long something was waited for, and by what it was ended. Moments are by `time.monotonic`."""

    began_seconds: float
    ended_seconds: float
    is_answered: bool

    @property
    def seconds(self) -> float:
        return self.ended_seconds - self.began_seconds


@dataclass(frozen=True, slots=True)
class Harmed:
    """When processes could answer nothing, whatever they would have done. `is_all`: none of them could."""

    began_seconds: float
    ended_seconds: float
    is_all: bool = False


@dataclass
class Figures:
    """`findings`: by name, what must not be. `asked_faults`: how many should have come. `log`: its lines by level."""

    findings: Mapping[str, Sequence[str]]
    transfers: int
    sentences: int
    not_judged: int
    asked_faults: int
    faults: Counter[str]
    swallowed: int
    longest_wait_seconds: float
    longest_code_seconds: float
    log: Counter[str] = field(default_factory=Counter)


def failings(figures: Figures) -> list[str]:
    """Why the run has failed, in words; nothing where it has not."""
    faults = figures.faults.total()
    lines = figures.log["warning"] + figures.log["error"] + figures.log["critical"]
    reasons = {
        **{name: bool(findings) for name, findings in figures.findings.items()},
        f"{figures.not_judged} sentences that the judge does not know": figures.not_judged > 0,
        f"{faults} faults of {figures.asked_faults}": faults < max(figures.asked_faults, 1),
        f"{figures.transfers} transfers": figures.transfers < LEAST_TRANSFERS_A_FAULT * max(figures.asked_faults, 1),
        f"{figures.sentences} sentences": figures.sentences < LEAST_SENTENCES_A_FAULT * max(figures.asked_faults, 1),
        "no answer was swallowed": figures.faults[SWALLOWED] > 0 and figures.swallowed == 0,
        f"a wait of {figures.longest_wait_seconds:.1f} s": figures.longest_wait_seconds > MOST_WAIT_SECONDS,
        f"a code after {figures.longest_code_seconds:.1f} s": figures.longest_code_seconds > MOST_CODE_SECONDS,
        f"{lines} lines in the log": lines > MOST_LINES_A_FAULT * max(faults, 1),
        f"{figures.log['traceback']} tracebacks in the log": figures.log["traceback"] > faults,
    }
    return [reason for reason, is_so in reasons.items() if is_so]


def counted(waits: Iterable[Wait], harmed: Sequence[Harmed]) -> list[Wait]:
    """Without those that were under way when a process was harmed, and those that met none that could answer."""
    return [wait for wait in waits if not any(_is_excused(wait, harm) for harm in harmed)]


def _is_excused(wait: Wait, harm: Harmed) -> bool:
    last_seconds = harm.ended_seconds if harm.is_all else harm.began_seconds
    return wait.began_seconds <= last_seconds and harm.began_seconds <= wait.ended_seconds


def longest_quiet(wait: Wait, troubles: Iterable[tuple[float, float]]) -> float:
    """The longest part of a wait, in seconds, in which nothing was broken."""
    longest_seconds, from_seconds = 0.0, wait.began_seconds
    for began_seconds, ended_seconds in sorted(troubles):
        if ended_seconds <= from_seconds or began_seconds >= wait.ended_seconds:
            continue
        longest_seconds = max(longest_seconds, began_seconds - from_seconds)
        from_seconds = ended_seconds
    return max(longest_seconds, wait.ended_seconds - from_seconds, 0.0)


def count_lines(lines: Iterable[str]) -> Counter[str]:
    """The lines of a log by their level; `traceback` counts those that carry one."""
    counts: Counter[str] = Counter()
    for line in lines:
        counts["traceback"] += "Traceback (most recent call last)" in line
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            counts[str(entry.get("level", ""))] += 1
    return counts
