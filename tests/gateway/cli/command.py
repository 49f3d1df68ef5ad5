"""The `jasho` command for tests, in a process of its own as an operator runs it."""

import os
import subprocess
import tempfile
from collections.abc import Sequence

from core.settings import Settings, as_environment
from tests.conftest import LOGS
from tests.gateway.cli import forked

Done = subprocess.CompletedProcess[str]

# `jasho` with its data in another folder than the checkout's.
ELSEWHERE = """
import sys
from pathlib import Path
from gateway.cli import embedded
from gateway.cli.start import main
embedded.FOLDER = Path(sys.argv.pop(1))
main(prog_name="jasho")
"""


def jasho(arguments: Sequence[str], settings: Settings | None = None, typed: str = "", **variables: str) -> Done:
    environment = {**os.environ, **(as_environment(settings) if settings else {}), **variables}
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(typed)
        file.flush()
        done = forked.run(arguments, environment, stdin=file.name, seconds=60)
    with (LOGS / "command-line.log").open("a") as log:
        log.write(done.stdout + done.stderr)
    return done


def jasho_at_a_terminal(arguments: Sequence[str], settings: Settings, typed: str) -> Done:
    """As a person runs it who types an answer."""
    keyboard, terminal = os.openpty()
    try:
        os.write(keyboard, typed.encode())
        return forked.run(arguments, {**os.environ, **as_environment(settings)}, stdin=os.ttyname(terminal), seconds=60)
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
