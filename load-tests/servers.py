"""The embedded servers of a folder, to be killed, stopped and frozen."""

import signal
import time
from contextlib import suppress
from pathlib import Path

import psutil


def processes(folder: Path, name: str) -> list[psutil.Process]:
    """The server and what it has started. Raises RuntimeError where it does not run."""
    for process in psutil.process_iter(["name", "cmdline"]):
        if process.info["name"] == name and any(str(folder) in part for part in process.info["cmdline"] or []):
            return [process, *process.children(recursive=True)]
    raise RuntimeError(f"no {name} of {folder} runs")


def end(folder: Path, name: str, how: signal.Signals) -> None:
    """It stays away until the caller enters `embedded` again."""
    running = processes(folder, name)
    for process in running if how is signal.SIGKILL else running[:1]:
        _signal(process, how)
    psutil.wait_procs(running, timeout=30)


def freeze(folder: Path, name: str, seconds: float) -> None:
    running = processes(folder, name)
    for process in running:
        _signal(process, signal.SIGSTOP)
    time.sleep(seconds)
    for process in running:
        _signal(process, signal.SIGCONT)


def _signal(process: psutil.Process, how: signal.Signals) -> None:
    """PostgreSQL's children come and go: one that has gone since they were listed needs none."""
    with suppress(psutil.NoSuchProcess):
        process.send_signal(how)
