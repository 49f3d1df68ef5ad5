"""Whoever is woken by a log line finds in the runbook what it means, what is at risk and what to do."""

import ast
import re
from dataclasses import dataclass

import pytest

from tests.architecture.source import PACKAGES, ROOT, Source, dotted, findings, sources

RUNBOOK = ROOT / "docs" / "runbook.md"
# How each call is told in the log; an exception is told as an error.
LEVELS = {"warning": "Warning", "error": "Error", "exception": "Error", "critical": "Error"}
SAYS = ("- Means: ", "- At risk: ", "- Do: ", "- Look:")

_ENTRY = re.compile(
    r"^### `(?P<event>[^`\n]+)`\n\n(?P<level>\w+), `(?P<path>[^`]+)`\.(?P<text>.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL
)


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
