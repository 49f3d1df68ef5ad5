"""A log that cannot be written: the service goes on, and says afterwards what is missing."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest
import structlog

from core.settings import Settings
from gateway import log_file, logs
from gateway.log_file import LogFile, open_log
from tests import pins
from tests.conftest import JASHO, free_port, wait_until_ready
from tests.phone import SERVICE_CODE

CALLBACK = "/api/ussd/africastalking/local"


@pytest.fixture
def configured() -> Iterator[None]:
    before = structlog.get_config()
    logs.configure(Settings(env="production"), "web")
    yield
    structlog.configure(**before)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Its end to read and its end to write."""
    reader, writer = os.pipe()
    yield reader, writer
    for descriptor in (reader, writer):
        try:
            os.close(descriptor)
        except OSError:
            continue  # the test has closed it


def log_to(descriptor: int) -> None:
    file = LogFile(descriptor)
    structlog.configure(logger_factory=lambda *_: file, cache_logger_on_first_use=False)


@pytest.mark.usefixtures("configured")
def test_lines_that_a_reader_who_sleeps_has_missed_are_counted_when_he_reads_again(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    log_to(writer)
    log = structlog.get_logger()
    for number in range(2000):
        log.info("money moved", number=number)
    text = os.read(reader, 1 << 20)
    log.info("money moved", number=2000)
    text += os.read(reader, 1 << 20)
    lines = [json.loads(line) for line in text.splitlines()]
    [lost] = [line for line in lines if line["event"] == "lines of the log were lost"]
    assert len(lines) - 1 + lost["lines"] == 2001
    assert lost["level"] == "warning"


@pytest.mark.usefixtures("configured")
def test_lines_that_are_lost_again_and_again_are_all_counted_and_told_of_once_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [0.0]
    monkeypatch.setattr(log_file, "monotonic", lambda: seconds[0])
    lost = 0
    with (tmp_path / "log").open("wb") as file, Path("/dev/full").open("wb", buffering=0) as full:
        log_to(file.fileno())
        kept = os.dup(file.fileno())
        for _ in range(300):
            os.dup2(full.fileno(), file.fileno())
            structlog.get_logger().info("money moved")
            lost += 1
            os.dup2(kept, file.fileno())
            structlog.get_logger().info("money moved")
            seconds[0] += 1
        seconds[0] += 60
        structlog.get_logger().info("money moved")
        os.close(kept)
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    told = [line["lines"] for line in lines if line["event"] == "lines of the log were lost"]
    assert (len(told), sum(told)) == (6, lost)


@pytest.mark.usefixtures("configured")
def test_a_line_that_was_cut_off_does_not_spoil_the_next_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = [False]
    write = os.write

    def write_half(descriptor: int, line: bytes) -> int:
        if full[0]:
            raise OSError(28, "no space left")
        full[0] = True
        return write(descriptor, line[:40])

    with (tmp_path / "log").open("wb") as file:
        log_to(file.fileno())
        monkeypatch.setattr(os, "write", write_half)
        structlog.get_logger().info("money moved")
        monkeypatch.undo()
        structlog.get_logger().info("money moved")
    half, *whole = (tmp_path / "log").read_text().splitlines()
    assert len(half) == 40
    assert [json.loads(line)["event"] for line in whole] == ["money moved", "lines of the log were lost"]


@pytest.mark.usefixtures("configured")
@pytest.mark.filterwarnings("ignore")
def test_a_reader_who_has_gone_and_a_descriptor_that_is_closed_cost_nothing(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    log_to(writer)
    os.close(reader)
    structlog.get_logger().error("hop failed")
    os.close(writer)
    structlog.get_logger().error("dial not answered")
    assert logs.log


def test_a_process_that_was_started_without_standard_error_writes_into_no_other_file() -> None:
    """The next file that it opens has the number of standard error: a connection to the database, say."""
    file = open_log(None)
    assert not isinstance(file, LogFile)
    file.info("money moved")


@contextmanager
def serving_into(settings: Settings, descriptor: int | None, log: Path, *options: str) -> Iterator[str]:
    """`jasho serve` whose standard error is this file; None where it has none."""
    port = free_port()
    environment = {**os.environ, "JASHO_DATABASE_URL": settings.database_url, "JASHO_REDIS_URL": settings.redis_url}
    command = [str(JASHO), "serve", "--port", str(port), *options]
    if descriptor is None:
        command = ["sh", "-c", 'exec "$@" 2>&-', "sh", *command]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=descriptor)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(url, process, log)
        yield url
    finally:
        process.terminate()
        assert process.wait(20) == 0


@pytest.mark.system
@pytest.mark.parametrize(
    ("where", "options"),
    [("a full disk", ()), ("a pipe that nobody reads", ()), ("nowhere", ()), ("nowhere", ("--workers", "2"))],
)
def test_customers_are_served_and_their_money_moves_where_the_log_cannot_be_written(
    settings: Settings, tmp_path: Path, where: str, options: tuple[str, ...]
) -> None:
    (tmp_path / "none").touch()
    reader, writer = os.pipe()
    os.close(reader)
    full = os.open("/dev/full", os.O_WRONLY)
    descriptor = {"a full disk": full, "a pipe that nobody reads": writer, "nowhere": None}[where]
    try:
        with serving_into(settings, descriptor, tmp_path / "none", *options) as url:
            pay(url)
            # The web server, a library and a callback that makes no sense each want a line.
            assert httpx2.post(f"{url}{CALLBACK}", data={"text": "1"}).status_code == 400
            assert dial(url, f"ATUid_{uuid4().hex}", "1").startswith("CON Your balance is KES 11,9")
    finally:
        os.close(full)
        os.close(writer)


def pay(url: str) -> None:
    session = f"ATUid_{uuid4().hex}"
    assert "Enter PIN" in dial(url, session, "4*0722000002*500")
    assert "sent to" in dial(url, session, f"4*0722000002*500*{pins.RIGHT}")


def dial(url: str, session: str, text: str) -> str:
    form = {"sessionId": session, "phoneNumber": "+254711000001", "serviceCode": SERVICE_CODE, "text": text}
    answer = httpx2.post(f"{url}{CALLBACK}", data=form, timeout=20)
    assert answer.status_code == 200
    return answer.text
