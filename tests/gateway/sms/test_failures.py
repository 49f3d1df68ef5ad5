"""Providers and a database that fail amid a message: none is lost or sent twice, and whoever can come again is asked to."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from psycopg.errors import AdminShutdown, IdleInTransactionSessionTimeout, ReadOnlySqlTransaction
from sqlalchemy.exc import InternalError, OperationalError
from structlog.testing import capture_logs

from core import clock
from core.customers import profiles
from core.errors import Busy
from core.messaging import outbox, reports
from core.messaging.deliveries import ProviderAnswer, SendOutcome
from gateway.sms import sending
from gateway.sms.provider import Threads
from tests.gateway import vendors
from tests.gateway.post_office import PostOffice
from tests.gateway.sms.test_inbound import Handset
from tests.gateway.sms.test_inbound import asha as asha  # noqa: PLC0414 - pytest's way to share a fixture
from tests.gateway.vendors import Vendor

AWAY = OperationalError("SELECT", {}, AdminShutdown())


def failing(error: Exception, *, times: int, then: Callable[..., Any]) -> Callable[..., Any]:
    """Fails so many times, and does then what it should."""
    left = times

    async def call(*given: Any, **named: Any) -> Any:
        nonlocal left
        if left:
            left -= 1
            raise error
        return await then(*given, **named)

    return call


@asynccontextmanager
async def sender(post: PostOffice) -> AsyncIterator[asyncio.Task[None]]:
    """A worker's sender, stopped at the end of the block."""
    task = asyncio.create_task(sending.keep_sending(post.runtime, post.pool))
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def is_sent(post: PostOffice, count: int) -> None:
    async with asyncio.timeout(20):
        while (await post.statuses()).get("sent", 0) < count:
            pass


async def test_a_message_that_cannot_be_handed_to_the_next_provider_goes_back_and_is_sent_once_later(
    post: PostOffice, africastalking: Vendor, twilio: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    africastalking.behaviours.append(vendors.says(503))
    message = await post.queue("x")
    with monkeypatch.context() as patched, capture_logs() as lines:
        patched.setattr(outbox, "lease_again", failing(AWAY, times=1, then=outbox.lease_again))
        await post.one_round()
    assert [line["event"] for line in lines if line["log_level"] == "error"] == ["an outage begins"]
    assert await post.status(message) == "queued"
    assert [outcome for _, outcome in await post.outcomes(message)] == ["away"]
    assert twilio.requests == []
    await post.after(minutes=1)
    assert await post.status(message) == "sent"
    assert (len(africastalking.requests), len(twilio.requests)) == (2, 0)


@pytest.mark.parametrize(("error", "what"), [(AWAY, "PostgreSQL"), (ValueError(), "leasing messages")])
async def test_a_lease_that_fails_is_tried_again_and_every_message_leaves_once(
    post: PostOffice, africastalking: Vendor, monkeypatch: pytest.MonkeyPatch, error: Exception, what: str
) -> None:
    await post.queue("x")
    monkeypatch.setattr(outbox, "lease", failing(error, times=2, then=outbox.lease))
    with capture_logs() as lines:
        async with sender(post):
            await is_sent(post, 1)
    assert [line["what"] for line in lines if line["event"] == "an outage begins"] == [what]
    assert africastalking.bodies == ["x"]


@pytest.mark.parametrize("is_leased", [True, False])
async def test_a_message_whose_lease_got_no_answer_does_not_wait_until_the_worker_is_taken_for_dead(
    post: PostOffice, africastalking: Vendor, monkeypatch: pytest.MonkeyPatch, *, is_leased: bool
) -> None:
    message = await post.queue("x")
    lease, calls = outbox.lease, 0

    async def lose_answer(runtime: Any, most: int, pool: Any, in_doubt: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 1:
            return await lease(runtime, most, pool, in_doubt)
        with clock.at(clock.now() if is_leased else clock.now() - timedelta(seconds=31)):
            leased = await lease(runtime, most, pool)
        in_doubt[:] = leased.attempts
        raise AWAY

    monkeypatch.setattr(outbox, "lease", lose_answer)
    async with sender(post):
        if is_leased:
            await is_sent(post, 1)
        else:
            await calls_are(lambda: calls > 3, post)
    assert africastalking.bodies == (["x"] if is_leased else [])
    assert await post.status(message) == ("sent" if is_leased else "sending")


@pytest.mark.parametrize("is_leased", [True, False])
async def test_a_code_whose_lease_for_the_next_provider_got_no_answer_does_not_wait_until_the_worker_is_taken_for_dead(
    post: PostOffice, africastalking: Vendor, twilio: Vendor, monkeypatch: pytest.MonkeyPatch, *, is_leased: bool
) -> None:
    africastalking.behaviours.append(vendors.says(503))
    message = await post.queue("x")
    lease_again = outbox.lease_again

    async def lose_answer(*given: Any) -> Any:
        *others, in_doubt = given
        if is_leased:
            in_doubt[:] = [await lease_again(*others)]
        else:
            in_doubt[:] = []
        raise AWAY

    monkeypatch.setattr(outbox, "lease_again", lose_answer)
    monkeypatch.setattr(outbox, "list_begun", failing(AWAY, times=2, then=outbox.list_begun))
    monkeypatch.setattr(sending, "short_pauses", lambda: itertools.repeat(0.0))
    await post.one_round()
    assert twilio.bodies == (["x"] if is_leased else [])
    assert await post.status(message) == ("sent" if is_leased else "queued")


async def calls_are(is_enough: Callable[[], bool], post: PostOffice) -> None:
    async with asyncio.timeout(20):
        while not is_enough():
            await post.statuses()


@pytest.mark.parametrize(
    "error",
    [
        AWAY,
        InternalError("UPDATE", {}, ReadOnlySqlTransaction()),
        InternalError("UPDATE", {}, IdleInTransactionSessionTimeout()),
    ],
)
async def test_answers_that_cannot_be_recorded_are_recorded_later_and_nothing_is_sent_again(
    post: PostOffice, africastalking: Vendor, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    await post.queue("x")
    monkeypatch.setattr(outbox, "record_answers", failing(error, times=2, then=outbox.record_answers))
    with capture_logs() as lines:
        async with sender(post):
            await is_sent(post, 1)
    assert [line["event"] for line in lines if line["log_level"] == "error"] == ["an outage begins"]
    assert africastalking.bodies == ["x"]


async def test_a_worker_that_is_stopped_while_nothing_can_be_recorded_ends_and_leaves_the_message_in_doubt(
    post: PostOffice, africastalking: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = await post.queue("x")
    monkeypatch.setattr(outbox, "record_answers", failing(AWAY, times=10**6, then=outbox.record_answers))
    async with asyncio.timeout(20), sender(post):
        await africastalking.arrived(1)
    assert await post.status(message) == "sending"
    assert await post.outcomes(message) == [("africastalking", None)]


async def test_an_sms_that_meets_a_broken_database_is_asked_for_again_and_answered_once(
    asha: Handset, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(await asha.read())
    for error, event in ((AWAY, "an outage begins"), (ValueError("not for the log"), "SMS not answered")):
        with monkeypatch.context() as patched, capture_logs() as lines:
            patched.setattr(profiles, "find", failing(error, times=1, then=profiles.find))
            assert (await asha.send("BAL", sms_id=event)).status_code == 503
        assert [line["event"] for line in lines if line["log_level"] == "error"] == [event]
        with clock.at(clock.now() + timedelta(seconds=31)):
            assert [(await asha.send("BAL", sms_id=event)).status_code for _ in range(2)] == [200, 200]
    assert len(await asha.read()) == before + 2


@pytest.mark.parametrize(("error", "event"), [(AWAY, "an outage begins"), (Busy(), "SMS callback not taken")])
async def test_a_report_that_cannot_be_recorded_is_asked_for_again(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch, error: Exception, event: str
) -> None:
    form = {"id": "ATXid_1", "status": "Success", "phoneNumber": "+254711000001"}
    with monkeypatch.context() as patched, capture_logs() as lines:
        patched.setattr(reports, "record", failing(error, times=1, then=reports.record))
        assert (await client.post("/api/sms/africastalking/local/delivery", data=form)).status_code == 503
    assert [line["event"] for line in lines if line["log_level"] == "error"] == [event]
    assert (await client.post("/api/sms/africastalking/local/delivery", data=form)).status_code == 200


async def test_a_machine_without_a_thread_to_spare_sends_nothing_and_has_room_again_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads, sent = Threads(1), ProviderAnswer(SendOutcome.SENT)

    def no_more(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr("gateway.sms.provider.threading.Thread.start", no_more)
        for _ in range(2):
            assert await threads.call(lambda: sent, 20) == ProviderAnswer(SendOutcome.AWAY, "no thread is free")
    assert await threads.call(lambda: sent, 20) == sent


async def test_an_sdk_that_breaks_over_an_answer_leaves_the_message_in_doubt_and_its_place_free() -> None:
    threads = Threads(1)

    def break_down() -> ProviderAnswer:
        raise KeyError("SMSMessageData")

    with capture_logs() as lines:
        for _ in range(2):
            assert await threads.call(break_down, 20) == ProviderAnswer(SendOutcome.UNSURE, "KeyError")
    assert [line["event"] for line in lines] == ["a provider's answer was not understood"] * 2
