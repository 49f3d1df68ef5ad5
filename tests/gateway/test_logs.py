"""Logs: an operator learns what broke and where, and never what a customer typed."""

import json
from collections.abc import Iterator
from io import StringIO
from typing import NoReturn

import pytest
import structlog

from core.money import Money
from core.settings import Settings
from gateway import logs
from tests.pins import RIGHT, WRONG


@pytest.fixture
def written() -> Iterator[StringIO]:
    """What the service logs in production."""
    before = structlog.get_config()
    file = StringIO()
    log_into(file, Settings(env="production"))
    yield file
    structlog.configure(**before)


def log_into(file: StringIO, settings: Settings) -> None:
    logs.configure(settings)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(file), cache_logger_on_first_use=False)


def event_in(written: StringIO) -> dict[str, str]:
    """The line, less its time: four digits of a microsecond may be anybody's PIN."""
    event: dict[str, str] = json.loads(written.getvalue())
    assert event.pop("timestamp").endswith("Z"), "logs are in UTC"
    return event


def break_on(pin: str) -> NoReturn:
    raise ValueError(f"invalid input: {pin}")


def break_on_both(pin: str, other: str) -> NoReturn:
    try:
        break_on(pin)
    except ValueError as cause:
        raise RuntimeError(f"not found: {other}") from cause


def break_while_cleaning_up(pin: str, other: str) -> NoReturn:
    try:
        break_on(pin)
    finally:
        raise KeyError(other)


def test_a_pin_in_an_exceptions_message_is_not_logged(written: StringIO) -> None:
    try:
        break_on(RIGHT)
    except ValueError:
        structlog.get_logger().exception("hop failed", screen="send_pin")
    event = event_in(written)
    assert RIGHT not in str(event)
    assert (event["event"], event["screen"], event["level"]) == ("hop failed", "send_pin", "error")
    assert event["error"].startswith("ValueError at gateway/test_logs.py:")


def test_a_pin_in_a_cause_is_not_logged_and_the_cause_is(written: StringIO) -> None:
    try:
        break_on_both(RIGHT, WRONG)
    except RuntimeError:
        structlog.get_logger().exception("hop failed")
    told = event_in(written)["error"]
    assert (RIGHT in told, WRONG in told) == (False, False)
    assert [part.split(" at ")[0] for part in told.split(" | ")] == ["ValueError", "RuntimeError"]


def test_an_exception_while_another_is_handled_tells_of_both(written: StringIO) -> None:
    try:
        break_while_cleaning_up(RIGHT, WRONG)
    except KeyError:
        structlog.get_logger().exception("hop failed")
    told = event_in(written)["error"]
    assert (RIGHT in told, WRONG in told) == (False, False)
    assert [part.split(" at ")[0] for part in told.split(" | ")] == ["ValueError", "KeyError"]


def test_an_exception_out_of_generated_code_is_logged_like_any_other(written: StringIO) -> None:
    try:
        Money(1, "XXX")
    except ValueError:
        structlog.get_logger().exception("hop failed")
    assert event_in(written)["error"].startswith("ValueError at ")


def test_an_event_without_an_exception_is_left_as_it_is(written: StringIO) -> None:
    structlog.get_logger().info("USSD session ended", status="Success")
    assert event_in(written) == {"event": "USSD session ended", "status": "Success", "level": "info"}


def test_a_developer_reads_lines_and_no_pin_either(written: StringIO) -> None:
    log_into(written, Settings())
    try:
        break_on(RIGHT)
    except ValueError:
        structlog.get_logger().exception("hop failed")
    _, event, told = written.getvalue().partition("hop failed")
    assert event
    assert RIGHT not in told


def test_debugging_lines_stay_out_of_the_log(written: StringIO) -> None:
    structlog.get_logger().debug("looked up", phone="+254711000001")
    assert written.getvalue() == ""


def test_what_a_stranger_causes_again_and_again_is_told_once_with_how_often() -> None:
    sparing = logs.Sparing(every_seconds=3600)
    assert [sparing.count("garbage") for _ in range(3)] == [1, 0, 0]
    assert sparing.count("hung up") == 1
    often = logs.Sparing(every_seconds=0)
    assert [often.count("garbage") for _ in range(3)] == [1, 1, 1]


def test_a_line_says_for_how_many_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    sparing = logs.Sparing()
    now = 100.0
    monkeypatch.setattr("gateway.logs.time.monotonic", lambda: now)
    assert [sparing.count("garbage") for _ in range(5)] == [1, 0, 0, 0, 0]
    now = 110.0
    assert sparing.count("garbage") == 5
