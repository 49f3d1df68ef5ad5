"""The `jasho` command for tests, in a process of its own as an operator runs it."""

import os
import subprocess
from collections.abc import Sequence

from core.settings import Settings, as_environment
from tests.conftest import JASHO, LOGS

Done = subprocess.CompletedProcess[str]

# `jasho` with its data in another folder than the checkout's.
ELSEWHERE = """
import sys
from pathlib import Path
from gateway.cli import embedded
from gateway.cli.main import main
embedded.FOLDER = Path(sys.argv.pop(1))
main(prog_name="jasho")
"""


def jasho(arguments: Sequence[str], settings: Settings | None = None, typed: str = "", **variables: str) -> Done:
    environment = {**os.environ, **(as_environment(settings) if settings else {}), **variables}
    done = subprocess.run(
        [JASHO, *arguments], capture_output=True, text=True, timeout=60, env=environment, input=typed, check=False
    )
    with (LOGS / "command-line.log").open("a") as log:
        log.write(done.stdout + done.stderr)
    return done


def jasho_at_a_terminal(arguments: Sequence[str], settings: Settings, typed: str) -> Done:
    """As a person runs it who types an answer."""
    keyboard, terminal = os.openpty()
    try:
        os.write(keyboard, typed.encode())
        environment = {**os.environ, **as_environment(settings)}
        return subprocess.run(
            [JASHO, *arguments], stdin=terminal, capture_output=True, text=True, timeout=60, env=environment, check=False
        )
    finally:
        os.close(terminal)
        os.close(keyboard)


def check_failed_in_one_line(done: Done, *words: str) -> None:
    assert done.returncode != 0
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith("jasho: ")
    for word in words:
        assert word in line
