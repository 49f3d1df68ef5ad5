"""Logs: an operator learns what broke and where, and never what a customer typed."""

import json
import logging
import os
from collections.abc import Iterator
from io import StringIO
from typing import Any, NoReturn

import pytest
import structlog

import core
from core.money import Money
from core.settings import Settings, as_environment
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
    logs.configure(settings, "web")
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(file), cache_logger_on_first_use=False)


def event_in(written: StringIO) -> dict[str, Any]:
    """The line, less its time: four digits of a microsecond may be anybody's PIN."""
    event: dict[str, Any] = json.loads(written.getvalue())
    assert event.pop("timestamp").endswith("Z"), "logs are in UTC"
    assert (event.pop("role"), event.pop("process")) == ("web", os.getpid())
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
    assert event["error"].startswith("ValueError at tests/gateway/test_logs.py:")


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


def test_the_same_complaint_is_logged_less_and_less_often(monkeypatch: pytest.MonkeyPatch, written: StringIO) -> None:
    """Else a night of one fault fills the disk, and hides the next one."""
    seconds = [0.0]
    monkeypatch.setattr(logs, "monotonic", lambda: seconds[0])
    log = structlog.get_logger()
    for row in range(8 * 3600):
        log.warning("a row's work failed", duty="jobs: deadlines", row=row)
        seconds[0] += 1
    log.warning("a row's work failed", duty="covers: renew", row=1)
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert len(lines) < 20
    assert sum(line.get("repeated", 0) for line in lines) + len(lines) > 6 * 3600
    assert lines[-1]["duty"] == "covers: renew", "another fault is told at once"


def test_a_complaint_that_comes_back_after_a_quiet_time_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch, written: StringIO
) -> None:
    seconds = [0.0]
    monkeypatch.setattr(logs, "monotonic", lambda: seconds[0])
    for _ in range(2):
        structlog.get_logger().warning("session not kept", error="TimeoutError")
        seconds[0] += 3600
    assert len(written.getvalue().splitlines()) == 2


def test_a_complaint_is_told_again_as_soon_as_its_quiet_time_is_over(monkeypatch: pytest.MonkeyPatch, written: StringIO) -> None:
    seconds = [0.0]
    monkeypatch.setattr(logs, "monotonic", lambda: seconds[0])
    for moment in (0, logs._FIRST_QUIET_SECONDS - 1, logs._FIRST_QUIET_SECONDS):
        seconds[0] = moment
        structlog.get_logger().warning("session not kept", error="TimeoutError")
    assert [json.loads(line).get("repeated") for line in written.getvalue().splitlines()] == [None, 1]


def test_good_news_and_money_are_told_each_time(written: StringIO) -> None:
    for _ in range(5):
        structlog.get_logger().info("money moved", kind="send", reference="0123456789")
    assert len(written.getvalue().splitlines()) == 5


def test_strangers_cannot_fill_the_memory_with_kinds_of_complaints(written: StringIO) -> None:
    repetitions = logs.Repetitions()
    for number in range(10_000):
        repetitions(None, "warning", {"event": "malformed", "level": "warning", "reason": str(number)})
    assert len(repetitions._kinds) <= 512
    assert written.getvalue() == ""


def test_the_settings_are_told_at_the_start_and_no_secret_is(written: StringIO) -> None:
    canary = "canary-1f0e9d8c"
    given = {name: canary for name in as_environment(Settings()) if name != "JASHO_ENV"}
    given |= {"JASHO_DATABASE_URL": f"postgresql://jasho:{canary}@db/jasho", "JASHO_REDIS_URL": f"redis://:{canary}@redis/0"}
    harmless = {"JASHO_PUBLIC_URL", "JASHO_SERVICE_CODE", "JASHO_COUNTRY", "JASHO_CALLBACK_ALLOW"}
    fields = {name.removeprefix("JASHO_").lower(): value for name, value in given.items() if name not in harmless}
    vendors = {"JASHO_AT_API_KEY": canary, "JASHO_TWILIO_AUTH_TOKEN": canary}
    logs.tell_start(Settings(env="production", **fields, vendors=vendors))
    event = event_in(written)
    assert canary not in str(event)
    assert event["settings"]["JASHO_PIN_PEPPER"] == "set"
    assert event["settings"]["JASHO_TWILIO_AUTH_TOKEN"] == "set"
    assert event["settings"]["JASHO_COUNTRY"] == "KE"
    assert event["version"] == core.__version__


def test_a_library_is_heard_without_what_it_quotes(written: StringIO) -> None:
    logging.getLogger("asyncio").error("Task failed on %s\nfuture: %s", RIGHT, RIGHT)
    logging.getLogger("py.warnings").warning("%s", f"never use {RIGHT}")
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert [line["library"] for line in lines] == ["asyncio", "py.warnings"]
    assert RIGHT not in "".join(str(line["says"]) for line in lines)


def test_a_second_outage_of_the_same_kind_within_a_minute_is_told_too() -> None:
    repetitions = logs.Repetitions()
    line = {"event": "an outage begins", "level": "error", "what": "PostgreSQL", "error": "OperationalError"}
    assert [repetitions(None, "error", dict(line)) for _ in range(2)] == [line, line]
