"""A checkout works wherever people put it: in a folder whose name has blanks, quotes, signs or no end."""

import fcntl
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from tests.architecture.source import ROOT
from tests.conftest import FOLDER, LOGS, free_port, wait_until_ready

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("folders")]

PACKAGES = ("api", "core", "gateway", "locales", "menus")
# Everything at once: `%` begins something in Alembic's settings and in an address, the length is too much for a socket.
NAME = f"it's 100% a ñandú's #checkout & {'long ' * 20}"
# The packages of the current folder come before those that are installed.
JASHO_HERE = [sys.executable, "-c", "from gateway.cli.start import main; main(prog_name='jasho')"]


@pytest.fixture(scope="module")
def checkout() -> Iterator[Path]:
    """One for all, as `make run` leaves it when it has installed: to make a database takes seconds."""
    folder = FOLDER / uuid4().hex[:8]
    made = folder / NAME
    for package in PACKAGES:
        shutil.copytree(ROOT / package, made / package, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copyfile(ROOT / file, made / file)
    programs = made / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(sys.executable)
    (programs / "jasho").write_text(f'#!/bin/sh\nexec {shlex.join(JASHO_HERE)} "$@"\n')
    (programs / "jasho").chmod(0o755)
    (made / ".venv" / ".runtime").touch()
    subprocess.run([*JASHO_HERE, "demo"], cwd=made, check=True, stdout=subprocess.DEVNULL, timeout=180)
    yield made
    for log in made.rglob("server.log"):
        shutil.copyfile(log, LOGS / f"{folder.name}-{log.parent.name}.log")
    shutil.rmtree(folder)


@contextmanager
def made_to_run(checkout: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """`make run`, as a terminal starts it: make, and what it starts, are one group."""
    port, log = free_port(), LOGS / "folders.log"
    command = ["make", "run", f"PORT={port}"]
    with (
        log.open("w") as output,
        subprocess.Popen(command, cwd=checkout, stdout=output, stderr=output, process_group=0) as process,
    ):
        try:
            wait_until_ready(f"http://127.0.0.1:{port}", process, log)
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)


def test_a_checkout_in_a_folder_of_any_name_serves_and_is_dialled(checkout: Path) -> None:
    with made_to_run(checkout):
        dial = [*JASHO_HERE, "dial", "*384*96*1#", "--phone", "0711000001"]
        done = subprocess.run(dial, cwd=checkout, capture_output=True, text=True, timeout=60, check=False)
        assert "Your balance is KES 12,500" in done.stdout, done.stderr
        assert (checkout / ".jasho" / "postgres").is_dir(), "it took another checkout's data"


@pytest.mark.parametrize(
    ("stop", "whom"),
    [
        pytest.param(signal.SIGTERM, os.kill, id="a service manager stops make"),
        pytest.param(signal.SIGHUP, os.killpg, id="the terminal is closed"),
        pytest.param(signal.SIGINT, os.killpg, id="Ctrl-C"),
    ],
)
def test_nothing_is_left_running_behind_make_run(checkout: Path, stop: signal.Signals, whom: object) -> None:
    assert callable(whom)
    with made_to_run(checkout) as process:
        assert [*checkout.rglob("postmaster.pid")], "nothing to stop"
        whom(process.pid, stop)
        process.wait(30)
    with (checkout / ".jasho" / "in-use.lock").open("w") as in_use:
        fcntl.flock(in_use, fcntl.LOCK_EX)  # until jasho has ended, which make may not have waited for
    assert [*checkout.rglob("postmaster.pid")] == []
