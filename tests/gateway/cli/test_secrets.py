"""Secrets of another database: a command says so in one line, before it does anything."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from core.settings import Settings
from tests import databases
from tests.conftest import free_port
from tests.gateway.cli.command import ELSEWHERE, check_failed_in_one_line, jasho

pytestmark = pytest.mark.system

KEY = "ab" * 32
NAMES = ("JASHO_PIN_PEPPER", "JASHO_DATA_KEY")
PRODUCTION = {"JASHO_ENV": "production", "JASHO_CALLBACK_SECRET": "s3cret"}


@pytest.mark.parametrize(
    "command",
    [
        ["serve"],
        ["worker"],
        ["demo"],
        ["agent", "add", "--phone", "0722000002", "--name", "Kiosk"],
        ["jobs", "disputes"],
        ["claims", "list"],
    ],
)
def test_with_other_secrets_no_command_works_and_the_line_says_which_differ(settings: Settings, command: list[str]) -> None:
    """Three tries of a right PIN would lock it."""
    assert jasho(["demo"], settings).returncode == 0
    port = ["--port", str(free_port())] if command == ["serve"] else []
    done = jasho([*command, *port], replace(settings, pin_pepper="another", data_key=KEY))
    check_failed_in_one_line(done, *NAMES, "the old one", ".env")
    assert "another " in done.stderr
    assert KEY not in done.stderr


def test_production_is_refused_too_and_is_not_told_to_delete_its_data(settings: Settings) -> None:
    databases.forget_ids(settings.database_url)
    ours = replace(settings, pin_pepper="ours", data_key=KEY)
    assert jasho(["agent", "add", "--phone", "0733000003", "--name", "Mama Njeri Shop"], ours, **PRODUCTION).returncode == 0
    done = jasho(["serve", "--port", str(free_port())], replace(ours, pin_pepper="theirs"), **PRODUCTION)
    check_failed_in_one_line(done, "JASHO_PIN_PEPPER")
    assert "JASHO_DATA_KEY" not in done.stderr
    assert "forget" not in done.stderr


def test_local_data_from_before_an_env_may_be_deleted_instead(own_folder: Path) -> None:
    """`make env` after `make run`: nothing is broken, but for local data there is a second way out."""
    elsewhere = [sys.executable, "-c", ELSEWHERE, str(own_folder), "demo"]
    assert subprocess.run(elsewhere, capture_output=True, timeout=60, check=False).returncode == 0
    changed = {**os.environ, "JASHO_PIN_PEPPER": "another", "JASHO_DATA_KEY": KEY}
    done = subprocess.run(elsewhere, capture_output=True, text=True, timeout=60, check=False, env=changed)
    check_failed_in_one_line(done, *NAMES, "make forget")


def test_the_books_are_proved_under_any_secret(settings: Settings) -> None:
    """After a restore they are looked at first."""
    assert jasho(["demo"], settings).returncode == 0
    assert jasho(["ledger", "verify"], replace(settings, pin_pepper="another", data_key=KEY)).returncode == 0


def test_a_worker_of_a_database_that_is_not_migrated_says_what_to_do(settings: Settings) -> None:
    with psycopg.connect(settings.database_url) as connection:
        connection.execute("DROP TABLE canary")
    check_failed_in_one_line(jasho(["worker"], settings), "jasho migrate")
