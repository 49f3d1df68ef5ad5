"""What is written beside the code is true as far as a machine can tell: paths, tests, commands and settings that are there."""

import re
import tomllib
from pathlib import Path

import click
import pytest

from core import settings
from core.features import DUTIES
from core.i18n import catalogue
from core.retention.keeping import IN_REDIS, KEPT_FOR_A_TIME, KEPT_FOR_EVER, Keeping
from core.settings import Settings
from gateway import wiring
from gateway.cli.main import main
from tests.architecture.source import ROOT

MOST_README_LINES = 120
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
EVERY = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
SECTIONS = ["Context", "Decision", "Consequences"]
# Tells of what was, not of what is.
HISTORY = {"CHANGELOG.md"}

_CODE = re.compile(r"`([^`\n]+)`")
_PROMISE = re.compile(r"\b(never|always|nobody|(?<!at )once)\b", re.IGNORECASE)
_TEST = re.compile(r"\btest_\w+")
_LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")


def blocks(text: str) -> list[str]:
    """Paragraphs, points of lists and rows of tables, without what is code."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    prose = re.sub(r"(?<=\n\n)(?: {4,}(?![-*\d]).*\n)+", "\n", prose)
    return [" ".join(block.split()) for block in re.split(r"\n\s*\n|\n(?=\s*(?:[-*|]|\d+\.) ?)", prose) if block.strip()]


def unproved(text: str) -> list[str]:
    """Blocks that say never, always, nobody or once, and name no test that tries to make it false."""
    return [block for block in blocks(text) if _PROMISE.search(_CODE.sub("", block)) and not _TEST.search(block)]


def missing_paths(text: str) -> list[str]:
    """Files and folders of ours that are named and are not there."""
    tops = {path.name for path in ROOT.iterdir()} - {".venv", ".jasho"}
    named = [code for code in _CODE.findall(text) if code.split("/")[0] in tops and not set(code) & set("<>{} ")]
    return [path for path in named if "/" in path and not list(ROOT.glob(path.rstrip("/")))]


def missing_tests(text: str, known: set[str]) -> list[str]:
    return [name for name in _TEST.findall(" ".join(_CODE.findall(text))) if name not in known]


def broken_links(path: Path, text: str) -> list[str]:
    return [link for link in _LINK.findall(text) if not (path.parent / link).exists()]


def names_of_tests() -> set[str]:
    """Every test and file of tests."""
    files = list((ROOT / "tests").rglob("test_*.py"))
    found = {name for file in files for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)}
    assert len(found) > 500
    return found | {file.stem for file in files}


def commands(group: click.Group, name: str = "jasho") -> set[str]:
    found: set[str] = set()
    for word, command in group.commands.items():
        found |= commands(command, f"{name} {word}") if isinstance(command, click.Group) else {f"{name} {word}"}
    return found


def rows(text: str, heading: str) -> list[list[str]]:
    """The cells of the table below a heading, without its head."""
    section = text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    table = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in table[2:]]


@EVERY
def test_every_file_that_a_document_names_is_there(document: Path) -> None:
    assert missing_paths(document.read_text()) == []
    assert broken_links(document, document.read_text()) == []


@EVERY
def test_every_test_that_a_document_names_is_there(document: Path) -> None:
    assert missing_tests(document.read_text(), names_of_tests()) == []


@pytest.mark.parametrize("document", [path for path in DOCUMENTS if path.name not in HISTORY], ids=lambda path: path.name)
def test_a_promise_names_the_test_that_tries_to_make_it_false(document: Path) -> None:
    assert unproved(document.read_text()) == []


def test_the_readme_is_read_in_one_go() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < MOST_README_LINES


def test_a_decision_has_its_three_parts_and_stands_in_the_list() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"\| \[(\d{4})\]\(([\w-]+\.md)\) \| ([^|]+) \|", (folder / "README.md").read_text())
    assert [file for _, file, _ in listed] == [path.name for path in sorted(folder.glob("[0-9]*.md"))]
    for position, (number, file, title) in enumerate(listed, start=1):
        text = (folder / file).read_text()
        assert (int(number), file[:4]) == (position, number)
        assert text.startswith(f"# {number} {title}\n\nStatus: ")
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS, file


def test_every_command_and_every_setting_is_explained() -> None:
    text = (ROOT / "docs" / "operating.md").read_text()
    explained = " ".join(_CODE.findall(text))
    assert [command for command in sorted(commands(main)) if command not in explained] == []
    every = {*settings.as_environment(Settings()), *(name for vendor in wiring.VENDORS for name in vendor.variables)}
    assert {cell for row in rows(text, "Settings") for cell in re.findall(r"`(JASHO_\w+)`", row[0])} == every


def test_operators_read_how_long_each_table_is_kept() -> None:
    text = (ROOT / "docs" / "operating.md").read_text()
    assert rows(text, "What is kept, and for how long") == [
        [keeping.family, f"`{keeping.table.name}`", keeping.ends, keeping_words(keeping)] for keeping in KEPT_FOR_A_TIME
    ]
    ever = {table: why for tables, why in rows(text, "What is kept for ever") for table in _CODE.findall(tables)}
    assert ever == KEPT_FOR_EVER
    assert rows(text, "What Redis holds") == [[f"`{key}`", f"{seconds} s"] for key, seconds in IN_REDIS.items()]


def keeping_words(keeping: Keeping) -> str:
    return "`JASHO_KEEP_MESSAGES_DAYS`" if keeping.days is None else f"{keeping.days} days"


def test_every_make_target_is_explained() -> None:
    phony = re.findall(r"^\.PHONY:(.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    written = " ".join(_CODE.findall((ROOT / "CONTRIBUTING.md").read_text() + (ROOT / "README.md").read_text()))
    assert [target for target in " ".join(phony).split() if target != "help" and f"make {target}" not in written] == []


def test_the_words_of_customers_are_those_of_the_catalogue() -> None:
    known = {str(message.id): str(message.string) for message in catalogue("sw") if message.id}
    words = rows((ROOT / "docs" / "words.md").read_text(), "What customers read")
    assert len(words) > 10
    assert dict(words) == {english: known.get(english) for english, _ in words}


@pytest.mark.parametrize(
    "text",
    [
        "Money never moves twice.",
        "A notice is sent\nonce.",
        "- Nobody reads it.\n- It is tested: `test_x`.",
        "| PIN | always hashed |\n| code | `test_x` |",
    ],
)
def test_the_rule_finds_a_promise_without_a_test(text: str) -> None:
    assert len(unproved(text)) == 1


@pytest.mark.parametrize("text", ["It never moves twice. Test: `test_x`.", "Asked at once.", "`jasho never`", "x\n\n    never\n"])
def test_the_rule_lets_the_rest_be(text: str) -> None:
    assert unproved(text) == []


def test_the_rules_find_what_is_not_there() -> None:
    text = "See `core/services/codes.py`, `core/money.py`, `menus/`, `gateway/providers/<name>/` and `text/plain`."
    assert missing_paths(text) == ["core/services/codes.py"]
    assert missing_tests("`test_a` and `tests/x/test_b.py`", {"test_a"}) == ["test_b"]
    assert broken_links(ROOT / "README.md", "[a](docs/x.md) [b](README.md) [c](https://example.org/x)") == ["docs/x.md"]


def test_the_architecture_lists_every_duty_of_the_worker_with_its_rest() -> None:
    rows = re.findall(
        r"^\| `([^`]+)` \| [^|]+ \| ([\d.]+) s \| `([^`]+)` \|$", (ROOT / "docs/architecture.md").read_text(), re.MULTILINE
    )
    assert [(name, float(rest)) for name, rest, _ in rows] == [(duty.name, duty.rest_seconds) for duty in DUTIES]
    assert all((ROOT / path).exists() for _, _, path in rows)


def test_the_architecture_shows_every_floor_of_core_in_its_order() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    [layers] = [contract["layers"] for contract in contracts if contract.get("containers") == ["core"]]
    table = (ROOT / "docs/architecture.md").read_text().partition("## The floors of core")[2].partition("Families meet")[0]
    shown = [re.findall(r"`(\w+)`", line.split("|")[1]) for line in table.splitlines() if line.startswith("| `")]
    assert shown == [[name.strip() for name in layer.split("|")] for layer in layers]
