"""What is installed is what the code uses: nothing that nobody imports, and nothing that comes along with another by chance."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import packages_distributions
from typing import Any

import pytest

from tests.architecture.source import PACKAGES, ROOT, Source, sources

# What no file imports, and what uses it all the same.
SERVICE_UNIMPORTED = {
    "hiredis": "redis reads answers with it where it is there",
    "httptools": "uvicorn's http, named in `jasho serve`",
    "tzdata": "zoneinfo's data where the system has none",
    "uvloop": "uvicorn's loop, named in `jasho serve`",
}
TOOLS = {
    "import-linter": "make check",
    "mypy": "make check",
    "pytest-xdist": "make test",
    "ruff": "make check",
    "squawk-cli": "tests/core/expansion.py runs it",
    "anyio": "runs the tests that are async: pytest's plugin",
    "types-psutil": "mypy",
    "types-pyyaml": "mypy",
}


def project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return found


def declared(requirements: Iterable[str]) -> set[str]:
    """The names of the packages, as one spelling."""
    return {normal(re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0]) for requirement in requirements}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(files: Iterable[Source]) -> set[str]:
    """The first name of everything that the files import."""
    found: set[str] = set()
    for file in files:
        for node in file.nodes():
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found


def packages_of(modules: Iterable[str], known: Mapping[str, list[str]]) -> set[str]:
    """The packages that hold the modules; a module of several packages counts for each. Python's own and ours are none."""
    ours = {*PACKAGES, "locales", "tests"}
    return {normal(name) for module in modules if module not in ours | sys.stdlib_module_names for name in known.get(module, [])}


@pytest.fixture(scope="module")
def known() -> Mapping[str, list[str]]:
    return packages_distributions()


def test_the_service_declares_what_it_imports_and_nothing_else(known: Mapping[str, list[str]]) -> None:
    used = packages_of(imported(sources(*PACKAGES, "locales")), known)
    assert used == declared(project()["dependencies"]) - SERVICE_UNIMPORTED.keys()


def test_tests_and_tools_declare_what_they_use_and_nothing_else(known: Mapping[str, list[str]]) -> None:
    own = declared(project()["optional-dependencies"]["dev"])
    used = packages_of(imported(sources("tests", "load-tests")), known)
    assert used - declared(project()["dependencies"]) == own - TOOLS.keys()


def test_nothing_is_excused_that_is_not_declared() -> None:
    assert SERVICE_UNIMPORTED.keys() <= declared(project()["dependencies"])
    assert TOOLS.keys() <= declared(project()["optional-dependencies"]["dev"])


def test_the_rule_finds_an_import_however_it_is_written() -> None:
    text = "import redis.asyncio\nfrom sqlalchemy.exc import DBAPIError\nif True:\n    import click as c\nfrom . import here\n"
    assert imported([Source("core/x.py", text)]) == {"redis", "sqlalchemy", "click"}


def test_the_rule_knows_a_package_by_what_it_is_called_in_code() -> None:
    known = {"dotenv": ["python_dotenv"], "core": ["jasho"]}
    assert packages_of({"dotenv", "core", "os", "nowhere"}, known) == {"python-dotenv"}
    assert declared(["psycopg[binary]", "Python.Dotenv>=1; sys_platform == 'linux'"]) == {"psycopg", "python-dotenv"}
