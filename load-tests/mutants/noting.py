"""A plugin of pytest for mutants.py: notes which lines each test runs, or runs those tests alone that mutants.py names.

`MUTANTS_NOTES` names a folder for the notes, `MUTANTS_TESTS` a file with a test a line.
"""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import coverage
import pytest

_NOTES, _WANTED = os.environ.get("MUTANTS_NOTES", ""), os.environ.get("MUTANTS_TESTS", "")
_lines: coverage.Coverage | None = None
_seconds: dict[str, float] = {}
_held: dict[str, list[str]] = {}
_failed: set[str] = set()

if _NOTES:
    _lines = coverage.Coverage(
        data_file=str(Path(_NOTES) / f"lines.{os.getpid()}"),
        source=["core", "menus", "gateway"],
        concurrency=["greenlet", "thread"],
        config_file=False,
    )
    _lines.start()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that are wanted, in that order: what is likely to notice comes first."""
    if _WANTED:
        order = {name: place for place, name in enumerate(Path(_WANTED).read_text().splitlines())}
        items[:] = sorted((item for item in items if item.nodeid in order), key=lambda item: order[item.nodeid])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    if _lines is not None:
        _lines.switch_context(item.nodeid)
        _held[item.nodeid] = [marker.args[0].partition(":")[0] for marker in item.iter_markers("race")]
    begun = time.monotonic()
    try:
        return (yield)
    finally:
        _seconds[item.nodeid] = round(time.monotonic() - begun, 3)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.outcome != "passed":
        _failed.add(report.nodeid)


def pytest_unconfigure() -> None:
    if _lines is not None:
        _lines.stop()
        _lines.save()
        passed = {name: (seconds, _held[name]) for name, seconds in _seconds.items() if name not in _failed}
        (Path(_NOTES) / f"tests.{os.getpid()}.json").write_text(json.dumps(passed))
