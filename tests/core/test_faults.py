"""Faults in a log: an operator reads what broke, with its code and its place, and when it began and ended."""

import asyncio
import errno

import psycopg
import pytest
import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from core.db import Database
from core.faults import describe, is_away
from core.faults import outage as outages
from core.faults.outage import Outage, blame
from core.settings import Settings

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


async def failure(database: Database, statement: str) -> Exception:
    try:
        async with database.autocommit() as connection:
            await connection.execute(text(statement))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what the test is about
        return error
    raise AssertionError(f"did not fail: {statement}")


async def test_a_databases_refusal_is_told_by_its_code_and_our_place(settings: Settings) -> None:
    database = Database(settings.database_url)
    error = await failure(database, "SELECT 'Asha''s PIN' ::integer")
    assert "22P02" in describe(error)
    assert "tests/core/test_faults.py:" in describe(error)
    assert "Asha" not in describe(error)
    assert not is_away(error)
    await database.close()


async def test_a_database_that_is_away_is_told_from_one_that_refuses(settings: Settings) -> None:
    away, here = Database(NOWHERE), Database(settings.database_url)
    assert is_away(await failure(away, "SELECT 1"))
    assert not is_away(await failure(here, "SET LOCAL lock_timeout = 'never'"))
    assert not is_away(await failure(here, "SELECT 1 / 0"))
    await away.close()
    await here.close()


@pytest.mark.parametrize(
    ("error", "words", "away"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "no"), "ConnectionRefusedError ECONNREFUSED", True),
        (TimeoutError(), "TimeoutError", True),
        (psycopg.errors.AdminShutdown("the row is 4826"), "AdminShutdown 57P01", True),
        (psycopg.errors.TooManyConnections(), "TooManyConnections 53300", True),
        (psycopg.errors.ReadOnlySqlTransaction(), "ReadOnlySqlTransaction 25006", True),
        (psycopg.errors.IdleInTransactionSessionTimeout(), "IdleInTransactionSessionTimeout 25P03", True),
        (psycopg.errors.TransactionTimeout(), "TransactionTimeout 25P04", True),
        (psycopg.errors.InFailedSqlTransaction(), "InFailedSqlTransaction 25P02", False),
        (psycopg.errors.LockNotAvailable(), "LockNotAvailable 55P03", False),
        (psycopg.errors.QueryCanceled(), "QueryCanceled 57014", False),
        (KeyError("4826"), "KeyError", False),
        (ExceptionGroup("two", [ValueError("4826"), KeyError("4826")]), "ValueError | ExceptionGroup", False),
        (OperationalError("SELECT 4826", None, OSError(errno.ENOSPC, "4826")), "OperationalError", True),
        (DBAPIError("SELECT 4826", None, psycopg.errors.UniqueViolation("4826")), "DBAPIError 23505", False),
    ],
)
def test_an_error_is_told_by_class_and_code_and_never_by_its_message(error: Exception, words: str, away: bool) -> None:
    assert (describe(error), is_away(error)) == (words, away)


def test_a_circle_of_causes_ends() -> None:
    first, second = ValueError(), KeyError()
    first.__cause__, second.__cause__ = second, first
    assert describe(first) == "KeyError | ValueError"


def test_an_outage_is_told_when_it_begins_and_when_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = [0.0]
    monkeypatch.setattr(outages, "monotonic", lambda: seconds[0])
    outage = Outage("PostgreSQL")
    with structlog.testing.capture_logs() as lines:
        outage.over()
        for _ in range(8 * 3600):
            outage.fault(TimeoutError())
            seconds[0] += 1
        outage.fault(ConnectionRefusedError(errno.ECONNREFUSED, "no"))
        outage.over()
        seconds[0] += 6
        outage.over()
        outage.over()
        outage.fault(TimeoutError())
    events = [line["event"] for line in lines]
    assert events[0] == "an outage begins"
    assert events[-2:] == ["an outage is over", "an outage begins"]
    assert lines[-2]["failures"] == 8 * 3600 + 1
    assert lines[-2]["seconds"] == 8 * 3600 + 6
    assert "ECONNREFUSED" in lines[-3]["error"]
    assert len(events) < 20, "a night's outage is a few lines"


@pytest.mark.parametrize("period_seconds", [1, 6, 11, 61, 600, 3600])
def test_a_server_that_comes_and_goes_all_night_is_a_few_lines(monkeypatch: pytest.MonkeyPatch, period_seconds: int) -> None:
    seconds = [0.0]
    monkeypatch.setattr(outages, "monotonic", lambda: seconds[0])
    outage = Outage("PostgreSQL")
    with structlog.testing.capture_logs() as lines:
        for _ in range(8 * 3600 // period_seconds):
            outage.fault(TimeoutError())
            seconds[0] += period_seconds
            outage.over()
    assert lines[0]["event"] == "an outage begins"
    assert len(lines) < 50


def test_a_server_that_is_well_again_for_an_hour_is_told_of_as_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = [0.0]
    monkeypatch.setattr(outages, "monotonic", lambda: seconds[0])
    outage = Outage("PostgreSQL")
    for _ in range(100):
        outage.fault(TimeoutError())
        seconds[0] += 20
        outage.over()
    seconds[0] += 3601
    outage.over()
    with structlog.testing.capture_logs() as lines:
        outage.fault(TimeoutError())
        seconds[0] += 6
        outage.over()
    assert [line["event"] for line in lines] == ["an outage begins", "an outage is over"]


def test_a_duty_is_not_blamed_for_a_server_that_is_away() -> None:
    server, duty = Outage("PostgreSQL"), Outage("a duty")
    with structlog.testing.capture_logs() as lines:
        blame(TimeoutError(), server, duty)
        blame(KeyError(), server, duty)
    assert [(line["what"], line["error"]) for line in lines] == [("PostgreSQL", "TimeoutError"), ("a duty", "KeyError")]


async def test_a_hundred_callers_of_a_database_that_is_away_are_one_line() -> None:
    away = Database(NOWHERE)
    with structlog.testing.capture_logs() as lines:
        await asyncio.gather(*(failure(away, "SELECT 1") for _ in range(100)))
    assert [line["event"] for line in lines if line["what"] == "PostgreSQL"][:1] == ["an outage begins"]
    assert len(lines) <= 2, "one for each kind of error"
    await away.close()
