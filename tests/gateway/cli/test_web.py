"""Several processes that answer requests: one that starts slowly is let be, and one that is silent afterwards is not."""

from collections.abc import Iterator

import pytest
import uvicorn

from gateway.cli import web
from gateway.cli.web import WorkerProcess


@pytest.fixture
def process() -> Iterator[WorkerProcess]:
    """Not started: the test answers for it."""
    made = WorkerProcess(uvicorn.Config("gateway.app:create"), [])
    yield made
    made.parent_conn.close()
    made.child_conn.close()


def test_a_process_that_reads_our_code_for_long_is_not_killed_and_is_asked_once(process: WorkerProcess) -> None:
    assert [process.ping(0.01) for _ in range(3)] == [True, True, True]
    assert process.child_conn.recv() == b"ping"
    assert not process.child_conn.poll(0)


def test_a_process_that_answered_once_is_silent_for_no_longer_than_uvicorn_waits(process: WorkerProcess) -> None:
    process.ping(0.01)
    process.child_conn.recv()
    process.child_conn.send(False)
    assert process.ping(0.01)
    assert not process.ping(0.01)


def test_a_process_that_never_starts_is_killed_in_the_end(process: WorkerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "monotonic", lambda: process._starts_until_seconds + 1)
    assert not process.ping(0.01)


def test_a_process_whose_line_is_gone_is_not_taken_to_start(process: WorkerProcess) -> None:
    process.child_conn.close()
    assert not process.ping(0.01)
