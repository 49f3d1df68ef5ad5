"""`make env`: the one way to a `.env`."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dotenv import dotenv_values

from core.settings import Settings, read
from gateway.cli import env_file
from tests.architecture.source import ROOT

MADE = (
    "JASHO_PIN_PEPPER",
    "JASHO_DATA_KEY",
    "POSTGRES_PASSWORD",
    "POSTGRES_SERVICE_PASSWORD",
    "JASHO_BACKUP_KEY",
    "JASHO_CALLBACK_SECRET",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(ROOT / ".env.example", tmp_path)
    return tmp_path


@pytest.fixture
def open_mask() -> Iterator[None]:
    """Of a careless user, whose files everybody may read."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_mask")
def test_an_env_has_fresh_secrets_that_only_its_owner_can_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert env_file.main(folder) == 0
    made = dotenv_values(folder / ".env")
    assert made.keys() == dotenv_values(folder / ".env.example").keys()
    given = {name: value for name, value in made.items() if value}
    assert tuple(given) == MADE
    assert len(set(given.values())) == len(MADE)
    assert (folder / ".env").stat().st_mode & 0o777 == 0o600
    assert read(given).pin_pepper != Settings().pin_pepper
    shown = capsys.readouterr().out
    assert all(name in shown and str(given[name]) not in shown for name in MADE)
    assert sorted(file.name for file in folder.iterdir()) == [".env", ".env.example"]


@pytest.mark.parametrize("there", ["JASHO_PIN_PEPPER=ours\n", ""])
def test_an_env_that_is_there_is_never_written_over(folder: Path, there: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Its pepper may be that of a million PINs."""
    (folder / ".env").write_text(there)
    assert env_file.main(folder) == 1
    assert (folder / ".env").read_text() == there
    assert "stays as it is" in capsys.readouterr().err
    assert sorted(file.name for file in folder.iterdir()) == [".env", ".env.example"]


@pytest.mark.parametrize("example", [None, b"\xff\xfe", "a folder"])
def test_without_an_example_to_make_it_of_one_sentence_says_so(
    tmp_path: Path, example: bytes | str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    if isinstance(example, bytes):
        (tmp_path / ".env.example").write_bytes(example)
    elif example is not None:
        (tmp_path / ".env.example").mkdir()
    assert env_file.main(tmp_path) == 1
    told = capsys.readouterr().err
    assert told.startswith("Could not read .env.example")
    assert told.count("\n") == 1
    assert not (tmp_path / ".env").exists()


def test_a_link_that_leads_nowhere_counts_as_there(folder: Path) -> None:
    (folder / ".env").symlink_to(folder / "nowhere")
    assert env_file.main(folder) == 1
    assert not (folder / "nowhere").exists()


@pytest.mark.system
def test_an_env_is_made_before_anything_is_installed(tmp_path: Path) -> None:
    """By a Python without a package, in a folder whose name has a blank."""
    checkout = tmp_path / "a checkout"
    (checkout / "gateway" / "cli").mkdir(parents=True)
    for name in ("Makefile", ".env.example", "gateway/cli/env_file.py"):
        shutil.copy(ROOT / name, checkout / name)
    make = ["make", "--no-print-directory", "env", f"PYTHON={shlex.quote(sys.executable)} -I -S"]
    first, second = (subprocess.run(make, cwd=checkout, capture_output=True, text=True, check=False) for _ in range(2))
    assert (first.returncode, first.stderr) == (0, "")
    assert (checkout / ".env").read_text().count("=") == (ROOT / ".env.example").read_text().count("=")
    assert second.returncode != 0
    assert second.stderr.startswith("There is a .env already")
