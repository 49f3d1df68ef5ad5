"""What providers bring and nobody can handle is kept aside and does not come again for hours; everything else comes again."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from psycopg import errors
from sqlalchemy import select
from sqlalchemy.exc import DataError, InternalError, OperationalError, ProgrammingError
from structlog.testing import capture_logs

from core import clock
from core.customers import profiles
from core.errors import Busy
from core.messaging import aside, inbound, optouts, reports
from core.runtime import Runtime
from core.tables.messaging import inbound as inbound_table
from core.tables.messaging import sms_aside
from gateway.cli.doctor.finding import State
from gateway.cli.doctor.messages import kept_aside
from tests.gateway.providers.message import ASHA, sent, status_of

AT = "/api/sms/africastalking/local"
SECRET_WORDS = "PIN 4826 caf\u00e9"
FORMS = {
    "inbound": {"id": "one", "from": ASHA, "text": SECRET_WORDS, "date": "2026-01-02T10:00:00Z"},
    "delivery": {"id": "one", "status": "Success", "phoneNumber": ASHA},
    "optout": {"phoneNumber": ASHA},
}
AWAY = OperationalError("SELECT", {}, errors.AdminShutdown())
UNSTORABLE = DataError("INSERT", {}, errors.UntranslatableCharacter())
BUG = ProgrammingError("SELECT", {}, errors.UndefinedColumn())


def fails(error: Exception) -> Callable[..., Awaitable[Any]]:
    async def call(*_: Any, **__: Any) -> Any:
        raise error

    return call


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], None]:
    """Makes the work of each callback fail with the error."""

    def break_with(error: Exception) -> None:
        monkeypatch.setattr(profiles, "find", fails(error))
        monkeypatch.setattr(reports, "record", fails(error))
        monkeypatch.setattr(optouts, "opt_out", fails(error))

    return break_with


async def rows(runtime: Runtime) -> list[Any]:
    async with runtime.database.autocommit() as connection:
        return list((await connection.execute(select(sms_aside).order_by(sms_aside.c.first_at))).all())


async def come_again(runtime: Runtime, client: httpx2.AsyncClient, path: str) -> int:
    """As its provider does it a minute later."""
    async with runtime.database.autocommit() as connection:
        await connection.execute(inbound_table.update().values(claimed_at=inbound_table.c.claimed_at - inbound._LEASE * 2))
    return (await client.post(f"{AT}/{path}", data=FORMS[path])).status_code


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("error", [BUG, ValueError(), KeyError("x"), RecursionError()])
async def test_what_fails_twice_is_kept_aside_and_comes_no_more(
    client: httpx2.AsyncClient, runtime: Runtime, breaking: Callable[[Exception], None], path: str, error: Exception
) -> None:
    breaking(error)
    with capture_logs() as lines:
        assert await come_again(runtime, client, path) == 503
        [row] = await rows(runtime)
        assert row.aside_at is None
        assert await come_again(runtime, client, path) == 200
    [row] = await rows(runtime)
    assert (row.reason, row.times, row.aside_at is not None) == (aside.FAILED, 2, True)
    assert type(error).__name__ in row.detail
    assert [line["id"] for line in lines if line["event"] == "an SMS or report is kept aside"] == [row.provider_id]
    assert "4826" not in str(lines)
    assert "4826" not in str(row)


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("error", [UNSTORABLE, UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates")])
async def test_what_cannot_be_stored_is_kept_aside_at_once(
    client: httpx2.AsyncClient, runtime: Runtime, breaking: Callable[[Exception], None], path: str, error: Exception
) -> None:
    breaking(error)
    assert await come_again(runtime, client, path) == 200
    [row] = await rows(runtime)
    assert row.aside_at is not None


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize(
    "error",
    [
        AWAY,
        TimeoutError(),
        ConnectionResetError(),
        Busy(),
        OperationalError("SELECT", {}, errors.QueryCanceled()),
        OperationalError("SELECT", {}, errors.LockNotAvailable()),
        OperationalError("SELECT", {}, errors.DeadlockDetected()),
        OperationalError("SELECT", {}, errors.DiskFull()),
        InternalError("UPDATE", {}, errors.ReadOnlySqlTransaction()),
        InternalError("UPDATE", {}, errors.IdleInTransactionSessionTimeout()),
    ],
)
async def test_what_a_server_that_is_away_fails_at_is_taken_when_it_is_back(
    client: httpx2.AsyncClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch, path: str, error: Exception
) -> None:
    message, _ = await sent(runtime, "africastalking", "one")
    with monkeypatch.context() as patched:
        patched.setattr(profiles, "find", fails(error))
        patched.setattr(reports, "record", fails(error))
        patched.setattr(optouts, "opt_out", fails(error))
        for _ in range(4):
            assert await come_again(runtime, client, path) == 503
    assert await rows(runtime) == []
    assert await come_again(runtime, client, path) == 200
    assert await rows(runtime) == []
    if path == "delivery":
        assert await status_of(runtime, message) == "delivered"


async def test_an_sms_that_a_gateway_an_hour_ahead_had_taken_is_answered_when_it_comes_again(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched, clock.at(clock.now() + timedelta(hours=1)):
        patched.setattr(profiles, "find", fails(AWAY))
        assert (await client.post(f"{AT}/inbound", data=FORMS["inbound"])).status_code == 503
    assert (await client.post(f"{AT}/inbound", data=FORMS["inbound"])).status_code == 200


async def test_while_a_server_is_away_the_log_says_so_once_and_not_for_each_callback(
    client: httpx2.AsyncClient, runtime: Runtime, breaking: Callable[[Exception], None]
) -> None:
    breaking(AWAY)
    with capture_logs() as lines:
        for path in FORMS:
            for _ in range(10):
                assert await come_again(runtime, client, path) == 503
    assert [line["event"] for line in lines if line["log_level"] != "info"] == ["an outage begins"]


@pytest.mark.parametrize("status", ["Perhaps", "DeliveredToHandset", "Seen", "", "0722000111 4826", "x" * 500])
async def test_a_report_of_a_status_that_nobody_knows_is_kept_and_told_once(
    client: httpx2.AsyncClient, runtime: Runtime, status: str
) -> None:
    message, _ = await sent(runtime, "africastalking", "one")
    with capture_logs() as lines:
        for report in ("one", "two", "two"):
            form = {**FORMS["delivery"], "id": report, "status": status}
            assert (await client.post(f"{AT}/delivery", data=form)).status_code == 200
    assert [line["event"] for line in lines if line["log_level"] == "warning"] == [
        "delivery reports have a status that is not known"
    ]
    assert "4826" not in str(lines)
    kept = await rows(runtime)
    assert [(row.provider_id, row.times, row.reason) for row in kept] == [("one", 1, "status"), ("two", 2, "status")]
    assert "4826" not in str(kept)
    assert await status_of(runtime, message) == "sent"


async def test_a_message_whose_status_nobody_knew_is_still_moved_by_the_next_report(
    client: httpx2.AsyncClient, runtime: Runtime
) -> None:
    message, _ = await sent(runtime, "africastalking", "one")
    for status in ("Perhaps", "Success"):
        assert (await client.post(f"{AT}/delivery", data={**FORMS["delivery"], "status": status})).status_code == 200
    assert await status_of(runtime, message) == "delivered"


@pytest.mark.parametrize(
    "sender",
    [
        *("Safaricom", "22384", "M-PESA", "+15551234567", "+447700900123", "+254202222222", "Jasho\u202e", "x" * 300, ""),
        *("+447911123456", "+12025550123", "+256772123456"),
    ],
)
async def test_an_sms_of_a_sender_that_nothing_can_be_written_to_does_not_come_again(
    client: httpx2.AsyncClient, runtime: Runtime, sender: str
) -> None:
    sms = {**FORMS["inbound"], "id": uuid4().hex, "from": sender, "text": "BAL"}
    with capture_logs() as lines:
        assert (await client.post(f"{AT}/inbound", data=sms)).status_code == 200
    [row] = await rows(runtime)
    assert (row.provider_id, row.reason) == (sms["id"], aside.SENDER)
    assert [line for line in lines if line["log_level"] != "info"] == []
    async with runtime.database.autocommit() as connection:
        assert (await connection.execute(select(inbound_table))).all() == []


@pytest.mark.parametrize("number", ["Safaricom", "22384", "+15551234567", "", "x" * 300, "0711\ufffd00001", "a\nb"])
async def test_an_opt_out_of_no_number_does_not_come_again(client: httpx2.AsyncClient, runtime: Runtime, number: str) -> None:
    assert (await client.post(f"{AT}/optout", data={"phoneNumber": number})).status_code == 200
    [row] = await rows(runtime)
    assert (row.way, row.reason) == (aside.OPT_OUT, aside.SENDER)


@pytest.mark.parametrize("path", FORMS)
async def test_a_failure_of_long_ago_takes_no_try_from_a_later_one(
    client: httpx2.AsyncClient, runtime: Runtime, breaking: Callable[[Exception], None], path: str
) -> None:
    breaking(BUG)
    now = clock.now()
    for days in (0, 60):
        with clock.at(now + timedelta(days=days)):
            assert await come_again(runtime, client, path) == 503
            [row] = await rows(runtime)
            assert (row.times, row.aside_at) == (1, None)
            assert await come_again(runtime, client, path) == 200


async def test_a_failed_opt_out_that_was_taken_then_takes_no_try_from_the_next_one(
    client: httpx2.AsyncClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        with monkeypatch.context() as patched:
            patched.setattr(optouts, "opt_out", fails(BUG))
            assert await come_again(runtime, client, "optout") == 503
        assert await come_again(runtime, client, "optout") == 200
        assert await rows(runtime) == []


async def test_a_message_whose_first_report_failed_keeps_the_tries_of_its_next_one(
    client: httpx2.AsyncClient, breaking: Callable[[Exception], None]
) -> None:
    assert (await client.post(f"{AT}/delivery", data={**FORMS["delivery"], "status": "Perhaps"})).status_code == 200
    breaking(BUG)
    for status in ("Sent", "Success"):
        assert (await client.post(f"{AT}/delivery", data={**FORMS["delivery"], "status": status})).status_code == 503


async def test_the_doctor_counts_what_is_kept_aside_and_names_its_kinds(
    client: httpx2.AsyncClient, runtime: Runtime, breaking: Callable[[Exception], None]
) -> None:
    async with runtime.database.autocommit() as connection:
        assert (await kept_aside(connection, runtime.settings)).state is State.OK
    await client.post(f"{AT}/inbound", data={**FORMS["inbound"], "from": "Safaricom"})
    async with runtime.database.autocommit() as connection:
        finding = await kept_aside(connection, runtime.settings)
        assert (finding.state, finding.seen) == (State.OK, "1 SMS of senders that nothing can be written to")
    for report in ("one", "two"):
        await client.post(f"{AT}/delivery", data={**FORMS["delivery"], "id": report, "status": "Perhaps"})
    breaking(UNSTORABLE)
    await client.post(f"{AT}/optout", data=FORMS["optout"])
    async with runtime.database.autocommit() as connection:
        finding = await kept_aside(connection, runtime.settings)
    assert finding.state is State.WEAK
    assert "2 report of africastalking (status: Perhaps)" in finding.seen
    assert "1 opt-out of africastalking (failed: " in finding.seen
    assert ASHA not in finding.seen
    with clock.at(clock.now() + aside.LATELY):
        async with runtime.database.autocommit() as connection:
            assert (await kept_aside(connection, runtime.settings)).state is State.OK, "a week later it is no news"
