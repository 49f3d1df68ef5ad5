"""The version is said once: what the changelog calls the newest release is what `jasho --version` prints."""

import re
import tomllib
from importlib.metadata import version

import pytest
from click.testing import CliRunner

import core
from gateway.cli.main import main
from tests.architecture.source import ROOT

_RELEASE = re.compile(r"^## \[(?P<version>\d+\.\d+\.\d+)\] - (?P<day>\d{4}-\d{2}-\d{2})$", re.MULTILINE)


def releases(changelog: str) -> list[tuple[str, str]]:
    """Version and day of each release, in the file's order."""
    return [(found["version"], found["day"]) for found in _RELEASE.finditer(changelog)]


def number(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release.split("."))


def misplaced(changelog: str) -> list[str]:
    """Releases that do not stand newest first, and headings that are neither a release nor the unreleased."""
    found = releases(changelog)
    headings = re.findall(r"^## .*$", changelog, re.MULTILINE)
    wrong = [heading for heading in headings if heading != "## [Unreleased]" and not _RELEASE.fullmatch(heading)]
    in_order = sorted(found, key=lambda release: (number(release[0]), release[1]), reverse=True)
    return wrong + [version for (version, _), other in zip(found, in_order, strict=True) if version != other[0]]


def test_the_changelogs_newest_release_is_the_version_of_the_code() -> None:
    assert releases((ROOT / "CHANGELOG.md").read_text())[0][0] == core.__version__


def test_the_changelog_has_one_place_for_what_comes_and_then_the_releases_newest_first() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    assert misplaced(text) == []
    assert text.count("## [Unreleased]\n") == 1
    assert text.index("## [Unreleased]") < text.index(f"## [{core.__version__}]")


def test_nothing_else_says_the_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "version" not in project
    assert project["dynamic"] == ["version"]
    assert version("jasho") == core.__version__


def test_jasho_prints_its_version() -> None:
    assert CliRunner().invoke(main, ["--version"]).output == f"jasho {core.__version__}\n"


@pytest.mark.parametrize(
    "changelog",
    [
        "## [0.1.0] - 2026-11-23\n## [0.2.0] - 2026-12-01\n",
        "## [0.2.0]\n",
        "## 0.2.0 - 2026-12-01\n",
        "## [0.9.0] - 2026-11-23\n## [0.10.0] - 2026-12-01\n",
    ],
)
def test_the_rule_finds_a_release_in_the_wrong_place_or_form(changelog: str) -> None:
    assert misplaced(changelog)
    assert misplaced("## [Unreleased]\n## [0.10.0] - 2026-12-01\n## [0.9.0] - 2026-11-23\n") == []
