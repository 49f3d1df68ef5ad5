"""Which package may know which, held by import-linter in `make check`."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.source import PACKAGES, ROOT

LINT_IMPORTS = Path(sys.executable).parent / "lint-imports"


def recipe(makefile: str, target: str) -> list[str]:
    """The commands of a target, in order."""
    lines = iter(makefile.splitlines())
    for line in lines:
        if line.startswith(f"{target}:"):
            break
    commands = []
    for line in lines:
        if not line.startswith("\t"):
            break
        commands.append(line.strip())
    return commands


def unguarded(contracts: list[dict[str, Any]]) -> set[str]:
    """The packages that no contract on layers speaks of."""
    layers = [layer for contract in contracts if contract["type"] == "layers" for layer in contract["layers"]]
    return set(PACKAGES) - {package.strip() for layer in layers for package in layer.split("|")}


def told(tool: str) -> dict[str, Any]:
    """What pyproject.toml tells a tool."""
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"][tool]
    return found


@pytest.mark.parametrize("tool", ["ruff format --check", "ruff check", "mypy", "lint-imports", "jasho menus lint"])
def test_make_check_runs(tool: str) -> None:
    assert any(tool in command for command in recipe((ROOT / "Makefile").read_text(), "check"))


def test_make_test_begins_with_make_check_and_runs_every_test() -> None:
    commands = recipe((ROOT / "Makefile").read_text(), "test")
    assert commands[0].endswith(" check")
    assert any("pytest" in command for command in commands[1:])


def test_every_package_of_the_service_is_under_a_contract() -> None:
    assert set(told("importlinter")["root_packages"]) == set(PACKAGES)
    assert unguarded(told("importlinter")["contracts"]) == set()


def test_no_package_of_the_service_was_forgotten() -> None:
    no_service = {"tests", "locales"}
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} - no_service == set(PACKAGES)


def test_types_are_checked_in_every_folder_of_code() -> None:
    code = {path.parent.name for path in ROOT.glob("*/*.py")}
    assert {folder for folder in code if not folder.startswith(".")} == set(told("mypy")["files"])


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the service's source, to be broken."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def lint(folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([LINT_IMPORTS, "--no-cache"], cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.system
def test_the_source_keeps_every_contract(house: Path) -> None:
    answer = lint(house)
    assert answer.returncode == 0, answer.stdout


def reported(imported: str) -> str:
    """How the linter calls what is imported: a module of ours by its whole name, somebody else's by its first part."""
    return imported if imported.partition(".")[0] in PACKAGES else imported.partition(".")[0]


@pytest.mark.system
@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("core/money.py", "menus.engine.dsl"),
        ("core/money.py", "api.problems"),
        ("core/money.py", "gateway.logs"),
        ("core/sending/transfers.py", "redis"),
        ("core/sending/transfers.py", "starlette.requests"),
        ("core/sending/transfers.py", "transitions"),
        ("menus/send.py", "api.problems"),
        ("menus/send.py", "gateway.logs"),
        ("menus/send.py", "starlette.requests"),
        ("menus/send.py", "psycopg"),
        ("menus/send.py", "redis"),
        ("api/problems.py", "menus.engine.dsl"),
        ("api/problems.py", "gateway.logs"),
        ("core/money.py", "core.ledger.post"),
        ("core/ledger/holds.py", "core.runtime"),
        ("core/ledger/statement.py", "core.tables.customers"),
        ("core/messaging/notices.py", "core.credentials.codes"),
        ("core/credentials/codes.py", "core.customers.profiles"),
        ("core/customers/profiles.py", "core.sending.transfers"),
        ("core/sending/transfers.py", "core.savings.goals"),
        ("core/jobs/market.py", "core.features"),
        ("core/membership/joining.py", "core.features"),
        ("menus/engine/machine.py", "menus.send"),
        ("menus/send.py", "menus.lint"),
        ("gateway/sms/sending.py", "gateway.wiring"),
        ("gateway/ussd/road.py", "gateway.sms.pool"),
        ("gateway/providers/twilio/sms.py", "gateway.providers.africastalking.sms"),
        ("gateway/wiring.py", "gateway.worker"),
    ],
)
def test_an_import_in_the_wrong_direction_is_found(house: Path, importer: str, imported: str) -> None:
    file = house / importer
    before = file.read_text()
    file.write_text(f"{before}\nimport {imported}\n")
    try:
        answer = lint(house)
    finally:
        file.write_text(before)
    assert answer.returncode == 1, answer.stdout + answer.stderr
    assert f"{importer.removesuffix('.py').replace('/', '.')} -> {reported(imported)}" in answer.stdout


def test_the_rule_finds_a_check_that_was_taken_out() -> None:
    assert recipe("check: x\n\truff\n\tmypy\n\nbench:\n\tlint-imports\n", "check") == ["ruff", "mypy"]


def test_the_rule_finds_a_package_without_a_contract() -> None:
    assert unguarded([{"type": "layers", "layers": ["gateway", "menus", "core"]}, {"type": "forbidden"}]) == {"api"}
