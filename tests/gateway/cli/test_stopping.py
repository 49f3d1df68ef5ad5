"""Whoever stops a command of `jasho` stops the servers that it has started: nothing is left running behind a closed terminal."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from core.settings import Settings, as_environment
from gateway.cli.embedded import embedded
from tests.conftest import FOLDER, JASHO, LOGS, free_port, wait_until_ready
from tests.gateway.cli.command import ELSEWHERE

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """One for all: to make a database takes seconds, to start it does not."""
    made = FOLDER / uuid4().hex[:8]
    made.mkdir(parents=True)
    # The worker's own are none that it could work on.
    subprocess.run([sys.executable, "-c", ELSEWHERE, str(made), "migrate"], check=True, capture_output=True)
    yield made
    if left_running(made):
        with embedded(made):
            pass  # adopts them, and stops them
    for log in made.rglob("server.log"):
        shutil.copyfile(log, LOGS / f"{made.name}-{log.parent.name}.log")
    shutil.rmtree(made)


# A weak reference's callback is where the signal arrives.
LOST = """
import os
import weakref
from gateway.cli import web

class Thing:
    pass

serve, thing = web.serve, Thing()
gone = weakref.ref(thing, lambda _: os.kill(os.getpid(), STOP))

def serve_after_a_signal(*args, **options):
    del globals()["thing"]
    serve(*args, **options)

if __name__ == "__main__":
    web.serve = serve_after_a_signal
"""


@contextmanager
def started(command: list[str], environment: dict[str, str] | None = None) -> Iterator["subprocess.Popen[str]"]:
    with (
        (LOGS / "stopping.log").open("a") as log,
        subprocess.Popen(
            command, env={**os.environ, **(environment or {})}, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline().startswith(("Jasho serves on ", "The worker runs."))
        try:
            yield process
        finally:
            process.kill()


def left_running(folder: Path) -> list[Path]:
    """What a server that runs has in its folder."""
    return [*folder.rglob("postmaster.pid"), *folder.rglob("valkey.sock")]


@pytest.mark.parametrize("options", [[], ["--workers", "2"]])
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_service_that_is_stopped_before_it_has_started_ends_well(
    folder: Path, options: list[str], stop: signal.Signals
) -> None:
    """It is told as soon as it has said where it serves, where Python would lose an exception that a signal raises.

    Else a service manager waits in vain, or takes a stop in that moment for a failure and starts it again.
    """
    command = [
        sys.executable,
        "-c",
        f"STOP = {stop:d}" + LOST + ELSEWHERE,
        str(folder),
        "serve",
        *options,
        "--port",
        str(free_port()),
    ]
    with started(command) as process:
        assert process.wait(30) == 0
        assert left_running(folder) == []


@pytest.mark.parametrize(
    ("command", "stop"),
    [
        (["serve"], signal.SIGTERM),
        (["serve"], signal.SIGHUP),
        (["serve"], signal.SIGINT),
        (["serve", "--workers", "2"], signal.SIGHUP),
        (["worker"], signal.SIGTERM),
        (["worker"], signal.SIGHUP),
        (["worker"], signal.SIGINT),
    ],
)
def test_no_server_is_left_running_behind_a_command_that_was_stopped(
    folder: Path, command: list[str], stop: signal.Signals
) -> None:
    port = ["--port", str(free_port())] if "serve" in command else []
    with started([sys.executable, "-c", ELSEWHERE, str(folder), *command, *port]) as process:
        assert left_running(folder), "nothing to stop"
        process.send_signal(stop)
        assert process.wait(30) == 0
    assert left_running(folder) == []


def test_a_phone_in_the_terminal_finds_the_service_at_whichever_port(folder: Path) -> None:
    elsewhere = [sys.executable, "-c", ELSEWHERE, str(folder)]
    port = free_port()
    dial = [*elsewhere, "dial", "*384*96*1#", "--phone", "0711000001"]
    sms = [*elsewhere, "sms", "LANG EN", "--phone", "0711000001"]
    with started([*elsewhere, "serve", "--port", str(port)]) as process:
        wait_until_ready(f"http://127.0.0.1:{port}", process, LOGS / "stopping.log")
        for command in (dial, sms):
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            assert (done.returncode, done.stderr) == (0, "")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert not (folder / "address").exists(), "the next one would look for it there"


def test_a_service_that_a_manager_stops_has_not_failed(settings: Settings) -> None:
    with started([str(JASHO), "serve", "--port", str(free_port())], as_environment(settings)) as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_a_service_that_must_outlive_its_terminal_does(settings: Settings) -> None:
    with started(["nohup", str(JASHO), "serve", "--port", str(free_port())], as_environment(settings)) as process:
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGUSR1)
        assert process.wait(30) == -signal.SIGUSR1, "it ended of the first signal"
