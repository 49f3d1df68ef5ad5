"""What becomes of a message, by what the providers make of it."""

import asyncio
import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from core import clock
from core.credentials import codes
from core.customers import profiles
from core.hashing import code_digits
from core.messaging import notices, optouts, outbox
from core.messaging.deliveries import ProviderAnswer, SendOutcome
from core.messaging.kinds import CODE
from core.runtime import Runtime
from gateway import worker
from gateway.sms.pool import ProviderPool
from gateway.sms.provider import Threads
from tests.clocks import move_clock
from tests.gateway import vendors
from tests.gateway.post_office import ASHA, BARAKA, PostOffice, africastalking_of, connected, twilio_of
from tests.gateway.vendors import Vendor

AT, TWILIO = "africastalking", "twilio"


async def test_a_provider_that_nobody_reaches_costs_no_time(post: PostOffice, africastalking: Vendor, twilio: Vendor) -> None:
    nowhere = connected(post.runtime.settings, replace(africastalking, url="http://127.0.0.1:9"), twilio)
    office = PostOffice(post.runtime, ProviderPool([africastalking_of(nowhere), twilio_of(nowhere)]))
    message = await office.queue("x")
    await office.one_round()
    assert await office.outcomes(message) == [(AT, "away"), (TWILIO, "sent")]


@pytest.mark.parametrize("provider", [AT, TWILIO])
async def test_a_provider_that_knows_of_an_opt_out_tells_it(
    post: PostOffice, africastalking: Vendor, twilio: Vendor, provider: str
) -> None:
    await post.weigh(**{AT: int(provider == AT), TWILIO: int(provider == TWILIO)})
    africastalking.behaviours.append(vendors.at_refuses(406, "UserInBlacklist"))
    twilio.behaviours.append(vendors.twilio_refuses(21610))
    await post.queue("x")
    await post.all_rounds()
    async with post.runtime.database.autocommit() as connection:
        assert await optouts.is_opted_out(connection, ASHA)
        assert not await optouts.is_opted_out(connection, BARAKA)


async def test_with_all_providers_away_it_is_tried_again_later_and_later_until_its_time_is_over(
    post: PostOffice, africastalking: Vendor, twilio: Vendor
) -> None:
    africastalking.usual, twilio.usual = vendors.at_refuses(407), vendors.twilio_refuses(21612)
    moment = written = clock.now()
    message = await post.queue("code", kind=CODE, at=written)
    waits: list[timedelta] = []
    while await post.status(message) == "queued":
        with clock.at(moment - timedelta(milliseconds=1)):
            assert await post.all_rounds() == 0 or moment == written
        with clock.at(moment):
            await post.all_rounds()
        next_at = (await post.message(message)).next_at
        waits.append((next_at or moment) - moment)
        moment = next_at or moment
    assert await post.status(message) == "expired"
    assert moment - written == timedelta(minutes=5)
    assert waits[0] < timedelta(seconds=11) < waits[1] < timedelta(seconds=41) < waits[2]
    assert len(africastalking.requests) == len(twilio.requests) == len(waits) - 1


async def test_a_one_time_code_leaves_filled_in_and_is_in_no_row(post: PostOffice, africastalking: Vendor) -> None:
    asha = await profiles.find(post.runtime, ASHA)
    assert asha is not None
    async with post.runtime.database.transaction() as connection:
        code_id = await codes.issue(connection, asha.id, codes.PIN, timedelta(minutes=10))
    message = await post.queue("{code} is your code", kind=CODE, code_id=code_id)
    await post.all_rounds()
    right = code_digits(post.runtime.settings.pin_pepper, code_id, codes.PIN)
    assert africastalking.bodies == [f"{right} is your code"]
    assert right not in str(await post.message(message))
    assert right not in str(await post.attempts(message))


@pytest.mark.parametrize(("writer_ahead", "worker_ahead"), [(0, 900), (-900, 0), (900, 0), (0, -900)])
async def test_a_one_time_code_leaves_in_time_whichever_machines_clock_is_wrong(
    post: PostOffice, africastalking: Vendor, monkeypatch: pytest.MonkeyPatch, writer_ahead: int, worker_ahead: int
) -> None:
    """Its message lasts for minutes: by two clocks it would be over before it began, or wait for the one that is behind."""
    asha = await profiles.find(post.runtime, ASHA)
    assert asha is not None
    with monkeypatch.context() as patched:
        move_clock(patched, writer_ahead)
        async with post.runtime.database.transaction() as connection:
            code_id = await codes.issue(connection, asha.id, codes.SMS, timedelta(minutes=5))
            await notices.tell(post.runtime, connection, asha, "{code} is your code", code_id=code_id)
    with monkeypatch.context() as patched:
        move_clock(patched, worker_ahead)
        await post.all_rounds()
    right = code_digits(post.runtime.settings.pin_pepper, code_id, codes.SMS)
    assert africastalking.bodies == [f"{right} is your code"]


@pytest.mark.usefixtures("africastalking")
async def test_a_worker_whose_clock_is_ahead_takes_no_live_worker_for_dead(
    post: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = await post.queue("hello")
    await outbox.lease(post.runtime, 10, post.pool)
    move_clock(monkeypatch, 900)
    assert await outbox.release_dead(post.runtime) == 0
    assert await post.status(message) == "sending"


async def test_what_a_long_message_costs_is_known_by_its_parts(post: PostOffice) -> None:
    long = await post.queue("x" * 161)
    foreign = await post.queue("ĩ" * 71, BARAKA)
    await post.all_rounds()
    assert [(await post.attempts(message))[0].parts for message in (long, foreign)] == [2, 2]


async def test_an_ambiguous_silence_waits_for_a_report_before_another_provider_sends(
    post: PostOffice, africastalking: Vendor, twilio: Vendor
) -> None:
    africastalking.behaviours.append(vendors.takes_silently)
    message = await post.queue("x")
    await post.all_rounds()
    assert await post.status(message) == "unsure"
    assert await post.after(minutes=4) == 0
    assert twilio.requests == []
    assert await post.in_doubt() == 1
    assert await post.after(minutes=5, seconds=1) == 1
    assert await post.outcomes(message) == [(AT, "unsure"), (TWILIO, "sent")]
    assert await post.status(message) == "sent"


@pytest.mark.parametrize("provider", [AT, TWILIO])
async def test_a_provider_that_hangs_is_given_up_on_in_time(
    post: PostOffice, africastalking: Vendor, twilio: Vendor, provider: str
) -> None:
    settings = post.runtime.settings
    pool = ProviderPool([africastalking_of(settings, 0.2) if provider == AT else twilio_of(settings, 0.2)])
    (africastalking if provider == AT else twilio).behaviours.append(vendors.hangs)
    office = PostOffice(post.runtime, pool)
    message = await office.queue("x")
    await office.one_round()
    [attempt] = await office.attempts(message)
    assert (attempt.outcome, attempt.code) == ("unsure", "deadline")
    assert await office.status(message) == "unsure"


async def test_calls_that_never_end_are_bounded_and_others_are_told_so() -> None:
    threads, ended = Threads(most=2), threading.Event()

    def stuck() -> ProviderAnswer:
        ended.wait()
        return ProviderAnswer(SendOutcome.SENT)

    both = [threads.call(stuck, 0.05) for _ in range(2)]
    assert [answer.outcome for answer in await asyncio.gather(*both)] == [SendOutcome.UNSURE] * 2
    assert (await threads.call(stuck, 0.05)).code == "no thread is free"
    ended.set()
    async with asyncio.timeout(10):
        while (await threads.call(lambda: ProviderAnswer(SendOutcome.SENT), 5)).code:
            pass  # the threads are about to end
    assert (await threads.call(lambda: ProviderAnswer(SendOutcome.SENT), 5)).outcome is SendOutcome.SENT


async def test_a_slow_yes_is_a_yes(post: PostOffice, africastalking: Vendor) -> None:
    africastalking.behaviours.append(vendors.takes_when_released)
    message = await post.queue("x")
    rounds = asyncio.ensure_future(post.all_rounds())
    await africastalking.arrived(1)
    assert await post.status(message) == "sending"
    africastalking.release.set()
    await rounds
    assert await post.status(message) == "sent"


async def test_nobody_is_sent_the_same_again_and_again_because_nobody_answers(
    post: PostOffice, africastalking: Vendor, twilio: Vendor
) -> None:
    africastalking.usual = twilio.usual = vendors.takes_silently
    message = await post.queue("x")
    begun = clock.now()
    for minutes in range(0, 60, 3):
        with clock.at(begun + timedelta(minutes=minutes)):
            await post.all_rounds()
    assert await post.outcomes(message) == [(AT, "unsure"), (TWILIO, "unsure")]
    assert await post.status(message) == "expired"


async def test_with_one_provider_only_an_ambiguous_message_is_sent_again_by_it(post: PostOffice, africastalking: Vendor) -> None:
    africastalking.behaviours.append(vendors.takes_silently)
    office = PostOffice(post.runtime, ProviderPool([africastalking_of(post.runtime.settings)]))
    message = await office.queue("x")
    await office.all_rounds()
    await office.after(minutes=5, seconds=1)
    assert await office.outcomes(message) == [(AT, "unsure"), (AT, "sent")]


async def test_without_a_provider_messages_arrive_in_the_simulators_inbox(runtime: Runtime) -> None:
    while await worker.drain(runtime):
        pass
    assert "Welcome to Jasho" in (await notices.list_inbox(runtime, ASHA))[-1].body
