"""Which tests should miss a fault: those that run its line, the ones of its own folder first, as many as there is time for."""

import ast
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from coverage import CoverageData

# The tests that are noted: no browser, and nothing that works for minutes in processes of its own.
_NOTED = ("tests/core", "tests/menus", "tests/journeys", "tests/gateway", "tests/crash")
_LEFT_OUT = (
    *("tests/gateway/cli/", "tests/gateway/test_proxy.py", "tests/core/test_expansion.py"),
    *("tests/crash/test_bank.py", "tests/crash/test_upgrade.py", "tests/crash/test_kill.py"),
)
# Tests of what is no Python.
_OF_SQL = {
    "core/ledger": ("tests/core/ledger/", "tests/crash/test_held_up.py", "tests/core/test_logins.py"),
    "core/migrations": ("tests/core/test_migrations", "tests/core/test_logins.py"),
}
# So many tests of one file come before those of the next.
_BATCH = 6


@dataclass(frozen=True)
class Notes:
    """`runs`: by file and line, the tests that run it. `digests`: what each file was when that was noted, tests too.

    `held`: the files of which a test holds a lock.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    held: dict[str, list[str]] = field(default_factory=dict)
    runs: dict[str, dict[int, set[str]]] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)

    def gather(self, folder: Path, root: Path, tests: Sequence[str]) -> None:
        """Adds what the plugin's processes have noted of some files of tests, and forgets what stood here of those."""
        for name in [name for name in self.seconds if name.partition("::")[0] in tests]:
            del self.seconds[name]
        for lines in self.runs.values():
            for names in lines.values():
                names.intersection_update(self.seconds)
        for file in folder.glob("tests.*.json"):
            for name, (seconds, held) in json.loads(file.read_text()).items():
                self.seconds[name], self.held[name] = seconds, held
        for file in folder.glob("lines.*"):
            data = CoverageData(str(file))
            data.read()
            for measured in data.measured_files():
                path = Path(measured).relative_to(root).as_posix()
                # A file that has changed between two notes agrees with neither.
                self.digests.setdefault(path, digest(root / path))
                lines = self.runs.setdefault(path, {})
                for line, contexts in data.contexts_by_lineno(measured).items():
                    lines.setdefault(line, set()).update(name for name in contexts if name in self.seconds)
        self.digests.update({path: digest(root / path) for path in tests})

    def list_unnoted(self, root: Path) -> list[str]:
        """The files of tests that are new, or have changed."""
        paths = sorted(path.relative_to(root).as_posix() for place in _NOTED for path in (root / place).rglob("test_*.py"))
        return [path for path in paths if not path.startswith(_LEFT_OUT) and self.digests.get(path) != digest(root / path)]

    @classmethod
    def read(cls, file: Path) -> Self:
        notes = json.loads(file.read_text())
        names = notes["tests"]
        runs = {
            path: {int(line): {names[number] for number in numbers} for line, numbers in lines.items()}
            for path, lines in notes["runs"].items()
        }
        return cls(dict(zip(names, notes["seconds"], strict=True)), notes["held"], runs, notes["digests"])

    def write(self, file: Path) -> None:
        numbers = {name: number for number, name in enumerate(self.seconds)}
        runs = {
            path: {line: sorted(numbers[name] for name in names) for line, names in lines.items()}
            for path, lines in self.runs.items()
        }
        held = {name: paths for name, paths in self.held.items() if paths and name in self.seconds}
        tests, seconds = [*self.seconds], [*self.seconds.values()]
        notes = {"tests": tests, "seconds": seconds, "held": held, "runs": runs, "digests": self.digests}
        file.write_text(json.dumps(notes))

    def choose(self, root: Path, path: str, line: int, most_seconds: float) -> list[str]:
        """Tests to run for a fault in this line, in order, as many as there is time for.

        First those that hold a lock of the file, then those of the file of tests that is named after it, then some of every file
        of tests, of those first that run most of it.
        """
        runs = Counter(file for names in self.runs.get(path, {}).values() for file in {_file_of(name) for name in names})
        folder, spent, chosen = f"{_folder_of_tests(path)}/", 0.0, list[str]()
        # Tests named after it, or after its folder, may run it in a process or a fixture, of which nothing is noted.
        namesakes = (f"{folder}test_{path.rpartition('/')[2]}", f"{'/test_'.join(folder[:-1].rsplit('/', 1))}")
        candidates = self._running(root, path, line) | {name for name in self.seconds if name.startswith(namesakes)}
        by_file: dict[str, list[str]] = {}
        for name in sorted(candidates, key=lambda name: (self.seconds[name], name)):
            by_file.setdefault(_file_of(name), []).append(name)

        def place(name: str) -> tuple[bool, bool, int, bool, int, str]:
            file = _file_of(name)
            is_elsewhere, batch = not file.startswith(folder), by_file[file].index(name) // _BATCH
            return path not in self.held.get(name, []), not file.startswith(namesakes), batch, is_elsewhere, -runs[file], file

        for name in sorted((name for names in by_file.values() for name in names), key=place):
            spent += self.seconds[name]
            if spent > most_seconds and chosen:
                break
            chosen.append(name)
        return chosen

    def _running(self, root: Path, path: str, line: int) -> set[str]:
        lines = self.runs.get(path, {})
        if path.endswith(".sql"):
            places = _OF_SQL.get(path.rpartition("/")[0], (f"{_folder_of_tests(path)}/",))
            return {name for name in self.seconds if name.startswith(places)}
        if self.digests.get(path) == digest(root / path) and (numbers := _statement(root / path, line)):
            names = set().union(*(lines.get(number, set()) for number in numbers))
            if names:
                return names
        # Of a module's constant, a file that has changed since, or a line that a process of its own runs: whoever may come by.
        beside = {name for name in self.seconds if name.startswith(f"{_folder_of_tests(path)}/")}
        return beside.union(*lines.values())


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16] if file.exists() else ""


def _file_of(name: str) -> str:
    return name.partition("::")[0]


def _folder_of_tests(path: str) -> str:
    """The folder that mirrors the file's: tests/core/payments of core/payments/rail.py."""
    return f"tests/{path.rpartition('/')[0]}"


def _statement(file: Path, line: int) -> range:
    """The lines of the smallest statement of a function that has the line, its own where it has a body.

    A module's statements have none: whoever imports it first runs them, and others look at what they make.
    """
    statement = range(0)
    functions = [
        node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    for node in (part for function in functions for part in ast.walk(function)):
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno):
            body: list[ast.stmt] = getattr(node, "body", [])
            last = min((part.lineno for part in body), default=(node.end_lineno or node.lineno) + 1) - 1
            if line <= max(last, node.lineno):
                statement = range(node.lineno, max(last, node.lineno) + 1)
    return statement
