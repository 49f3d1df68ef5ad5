"""Whoever is woken by a log line finds in the runbook what it means, what is at risk and what to do."""

import ast
import re
from dataclasses import dataclass

import pytest

from core import features
from tests.architecture.source import PACKAGES, ROOT, Source, dotted, findings, sources

RUNBOOK = ROOT / "docs" / "runbook.md"
# How each call is told in the log; an exception is told as an error.
LEVELS = {"warning": "Warning", "error": "Error", "exception": "Error", "critical": "Error"}
SAYS = ("- Means: ", "- At risk: ", "- Do: ", "- Look:")

_ENTRY = re.compile(
    r"^### `(?P<event>[^`\n]+)`\n\n(?P<level>\w+), `(?P<path>[^`]+)`\.(?P<text>.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL
)
_FIELDS = re.compile(r"Fields: (?P<names>[^.]+)\.")
# What an entry may name although the line's own code does not: an exception, and what the work at hand is.
_BOUND = {"error", "duty", "row", "request", "session", "message"}


@dataclass(frozen=True)
class Line:
    """A line that the service may log, or an entry about one."""

    event: str
    level: str
    path: str


def lines(source: Source) -> list[Line]:
    """Every line at warning or above, by what it says."""
    return [Line(event, LEVELS[call.func.attr], source.path) for call in _calls(source) for event in _texts(call)]  # type: ignore[attr-defined]


def unsearchable(source: Source) -> list[str]:
    """Calls whose text is put together: nobody finds it in a runbook, or in a log."""
    return [source.at(call, "says no plain text") for call in _calls(source) if not _texts(call)]


def entries(runbook: str) -> list[Line]:
    return [Line(found["event"], found["level"], found["path"]) for found in _ENTRY.finditer(runbook)]


def incomplete(runbook: str) -> list[str]:
    """Entries that leave a question open, and headings that are no entry."""
    found = list(_ENTRY.finditer(runbook))
    wrong = [f"{entry['event']}: {says.strip('- ')}" for entry in found for says in SAYS if f"\n{says}" not in entry["text"]]
    return wrong + [
        heading for heading in re.findall(r"^### .*$", runbook, re.MULTILINE) if len(found) != runbook.count("\n### ")
    ]


def _calls(source: Source) -> list[ast.Call]:
    return [
        node
        for node in source.nodes()
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in LEVELS
        and dotted(node.func.value).rpartition(".")[2].lstrip("_") in ("log", "logger", "logging")
    ]


def fields_of(call: ast.Call) -> set[str]:
    """The fields that a line is given by name; an exception's text is made of the exception."""
    assert isinstance(call.func, ast.Attribute)
    return {word.arg for word in call.keywords if word.arg and word.arg != "exc_info"}


def wrong_fields(source: Source, runbook: str) -> list[str]:
    """Lines whose fields and whose entry's fields differ. An entry may also name what the work at hand has bound."""
    named = {
        entry["event"]: set(re.findall(r"`(\w+)`", fields["names"])) if (fields := _FIELDS.search(entry["text"])) else set()
        for entry in _ENTRY.finditer(runbook)
    }
    return [
        source.at(call, f"{event}: {sorted(fields_of(call))}, and the runbook has {sorted(named[event])}")
        for call in _calls(source)
        for event in _texts(call)
        if event in named and (fields_of(call) - named[event] or named[event] - fields_of(call) - _BOUND)
    ]


def names_of(source: Source, function: str, position: int) -> set[str]:
    """Each plain text that a function of this name gets at this place."""
    calls = [
        node
        for node in source.nodes()
        if isinstance(node, ast.Call) and dotted(node.func).rpartition(".")[2] == function and len(node.args) > position
    ]
    given = [call.args[position] for call in calls]
    return {text.value for text in given if isinstance(text, ast.Constant) and isinstance(text.value, str)}


def table(runbook: str, heading: str) -> set[str]:
    """The names in the first column of the table under this heading."""
    match = re.search(rf"^\| {heading} \|.*\n\|[-|]+\|\n(?P<rows>(?:\|.*\n)+)", runbook, re.MULTILINE)
    return set(re.findall(r"^\| `([^`]+)` \|", match["rows"], re.MULTILINE)) if match else set()


def _texts(call: ast.Call) -> list[str]:
    """The text, or the two of which one is said; empty for what is no plain text."""
    said = call.args[0] if call.args else None
    parts = [said.body, said.orelse] if isinstance(said, ast.IfExp) else [said]
    texts = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return texts if len(texts) == len(parts) else []


def test_every_log_line_that_needs_a_person_is_in_the_runbook() -> None:
    told = {line for source in sources(*PACKAGES) for line in lines(source)}
    assert told - set(entries(RUNBOOK.read_text())) == set()


def test_the_runbook_has_no_line_that_the_service_does_not_log() -> None:
    told = {line for source in sources(*PACKAGES) for line in lines(source)}
    assert set(entries(RUNBOOK.read_text())) - told == set()


def test_an_entry_says_what_it_means_what_is_at_risk_what_to_do_and_where_to_look() -> None:
    assert incomplete(RUNBOOK.read_text()) == []
    events = [entry.event for entry in entries(RUNBOOK.read_text())]
    assert len(events) == len(set(events)), "two entries for one line"


def test_the_fields_of_a_line_are_those_of_its_entry() -> None:
    runbook = RUNBOOK.read_text()
    assert findings(lambda source: wrong_fields(source, runbook), sources(*PACKAGES)) == []


def test_what_is_away_and_each_duty_stand_in_the_runbook() -> None:
    """In both directions: whoever is woken looks for the very words of the line."""
    code, runbook = sources(*PACKAGES), RUNBOOK.read_text()
    duties = {name for source in code for name in names_of(source, "_repeat", 1) | names_of(source, "Duty", 0)}
    assert table(runbook, "duty") == duties
    assert duties >= {duty.name for duty in features.DUTIES}
    assert table(runbook, "what") == {name for source in code for name in names_of(source, "Outage", 0)}


def test_a_log_line_can_be_searched_for() -> None:
    assert findings(unsearchable, sources(*PACKAGES)) == []


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("log.warning('Redis is away', error=name)", [("Redis is away", "Warning")]),
        ("log.error('lost')", [("lost", "Error")]),
        ("self._log.exception('lost', job=1)", [("lost", "Error")]),
        ("log.warning('rests' if is_ill else 'is back')", [("rests", "Warning"), ("is back", "Warning")]),
        ("log.info('ended')", []),
        ("click.error('no')", []),
    ],
)
def test_the_rule_finds_a_line_that_is_missing(call: str, told: list[tuple[str, str]]) -> None:
    assert [(line.event, line.level) for line in lines(Source("gateway/x.py", call))] == told
    assert [line for line in lines(Source("gateway/x.py", call)) if line in entries(RUNBOOK.read_text())] == []


@pytest.mark.parametrize(
    ("fields", "is_wrong"),
    [
        ("Fields: `job`.", False),
        ("Fields: `job`; `duty` where there is one.", False),
        ("", True),
        ("Fields: `job`, `code`.", True),
        ("Fields: `code`.", True),
    ],
)
def test_the_rule_finds_a_field_that_is_missing_or_is_not_logged(fields: str, is_wrong: bool) -> None:
    entry = f"### `lost`\n\nError, `gateway/x.py`. {fields}\n\n- Means: x\n"
    assert bool(wrong_fields(Source("gateway/x.py", "log.error('lost', job=1)"), entry)) == is_wrong


def test_the_rule_finds_names_and_tables() -> None:
    source = Source("gateway/x.py", "Outage('Redis'); self._repeat(runtime, 'sms: send', work); Duty(name)")
    assert (names_of(source, "Outage", 0), names_of(source, "_repeat", 1)) == ({"Redis"}, {"sms: send"})
    assert names_of(source, "Duty", 0) == set()
    assert table("\n| what | means |\n|---|---|\n| `a` | b |\n| `c` | d |\n\n| duty | x |\n", "what") == {"a", "c"}


@pytest.mark.parametrize(
    "call", ["log.warning(f'lost {name}')", "log.error(message)", "log.exception()", "log.warning(a if b else 'c')"]
)
def test_the_rule_finds_a_text_that_nobody_can_search_for(call: str) -> None:
    assert unsearchable(Source("gateway/x.py", call))


def test_the_rule_finds_an_entry_that_leaves_a_question_open() -> None:
    whole = "### `lost`\n\nError, `gateway/x.py`.\n\n- Means: x\n- At risk: x\n- Do: x\n- Look: x\n"
    assert entries(f"\n{whole}") == [Line("lost", "Error", "gateway/x.py")]
    assert incomplete(f"\n{whole}") == []
    assert incomplete(f"\n{whole}".replace("- Do: x\n", "")) == ["lost: Do:"]
    assert incomplete(f"\n{whole}\n### lost\n") != []
