"""No two files need each other: each can be read, tested and moved with only what is below it."""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.architecture.source import PACKAGES, Source, dotted, findings, sources


def circles(files: list[Source]) -> list[str]:
    """A ring of files that import each other, named file by file. An import inside a function counts like any other."""
    try:
        TopologicalSorter(graph(files)).prepare()
    except CycleError as error:
        return [" -> ".join(reversed(error.args[1]))]
    return []


def graph(files: list[Source]) -> Mapping[str, set[str]]:
    """Which modules of the files each of them imports, the packages around those included: Python runs their `__init__` first.

    Its own packages have begun to run when a module does, so that a module does not import them.
    """
    known = {module(file): file for file in files}
    return {name: {other for other in imported(name, file, known) if not _is_around(other, name)} for name, file in known.items()}


def imported(name: str, source: Source, known: Mapping[str, Source]) -> Iterator[str]:
    package = name if source.path.endswith("/__init__.py") else name.rpartition(".")[0]
    for node in source.nodes():
        if isinstance(node, ast.Import):
            wanted = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            origin = ".".join(part for part in (start, node.module) if part)
            # What is taken from a package may be a module of it or something that its `__init__` says.
            taken = [f"{origin}.{alias.name}" for alias in node.names]
            wanted = [one if one in known else origin for one in taken]
        else:
            continue
        parts = [one.split(".") for one in wanted]
        yield from {".".join(part[:end]) for part in parts for end in range(1, len(part) + 1)} & known.keys()


def module(source: Source) -> str:
    """`core.savings.goals`; a package is called by its folder."""
    return source.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _is_around(package: str, name: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def type_checking(source: Source) -> list[str]:
    """Every import that is hidden from Python: it is there to hide a circle."""
    return [
        source.at(node, "TYPE_CHECKING")
        for node in source.nodes()
        if (isinstance(node, ast.Name | ast.Attribute) and dotted(node).rpartition(".")[2] == "TYPE_CHECKING")
        or (isinstance(node, ast.alias) and node.name == "TYPE_CHECKING")
    ]


def test_no_two_files_need_each_other() -> None:
    assert circles(sources(*PACKAGES, "locales")) == []


def test_no_import_is_hidden_from_python() -> None:
    assert findings(type_checking, sources(*PACKAGES, "locales")) == []


def test_the_rule_sees_the_imports_there_are() -> None:
    seen = graph(sources(*PACKAGES, "locales"))
    assert "core.ledger.post" in seen["core.ledger.exchange"]
    assert "gateway.providers.twilio.sms" in seen["gateway.providers.twilio"]
    assert {"gateway.providers.twilio", "gateway.providers"} <= seen["gateway.wiring"]


GOALS, RULES = "core/savings/goals.py", "core/savings/rules.py"


@pytest.mark.parametrize(
    ("texts", "ring"),
    [
        (
            {GOALS: "from core.savings import rules", RULES: "import core.savings.goals"},
            {"core.savings.goals", "core.savings.rules"},
        ),
        (
            {GOALS: "from core.savings.rules import Rule", RULES: "from .goals import Goal"},
            {"core.savings.goals", "core.savings.rules"},
        ),
        (
            {GOALS: "def f():\n    from core.savings import rules", RULES: "from . import goals"},
            {"core.savings.goals", "core.savings.rules"},
        ),
        (
            {
                GOALS: "from core import jobs",
                "core/jobs/__init__.py": "from core.jobs import pay",
                "core/jobs/pay.py": "import core.savings.goals",
            },
            {"core.savings.goals", "core.jobs", "core.jobs.pay"},
        ),
        (
            {"core/a/x.py": "import core.b.y", "core/b/__init__.py": "import core.a.x", "core/b/y.py": ""},
            {"core.a.x", "core.b"},
        ),
    ],
    ids=["modules", "names", "in a function", "through a package", "a package around"],
)
def test_the_rule_finds_a_circle(texts: dict[str, str], ring: set[str]) -> None:
    [found] = circles([Source(path, text) for path, text in texts.items()])
    assert set(found.split(" -> ")) == ring


@pytest.mark.parametrize(
    "texts",
    [
        {GOALS: "from core.savings import rules", RULES: "from core import money", "core/money.py": ""},
        {GOALS: "from core.savings import KIND", "core/savings/__init__.py": "from core.savings import goals\nKIND = 1"},
        {GOALS: "import core.savings", "core/savings/__init__.py": "", "core/__init__.py": ""},
    ],
    ids=["one way", "its own package", "packages around"],
)
def test_the_rule_lets_a_tree_be(texts: dict[str, str]) -> None:
    assert circles([Source(path, text) for path, text in texts.items()]) == []


@pytest.mark.parametrize(
    "text",
    [
        "from typing import TYPE_CHECKING",
        "import typing\nif typing.TYPE_CHECKING:\n    from core.money import Money",
        "if TYPE_CHECKING:\n    pass",
    ],
)
def test_the_rule_finds_a_hidden_import(text: str) -> None:
    assert type_checking(Source("core/money.py", text))
