"""Files, functions and folders that can be read once, top to bottom; modules that are named for what they are."""

from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath

import pytest

from tests.architecture.source import PACKAGES, Function, Source, findings, sources

# The house aims at 250 and 40; these are where a reviewer no longer has to argue.
MOST_LINES = 350
MOST_FUNCTION_LINES = 50
MOST_IN_A_FOLDER = 24
# A file a menu, all of the same kind and listed in one order: the one on the phone.
LARGE_AFTER_ALL = {"menus": 27}
NAMELESS = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers", "shared", "base"}
# `base` says something where there is one thing that a folder's files share.
NAMED_AFTER_ALL = {"core/tables/base.py"}


def long_files(source: Source) -> list[str]:
    lines = len(source.text.splitlines())
    return [f"{source.path}:{lines} is {lines} lines long"] if lines > MOST_LINES else []


def long_functions(source: Source) -> list[str]:
    """Counted from `def` on: a table of decorators above is no work to read."""
    found = []
    for node in source.nodes():
        if isinstance(node, Function):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MOST_FUNCTION_LINES:
                found.append(source.at(node, f"{node.name} is {lines} lines long"))
    return found


def crowded(paths: Iterable[str]) -> dict[str, int]:
    """Folders of more files than somebody takes in at a look, and of how many."""
    files = Counter(PurePosixPath(path).parent.as_posix() for path in paths)
    return {folder: count for folder, count in files.items() if count > MOST_IN_A_FOLDER}


def nameless_modules(source: Source) -> list[str]:
    path = PurePosixPath(source.path)
    parts = {path.stem, *path.parent.parts}
    return [f"{source.path}:1 is named after nothing"] if parts & NAMELESS and source.path not in NAMED_AFTER_ALL else []


@pytest.mark.parametrize("ending", [".py", ".sql", ".js", ".css", ".html"])
def test_every_file_can_be_read_in_one_go(ending: str) -> None:
    folder = {".py": PACKAGES, ".sql": ("core",)}.get(ending, ("gateway",))
    assert findings(long_files, sources(*folder, ending=ending)) == []


def test_every_function_can_be_seen_at_once() -> None:
    # A migration is a list of what was done to the tables, and nobody changes it afterwards.
    assert findings(long_functions, [file for file in sources(*PACKAGES) if "/versions/" not in file.path]) == []


def test_every_folder_can_be_taken_in_at_a_look() -> None:
    assert crowded(file.path for file in sources(*PACKAGES, "locales", "tests")) == LARGE_AFTER_ALL


def test_every_module_says_by_its_name_what_is_in_it() -> None:
    assert findings(nameless_modules, sources(*PACKAGES, "locales", "load-tests", "tests")) == []


def test_the_rule_finds_a_long_file() -> None:
    assert long_files(Source("core/x.py", "x = 1\n" * (MOST_LINES + 1)))
    assert not long_files(Source("core/x.py", "x = 1\n" * MOST_LINES))


@pytest.mark.parametrize(
    "start", ["def f() -> None:", "async def f() -> None:", "class C:\n  def f(self) -> None:", "def g():\n  def f() -> None:"]
)
def test_the_rule_finds_a_long_function(start: str) -> None:
    body = "    x = 1\n"
    assert any(
        "f is 51 lines" in finding for finding in long_functions(Source("core/x.py", f"{start}\n{body * MOST_FUNCTION_LINES}"))
    )
    assert not any(
        "f is" in finding for finding in long_functions(Source("core/x.py", f"{start}\n{body * (MOST_FUNCTION_LINES - 1)}"))
    )


def test_the_rule_finds_a_crowded_folder() -> None:
    files = [f"core/savings/x{number}.py" for number in range(MOST_IN_A_FOLDER)]
    assert crowded([*files, "core/x.py", "core/savings/deeper/x.py"]) == {}
    assert crowded([*files, "core/savings/__init__.py"]) == {"core/savings": MOST_IN_A_FOLDER + 1}


@pytest.mark.parametrize(
    "path", ["core/utils.py", "gateway/ussd/helpers.py", "menus/common.py", "tests/utils/phone.py", "core/base.py"]
)
def test_the_rule_finds_a_module_named_after_nothing(path: str) -> None:
    assert nameless_modules(Source(path, ""))


@pytest.mark.parametrize("path", ["core/money.py", "core/tables/base.py", "menus/help.py"])
def test_the_rule_lets_a_name_be(path: str) -> None:
    assert nameless_modules(Source(path, "")) == []
