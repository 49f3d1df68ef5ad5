"""A provider that fails is rested by all workers together, and tried again by one."""

from datetime import timedelta

import pytest
import structlog

from core import clock
from core.messaging import outbox
from gateway.sms.pool import ProviderPool
from tests.clocks import move_clock
from tests.gateway import vendors
from tests.gateway.post_office import PostOffice, africastalking_of, twilio_of
from tests.gateway.vendors import Vendor

AT, TWILIO = "africastalking", "twilio"


def other_worker(post: PostOffice) -> PostOffice:
    """One that knows only what is in the database."""
    settings = post.runtime.settings
    return PostOffice(post.runtime, ProviderPool([africastalking_of(settings), twilio_of(settings)]))


async def queue_many(post: PostOffice, count: int, label: str = "x") -> None:
    for number in range(count):
        await post.queue(label, f"+25472200{number:04}")


async def test_a_provider_that_fails_three_times_is_left_alone_by_all_workers(
    post: PostOffice, africastalking: Vendor, twilio: Vendor
) -> None:
    africastalking.usual = vendors.says(503)
    for number in range(3):
        await post.queue("x", f"+25472200{number:04}")
        await post.one_round()
    assert (await post.provider(AT)).rested_until is not None
    await queue_many(post, 10)
    await other_worker(post).all_rounds()
    assert len(africastalking.requests) == 3
    assert len(twilio.requests) == 13


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [(vendors.says(503), "HTTP"), (vendors.takes_silently, "ConnectionError"), (vendors.says(201, "<html>"), "not understood")],
)
async def test_a_provider_that_rests_is_told_with_what_it_answered(
    post: PostOffice, africastalking: Vendor, behaviour: vendors.Behaviour, code: str
) -> None:
    africastalking.usual = behaviour
    await queue_many(post, 3)
    with structlog.testing.capture_logs() as lines:
        await post.all_rounds()
    assert [(line["provider"], line["code"]) for line in lines if line["event"] == "provider rests"] == [(AT, code)]


async def test_silences_count_as_failures(post: PostOffice, africastalking: Vendor) -> None:
    africastalking.usual = vendors.takes_silently
    await queue_many(post, 3)
    await post.all_rounds()
    assert (await post.provider(AT)).rested_until is not None


async def test_a_yes_in_between_keeps_a_provider_at_work(post: PostOffice, africastalking: Vendor) -> None:
    for behaviour in (vendors.says(503), vendors.says(503), vendors.takes, vendors.says(503), vendors.says(503)):
        africastalking.behaviours.append(behaviour)
        await post.queue("x")
        await post.one_round()
    assert (await post.provider(AT)).rested_until is None


@pytest.mark.parametrize("ahead_seconds", [-3_700, 3_700])
async def test_a_worker_whose_clock_is_an_hour_away_rests_a_provider_no_longer_and_tries_it_no_sooner_than_others(
    post: PostOffice, africastalking: Vendor, monkeypatch: pytest.MonkeyPatch, ahead_seconds: int
) -> None:
    africastalking.usual = vendors.says(503)
    await queue_many(post, 3)
    with monkeypatch.context() as patched:
        move_clock(patched, ahead_seconds)
        await post.all_rounds()
    rested_until = (await post.provider(AT)).rested_until
    assert abs(rested_until - clock.now() - timedelta(seconds=30)) < timedelta(seconds=20)
    await queue_many(post, 3)
    with monkeypatch.context() as patched:
        move_clock(patched, ahead_seconds)
        await post.all_rounds()
    assert len(africastalking.requests) == 3, "its rest is not over"


async def test_a_rest_that_a_clock_hours_ahead_has_written_is_over(post: PostOffice, africastalking: Vendor) -> None:
    africastalking.usual = vendors.says(503)
    with clock.at(clock.now() + timedelta(hours=5)):
        await queue_many(post, 3)
        await post.all_rounds()
    africastalking.usual = vendors.takes
    asked = len(africastalking.requests)
    await queue_many(post, 3)
    await post.all_rounds()
    assert len(africastalking.requests) > asked


async def test_recipients_faults_say_nothing_against_a_provider(post: PostOffice, africastalking: Vendor) -> None:
    africastalking.usual = vendors.at_refuses(403)
    await queue_many(post, 10)
    await post.all_rounds()
    africastalking.usual = vendors.at_refuses(407)
    await queue_many(post, 10)
    await post.all_rounds()
    assert (await post.provider(AT)).failures == 0


async def test_after_its_rest_one_message_of_one_worker_tries_it(
    post: PostOffice, africastalking: Vendor, twilio: Vendor
) -> None:
    africastalking.usual = vendors.says(503)
    await queue_many(post, 4)
    await post.all_rounds()
    asked = len(africastalking.requests)
    with clock.at(clock.now() + timedelta(seconds=31)):
        await queue_many(post, 6)
        await post.one_round()
        await queue_many(post, 6)
        await other_worker(post).one_round()
    assert len(africastalking.requests) == asked + 1
    assert len(twilio.requests) == 16, "nothing waited for it"


async def test_each_rest_is_longer_until_the_provider_is_well_again(post: PostOffice, africastalking: Vendor) -> None:
    africastalking.usual = vendors.says(503)
    await queue_many(post, 3)
    await post.all_rounds()
    rests = []
    for _ in range(8):
        row = await post.provider(AT)
        with clock.at(row.rested_until):
            await post.queue("x")
            await post.all_rounds()
            rests.append(int(((await post.provider(AT)).rested_until - clock.now()).total_seconds()))
    assert rests == [60, 120, 240, 480, 960, 960, 960, 960]
    africastalking.usual = vendors.takes
    with clock.at((await post.provider(AT)).rested_until):
        await post.queue("x")
        await post.all_rounds()
    row = await post.provider(AT)
    assert (row.failures, row.rests, row.rested_until) == (0, 0, None)
    asked = len(africastalking.requests)
    await queue_many(other_worker(post), 5)
    await other_worker(post).all_rounds()
    assert len(africastalking.requests) == asked + 5


async def test_a_worker_that_died_with_the_only_try_does_not_keep_the_provider_away(
    post: PostOffice, africastalking: Vendor
) -> None:
    africastalking.usual = vendors.says(503)
    await queue_many(post, 3)
    await post.all_rounds()
    africastalking.usual = vendors.takes
    rested_until = (await post.provider(AT)).rested_until
    with clock.at(rested_until):
        await post.queue("lost", "+254722009999")
        [attempt] = (await outbox.lease(post.runtime, 1, post.pool)).attempts
        assert attempt.provider == AT
    with clock.at(rested_until + timedelta(seconds=31)):
        await post.queue("x")
        await post.all_rounds()
    assert (await post.provider(AT)).rested_until is None


async def test_the_dearer_provider_is_not_asked_while_the_other_is_well(post: PostOffice) -> None:
    assert ((await post.provider(AT)).weight, (await post.provider(TWILIO)).weight) == (1, 0)


async def test_messages_are_shared_by_weight(post: PostOffice, africastalking: Vendor, twilio: Vendor) -> None:
    await post.weigh(africastalking=3, twilio=1)
    await queue_many(post, 200)
    await post.all_rounds()
    assert len(africastalking.requests) + len(twilio.requests) == 200
    assert 20 < len(twilio.requests) < 85


async def test_with_all_providers_resting_nothing_is_lost(post: PostOffice, africastalking: Vendor, twilio: Vendor) -> None:
    africastalking.usual = twilio.usual = vendors.says(503)
    await queue_many(post, 5)
    await post.all_rounds()
    asked = len(africastalking.requests) + len(twilio.requests)
    await queue_many(post, 5, "y")
    assert await post.all_rounds() == 0
    assert len(africastalking.requests) + len(twilio.requests) == asked
    africastalking.usual = twilio.usual = vendors.takes
    for minutes in range(1, 6):
        await post.after(minutes=minutes)
    assert await post.statuses() == {"sent": 10}
