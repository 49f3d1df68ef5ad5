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
from core.messaging import notices, optouts
from core.messaging.deliveries import ProviderAnswer, SendOutcome
from core.messaging.kinds import CODE
from core.runtime import Runtime
from gateway import worker
from gateway.sms.pool import ProviderPool
from gateway.sms.provider import Threads
from tests import vendors
from tests.sms.post_office import ASHA, BARAKA, PostOffice, africastalking_of, connected, twilio_of
from tests.vendors import Behaviour, Vendor

AT, TWILIO = "africastalking", "twilio"
HTTP_FAILURES = [vendors.says(status, "no") for status in (401, 429, 500, 503)]


async def test_a_message_is_handed_to_africas_talking_as_it_wants_it(post: PostOffice, africastalking: Vendor) -> None:
    message = await post.queue("You received KES 500. ^{}")
    assert await post.all_rounds() == 1
    [request] = africastalking.requests
    assert request.path == "/version1/messaging"
    assert request.headers["apikey"] == "k"
    assert request.form == {
        "username": "jasho",
        "to": ASHA,
        "message": "You received KES 500. ^{}",
        "bulkSMSMode": "1",
        "from": "JASHO",
    }
    [attempt] = await post.attempts(message)
    assert (attempt.outcome, attempt.provider_id, attempt.cost, attempt.parts) == (
        "sent",
        africastalking.last_id,
        "KES 0.8000",
        1,
    )
    assert (await post.message(message)).provider == AT


async def test_a_message_is_handed_to_twilio_with_an_address_for_its_report(post: PostOffice, twilio: Vendor) -> None:
    await post.weigh(africastalking=0, twilio=1)
    message = await post.queue("You received KES 500.")
    await post.all_rounds()
    [request] = twilio.requests
    [attempt] = await post.attempts(message)
    assert request.path == f"/2010-04-01/Accounts/AC{'0' * 32}/Messages.json"
    assert request.headers["authorization"].startswith("Basic ")
    assert request.form == {
        "To": ASHA,
        "From": "+15005550006",
        "Body": "You received KES 500.",
        "StatusCallback": f"http://127.0.0.1:8000/api/sms/twilio/status?attempt={attempt.id}",
    }
    assert (attempt.outcome, attempt.provider_id, attempt.cost) == ("sent", twilio.last_id, "USD -0.0500")


async def test_an_answer_whose_content_type_is_not_exactly_json_is_understood(post: PostOffice, africastalking: Vendor) -> None:
    body = '{"SMSMessageData": {"Recipients": [{"statusCode": 102, "messageId": "ATXid_9", "cost": "KES 1.6000"}]}}'
    africastalking.behaviours.append(vendors.says(201, body))
    message = await post.queue("x")
    await post.all_rounds()
    assert await post.status(message) == "sent"
    assert (await post.attempts(message))[0].provider_id == "ATXid_9"


@pytest.mark.parametrize("code", [401, 402, 405, 407, 500, 501, 502])
async def test_a_provider_that_says_no_costs_no_time(post: PostOffice, africastalking: Vendor, twilio: Vendor, code: int) -> None:
    africastalking.behaviours.append(vendors.at_refuses(code))
    message = await post.queue("x")
    assert await post.one_round() == 1
    assert await post.status(message) == "sent"
    assert twilio.bodies == ["x"]
    assert [provider for provider, _ in await post.outcomes(message)] == [AT, TWILIO]


@pytest.mark.parametrize("behaviour", [*HTTP_FAILURES, vendors.at_refuses_all("InvalidSenderId")])
async def test_a_provider_that_is_ill_costs_no_time(post: PostOffice, africastalking: Vendor, behaviour: Behaviour) -> None:
    africastalking.behaviours.append(behaviour)
    message = await post.queue("x")
    await post.one_round()
    assert await post.outcomes(message) == [(AT, "away"), (TWILIO, "sent")]


@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [
        *((behaviour, "away") for behaviour in HTTP_FAILURES),
        (vendors.twilio_refuses(20003, 401), "away"),
        (vendors.twilio_refuses(20429, 429), "away"),
        (vendors.twilio_refuses(21606), "away"),
        (vendors.twilio_refuses(21408), "refused"),
        (vendors.twilio_refuses(21612), "refused"),
    ],
)
async def test_twilio_saying_no_costs_no_time(post: PostOffice, twilio: Vendor, behaviour: Behaviour, outcome: str) -> None:
    await post.weigh(africastalking=0, twilio=1)
    twilio.behaviours.append(behaviour)
    message = await post.queue("x")
    await post.one_round()
    assert await post.outcomes(message) == [(TWILIO, outcome), (AT, "sent")]


async def test_a_provider_that_nobody_reaches_costs_no_time(post: PostOffice, africastalking: Vendor, twilio: Vendor) -> None:
    nowhere = connected(post.runtime.settings, replace(africastalking, url="http://127.0.0.1:9"), twilio)
    office = PostOffice(post.runtime, ProviderPool([africastalking_of(nowhere), twilio_of(nowhere)]))
    message = await office.queue("x")
    await office.one_round()
    assert await office.outcomes(message) == [(AT, "away"), (TWILIO, "sent")]


@pytest.mark.parametrize("code", [403, 404, 406, 409])
async def test_a_number_that_gets_no_sms_is_not_tried_again(
    post: PostOffice, africastalking: Vendor, twilio: Vendor, code: int
) -> None:
    africastalking.behaviours.append(vendors.at_refuses(code))
    message = await post.queue("x")
    await post.all_rounds()
    assert await post.after(hours=1) == 0
    assert await post.status(message) == "failed"
    assert await post.outcomes(message) == [(AT, "barred")]
    assert twilio.requests == []


@pytest.mark.parametrize("code", [21211, 21610, 21614, 21635])
async def test_a_number_that_twilio_bars_is_not_tried_again(
    post: PostOffice, africastalking: Vendor, twilio: Vendor, code: int
) -> None:
    await post.weigh(africastalking=0, twilio=1)
    twilio.behaviours.append(vendors.twilio_refuses(code))
    message = await post.queue("x")
    await post.all_rounds()
    assert await post.status(message) == "failed"
    assert africastalking.requests == []


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


@pytest.mark.parametrize(
    "nonsense", ["", "<html>", "[]", "{}", '{"SMSMessageData": 5}', '{"SMSMessageData": {"Recipients": [{}]}}']
)
async def test_an_answer_that_makes_no_sense_is_ambiguous(post: PostOffice, africastalking: Vendor, nonsense: str) -> None:
    africastalking.behaviours.append(vendors.says(200, nonsense))
    message = await post.queue("x")
    await post.all_rounds()
    assert await post.outcomes(message) == [(AT, "unsure")]


@pytest.mark.parametrize("nonsense", ["", "<html>", "[]", "{}"])
async def test_an_answer_of_twilio_that_makes_no_sense_is_ambiguous(post: PostOffice, twilio: Vendor, nonsense: str) -> None:
    await post.weigh(africastalking=0, twilio=1)
    twilio.behaviours.append(vendors.says(201, nonsense))
    message = await post.queue("x")
    await post.all_rounds()
    assert await post.outcomes(message) == [(TWILIO, "unsure")]


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
