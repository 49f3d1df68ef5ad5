"""Delivery reports, as the providers call with them: in any order, more than once, before the answer or instead of it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import permutations

import httpx2
import pytest
from twilio.request_validator import RequestValidator

from core import clock
from core.messaging import optouts, outbox
from core.messaging.deliveries import AnsweredAttempt, ProviderAnswer, SendOutcome
from core.messaging.kinds import CODE, RECEIPT
from gateway.sms import sending
from gateway.sms.pool import ProviderPool
from tests.clocks import move_clock
from tests.conftest import running_client
from tests.gateway import vendors
from tests.gateway.post_office import ASHA, BARAKA, TOKEN, PostOffice, africastalking_of, connected
from tests.gateway.vendors import Vendor

AT, TWILIO = "africastalking", "twilio"
AT_DELIVERY = "/api/sms/africastalking/local/delivery"
TWILIO_STATUS = "/api/sms/twilio/status"


@pytest.fixture
async def client(post: PostOffice) -> AsyncIterator[httpx2.AsyncClient]:
    async with running_client(post.runtime.settings) as client:
        yield client


class Reporter:
    """Calls with reports as the providers do."""

    def __init__(self, client: httpx2.AsyncClient, settings_url: str = "http://127.0.0.1:8000") -> None:
        self._client = client
        self._public_url = settings_url

    async def at(self, name: str, status: str, phone: str = ASHA, **more: str) -> None:
        form = {"id": name, "status": status, "phoneNumber": phone, "networkCode": "63902", **more}
        assert (await self._client.post(AT_DELIVERY, data=form)).status_code == 200

    async def twilio(self, request: vendors.Request, name: str, status: str, **more: str) -> None:
        """To the address that the message itself was given."""
        path = request.form["StatusCallback"].removeprefix(self._public_url)
        form = {"MessageSid": name, "MessageStatus": status, "To": request.form["To"], **more}
        signature = RequestValidator(TOKEN).compute_signature(f"{self._public_url}{path}", form)
        answer = await self._client.post(path, data=form, headers={"X-Twilio-Signature": signature})
        assert answer.status_code == 200, answer.text


@pytest.fixture
def report(client: httpx2.AsyncClient) -> Reporter:
    return Reporter(client)


@pytest.mark.parametrize("order", list(permutations(["Sent", "Buffered", "Success"])))
async def test_what_has_arrived_stays_arrived(
    post: PostOffice, report: Reporter, africastalking: Vendor, order: tuple[str, ...]
) -> None:
    message = await post.queue("x")
    await post.all_rounds()
    for status in (*order, *order):
        await report.at(africastalking.last_id, status)
        is_over = "Success" in order[: order.index(status) + 1]
        assert await post.status(message) == "delivered" or not is_over
    assert await post.status(message) == "delivered"
    assert (await post.message(message)).delivered_at is not None


@pytest.mark.parametrize("order", list(permutations(["accepted", "queued", "sent", "delivered"])))
async def test_what_twilio_has_delivered_stays_delivered(
    post: PostOffice, report: Reporter, twilio: Vendor, order: tuple[str, ...]
) -> None:
    await post.weigh(africastalking=0, twilio=1)
    message = await post.queue("x")
    await post.all_rounds()
    for status in order:
        await report.twilio(twilio.requests[0], twilio.last_id, status)
    assert await post.status(message) == "delivered"


@pytest.mark.parametrize("status", ["Failed", "Rejected", "AbsentSubscriber", "Expired"])
async def test_a_receipt_that_did_not_arrive_is_known_as_such_and_not_sent_again(
    post: PostOffice, report: Reporter, africastalking: Vendor, twilio: Vendor, status: str
) -> None:
    message = await post.queue("x", kind=RECEIPT)
    await post.all_rounds()
    await report.at(africastalking.last_id, status, failureReason="DeliveryFailure")
    await report.at(africastalking.last_id, "Sent")
    assert await post.status(message) == "undelivered"
    assert (await post.attempts(message))[0].reason == "DeliveryFailure"
    assert await post.all_rounds() == 0
    assert twilio.requests == []


async def test_a_report_of_success_after_one_of_failure_counts(
    post: PostOffice, report: Reporter, africastalking: Vendor
) -> None:
    message = await post.queue("x")
    await post.all_rounds()
    await report.at(africastalking.last_id, "Failed")
    await report.at(africastalking.last_id, "Success")
    await report.at(africastalking.last_id, "Failed")
    assert await post.status(message) == "delivered"


async def test_a_code_that_did_not_arrive_takes_the_other_way(
    post: PostOffice, report: Reporter, africastalking: Vendor, twilio: Vendor
) -> None:
    message = await post.queue("code", kind=CODE)
    await post.all_rounds()
    await report.at(africastalking.last_id, "Failed", failureReason="DeliveryFailure")
    assert await post.status(message) == "queued"
    await post.all_rounds()
    assert twilio.bodies == ["code"]
    await report.twilio(twilio.requests[0], twilio.last_id, "undelivered", ErrorCode="30003")
    await post.all_rounds()
    assert await post.status(message) == "undelivered", "there is no third way"
    assert (len(africastalking.requests), len(twilio.requests)) == (1, 1)


async def test_a_code_that_twilio_did_not_deliver_takes_the_other_way(
    post: PostOffice, report: Reporter, africastalking: Vendor, twilio: Vendor
) -> None:
    await post.weigh(africastalking=0, twilio=1)
    message = await post.queue("code", kind=CODE)
    await post.all_rounds()
    await report.twilio(twilio.requests[0], twilio.last_id, "failed", ErrorCode="30008")
    await post.all_rounds()
    assert africastalking.bodies == ["code"]
    assert await post.outcomes(message) == [(TWILIO, "sent"), (AT, "sent")]


async def test_a_code_that_is_too_old_is_not_sent_again(
    post: PostOffice, report: Reporter, africastalking: Vendor, twilio: Vendor
) -> None:
    message = await post.queue("code", kind=CODE, at=clock.now() - timedelta(minutes=4))
    await post.all_rounds()
    with clock.at(clock.now() + timedelta(minutes=1)):
        await report.at(africastalking.last_id, "Failed")
        await post.all_rounds()
    assert await post.status(message) == "undelivered"
    assert twilio.requests == []


@pytest.mark.parametrize(
    ("reason", "opts_out"), [("UserInBlackList", True), ("UserDoesNotExist", False), ("DoNotDisturbRejection", False)]
)
async def test_a_code_for_a_number_that_gets_no_sms_is_not_sent_again(
    post: PostOffice, report: Reporter, africastalking: Vendor, reason: str, opts_out: bool
) -> None:
    message = await post.queue("code", kind=CODE)
    await post.all_rounds()
    await report.at(africastalking.last_id, "Failed", failureReason=reason)
    assert await post.status(message) == "undelivered"
    async with post.runtime.database.autocommit() as connection:
        assert await optouts.is_opted_out(connection, ASHA) is opts_out


async def test_a_report_of_an_unknown_name_is_not_taken_for_that_of_a_message_on_its_way(
    post: PostOffice, report: Reporter, africastalking: Vendor
) -> None:
    africastalking.usual = vendors.takes_when_released
    message = await post.queue("x")
    rounds = asyncio.ensure_future(post.all_rounds())
    await africastalking.arrived(1)
    await report.at("ATXid_unknown", "Success")
    assert await post.status(message) == "sending"
    africastalking.release.set()
    await rounds
    assert await post.status(message) == "sent"
    await report.at(africastalking.last_id, "Success")
    assert await post.status(message) == "delivered"


async def test_an_early_report_is_matched_by_its_id(post: PostOffice, report: Reporter, africastalking: Vendor) -> None:
    async def reports_first(vendor: Vendor, request: vendors.Request) -> bytes | None:
        answer = await vendors.takes(vendor, request)
        await report.at(vendor.last_id, "Success")
        return answer

    africastalking.behaviours.append(reports_first)
    message = await post.queue("x")
    await post.all_rounds()
    assert await post.status(message) == "delivered"


async def test_an_early_report_of_twilio_is_matched_by_the_address_it_calls(
    post: PostOffice, report: Reporter, twilio: Vendor
) -> None:
    async def reports_first(vendor: Vendor, request: vendors.Request) -> bytes | None:
        answer = await vendors.takes(vendor, request)
        await report.twilio(request, vendor.last_id, "delivered")
        return answer

    await post.weigh(africastalking=0, twilio=1)
    twilio.behaviours.append(reports_first)
    message = await post.queue("x")
    await post.all_rounds()
    assert await post.status(message) == "delivered"


@pytest.mark.parametrize(("reported", "status"), [("Success", "delivered"), ("Sent", "sent"), ("Buffered", "sent")])
async def test_a_report_settles_what_the_silence_left_open(
    post: PostOffice, report: Reporter, africastalking: Vendor, twilio: Vendor, reported: str, status: str
) -> None:
    africastalking.behaviours.append(vendors.takes_silently)
    message = await post.queue("x")
    await post.all_rounds()
    assert await post.status(message) == "unsure"
    await report.at(africastalking.last_id, reported)
    assert await post.status(message) == status
    assert (await post.attempts(message))[0].provider_id == africastalking.last_id
    await post.after(minutes=6)
    assert twilio.requests == [], "it had left"


@pytest.mark.parametrize("ahead_seconds", [-3_700, 3_700])
async def test_a_report_that_a_gateway_with_a_wrong_clock_takes_settles_what_the_silence_left_open(
    post: PostOffice, report: Reporter, africastalking: Vendor, monkeypatch: pytest.MonkeyPatch, ahead_seconds: int
) -> None:
    africastalking.behaviours.append(vendors.takes_silently)
    message = await post.queue("x")
    await post.all_rounds()
    with monkeypatch.context() as patched:
        move_clock(patched, ahead_seconds)
        await report.at(africastalking.last_id, "Success")
    delivered_at = (await post.message(message)).delivered_at
    assert abs(delivered_at - clock.now()) < timedelta(minutes=5)


async def test_a_report_of_twilio_settles_what_the_silence_left_open(post: PostOffice, report: Reporter, twilio: Vendor) -> None:
    await post.weigh(africastalking=0, twilio=1)
    twilio.behaviours.append(vendors.takes_silently)
    message = await post.queue("x")
    await post.all_rounds()
    await report.twilio(twilio.requests[0], twilio.last_id, "sent")
    assert await post.status(message) == "sent"
    await report.twilio(twilio.requests[0], twilio.last_id, "delivered")
    assert await post.status(message) == "delivered"


async def test_after_a_silence_a_report_of_failure_lets_the_other_provider_send_at_once(
    post: PostOffice, report: Reporter, africastalking: Vendor, twilio: Vendor
) -> None:
    africastalking.behaviours.append(vendors.takes_silently)
    message = await post.queue("x")
    await post.all_rounds()
    await report.at(africastalking.last_id, "Failed")
    await post.all_rounds()
    assert twilio.bodies == ["x"]
    assert await post.status(message) == "sent"


async def test_a_silences_report_is_not_taken_for_that_of_a_message_on_its_way(
    post: PostOffice, report: Reporter, africastalking: Vendor
) -> None:
    africastalking.behaviours += [vendors.takes_silently, vendors.takes_when_released]
    old = await post.queue("old code", kind=CODE)
    await post.all_rounds()
    names = list(africastalking.taken)
    new = await post.queue("new code", kind=CODE)
    rounds = asyncio.ensure_future(post.all_rounds())
    await africastalking.arrived(2)
    await report.at(names[0], "Success")
    assert (await post.status(old), await post.status(new)) == ("unsure", "sending"), "whose it is shows only with the answer"
    africastalking.release.set()
    await rounds
    assert (await post.status(old), await post.status(new)) == ("delivered", "sent")


async def test_an_old_report_is_not_taken_for_that_of_a_newer_message(
    post: PostOffice, report: Reporter, africastalking: Vendor
) -> None:
    await report.at("ATXid_unknown", "Success")
    africastalking.behaviours.append(vendors.takes_silently)
    message = await post.queue("x")
    await post.all_rounds()
    assert await post.status(message) == "unsure"


async def test_a_report_about_another_phone_changes_nothing(post: PostOffice, report: Reporter, africastalking: Vendor) -> None:
    africastalking.behaviours.append(vendors.takes_silently)
    message = await post.queue("x")
    await post.all_rounds()
    await report.at("unknown", "Success", BARAKA)
    assert await post.status(message) == "unsure"


async def test_a_report_for_an_attempt_under_another_name_changes_nothing(
    post: PostOffice, report: Reporter, twilio: Vendor
) -> None:
    await post.weigh(africastalking=0, twilio=1)
    message = await post.queue("x")
    await post.all_rounds()
    await report.twilio(twilio.requests[0], "SM-somebody-elses", "delivered")
    assert await post.status(message) == "sent"


async def test_a_report_saves_a_message_whose_worker_has_died(
    post: PostOffice, report: Reporter, africastalking: Vendor, twilio: Vendor
) -> None:
    message = await post.queue("x")
    await outbox.lease(post.runtime, 1, post.pool)  # and nothing more is heard of this worker
    await report.at("ATXid_1", "Success")
    assert await post.status(message) == "sending"
    assert await sending.release(post.runtime, post.pool) == 0, "it may still be at work"
    with clock.at(clock.now() + timedelta(seconds=61)):
        assert await sending.release(post.runtime, post.pool) == 1
    assert await post.status(message) == "delivered"
    assert await post.in_doubt() == 1
    assert africastalking.requests == twilio.requests == []


async def test_an_answer_that_comes_after_all_counts(post: PostOffice) -> None:
    message = await post.queue("x")
    [attempt] = (await outbox.lease(post.runtime, 1, post.pool)).attempts
    with clock.at(clock.now() + timedelta(seconds=61)):
        await sending.release(post.runtime, post.pool)
    assert await post.status(message) == "unsure"
    answered = AnsweredAttempt(attempt, ProviderAnswer(SendOutcome.SENT, provider_id="ATXid_1"))
    for _ in range(2):
        await outbox.record_answers(post.runtime, [answered], post.pool)
        assert await post.status(message) == "sent"
    assert await post.in_doubt() == 0


async def test_a_code_has_no_other_way_where_there_is_one_provider(africastalking: Vendor, post: PostOffice) -> None:
    alone = connected(post.runtime.settings, africastalking)
    office = PostOffice(post.runtime, ProviderPool([africastalking_of(alone)]))
    message = await office.queue("code", kind=CODE)
    await office.all_rounds()
    settings = connected(alone, africastalking)
    async with running_client(settings) as client:
        await Reporter(client).at(africastalking.last_id, "Failed")
    assert await office.status(message) == "undelivered"
