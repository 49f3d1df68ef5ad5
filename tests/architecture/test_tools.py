"""The tools of whoever works on the code: the Makefile's list, the hooks before a commit, and what runs by itself every week."""

import re
import subprocess
import tomllib
from typing import Any

import pytest
import yaml

from tests.architecture.source import ROOT
from tests.architecture.test_imports import recipe

# What `make check` runs, and a hook would repeat at every commit without need: the menus are looked at there.
ONLY_IN_CHECK = {"jasho"}


def undescribed(makefile: str) -> set[str]:
    """Targets for people that the list of `make help` would leave out."""
    phony = " ".join(re.findall(r"^\.PHONY:(.*)$", makefile, re.MULTILINE)).split()
    return set(phony) - set(re.findall(r"^([a-z]+):.*?  ## \S", makefile, re.MULTILINE))


def undeclared(makefile: str) -> set[str]:
    """Targets that are no files and are not said to be none: a file of that name would switch them off."""
    phony = " ".join(re.findall(r"^\.PHONY:(.*)$", makefile, re.MULTILINE)).split()
    return set(re.findall(r"^([a-z]+):(?!=)", makefile, re.MULTILINE)) - set(phony)


def tools(commands: list[str]) -> set[str]:
    """The programs of .venv that the commands run."""
    return {found for command in commands for found in re.findall(r"(?:\$\(BIN\)|\.venv/bin)/([a-z-]+)", command)}


def hooks(config: str) -> list[dict[str, Any]]:
    """All hooks of the configuration. Fails where one is to be fetched."""
    repositories = yaml.safe_load(config)["repos"]
    assert [repository["repo"] for repository in repositories] == ["local"] * len(repositories), "a hook is fetched"
    return [hook for repository in repositories for hook in repository["hooks"]]


def workflow(name: str) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text())
    return found


def unquoted(makefile: str) -> list[str]:
    """Lines that would fall apart in a folder whose name has a blank: they name the folder and do not quote it."""
    without_quoted = [re.sub(r'"[^"]*"', '""', line) for line in makefile.splitlines()]
    return [line for line in without_quoted if re.search(r"\$\$PWD|\$\((PWD|CURDIR)\)|\$\((abspath|realpath)\b", line)]


def test_make_works_in_a_folder_whose_name_has_a_blank() -> None:
    """Make splits paths at blanks, so that its own are relative."""
    makefile = (ROOT / "Makefile").read_text()
    assert unquoted(makefile) == []
    assert re.search(r"^VENV := \.venv$", makefile, re.MULTILINE)
    assert len(unquoted('BIN := $(CURDIR)/bin\n\tcd $$PWD\n\tcd "$$PWD/x"\n')) == 2


@pytest.mark.system
def test_make_alone_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert undescribed(makefile) == set()
    assert undeclared(makefile) == set()
    shown = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert [line.split()[1] for line in shown.splitlines()] == re.findall(r"^([a-z]+):.*?  ## ", makefile, re.MULTILINE)


def test_formatting_leaves_nothing_to_format() -> None:
    """A fix may leave a line too long, so it comes first."""
    assert [command.split()[1] for command in recipe((ROOT / "Makefile").read_text(), "fmt")] == ["check", "format"]


def test_coverage_has_a_floor_and_looks_at_branches_of_core_and_menus() -> None:
    coverage = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["coverage"]
    assert coverage["run"]["source"] == ["core", "menus"]
    assert coverage["run"]["branch"] is True
    assert coverage["report"]["fail_under"] > 0
    commands = recipe((ROOT / "Makefile").read_text(), "coverage")
    assert commands[-1].endswith("coverage report"), "the report is what fails below the floor"


def test_a_commit_is_looked_at_by_what_make_check_runs_and_by_nothing_from_elsewhere() -> None:
    found = hooks((ROOT / ".pre-commit-config.yaml").read_text())
    assert {hook["language"] for hook in found} == {"system"}
    in_hooks = tools([hook["entry"] for hook in found])
    assert in_hooks | ONLY_IN_CHECK == tools(recipe((ROOT / "Makefile").read_text(), "check"))


def test_a_fault_that_is_accepted_has_a_reason_and_its_line_still_stands() -> None:
    accepted = tomllib.loads((ROOT / "load-tests" / "mutants" / "accepted.toml").read_text()).get("mutant", [])
    for row in accepted:
        assert row.keys() == {"file", "before", "after", "reason"}
        assert row["before"] in {line.strip() for line in (ROOT / row["file"]).read_text().splitlines()}, row
        assert row["before"] != row["after"]
        assert len(row["reason"].split()) > 3


def test_updates_are_proposed_every_week() -> None:
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())["updates"]
    assert {update["package-ecosystem"] for update in updates} == {"pip", "github-actions"}
    assert {update["schedule"]["interval"] for update in updates} == {"weekly"}


def test_the_lock_is_audited_every_week_and_when_it_changes() -> None:
    audit = workflow("audit.yml")
    asked_for = audit[True]  # YAML reads `on` as a truth
    assert asked_for["schedule"]
    assert "requirements.lock" in asked_for["push"]["paths"]
    assert "requirements.lock" in asked_for["pull_request"]["paths"]
    [command] = [step["run"] for step in audit["jobs"]["audit"]["steps"] if "run" in step]
    assert command.endswith("--require-hashes --disable-pip --requirement requirements.lock")


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / ".github" / "workflows").iterdir()))
def test_a_workflow_may_read_and_no_more(name: str) -> None:
    found = workflow(name)
    assert found["permissions"] == {"contents": "read"}
    for job in found["jobs"].values():
        assert "permissions" not in job
        assert job["timeout-minutes"] <= 90
        assert all(re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step["uses"]) for step in job["steps"] if "uses" in step)


def test_the_rules_find_a_target_that_is_not_listed_or_not_declared() -> None:
    makefile = ".PHONY: run test\nrun: x  ## serves\n\tserve\ntest: x\n\tpytest\nbench:\n\tbench\nBIN := x\n"
    assert undescribed(makefile) == {"test"}
    assert undeclared(makefile) == {"bench"}


def test_the_rule_finds_a_hook_that_is_fetched() -> None:
    assert hooks("repos: [{repo: local, hooks: [{id: x}]}]") == [{"id": "x"}]
    with pytest.raises(AssertionError):
        hooks("repos: [{repo: 'example.org/hooks', hooks: [{id: x}]}]")
