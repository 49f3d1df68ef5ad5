"""What Africa's Talking is asked, and what its answers mean."""

import pytest

from tests.gateway import vendors
from tests.gateway.post_office import ASHA, PostOffice
from tests.gateway.vendors import HTTP_FAILURES, Behaviour, Vendor

AT, TWILIO = "africastalking", "twilio"


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


@pytest.mark.parametrize(
    "nonsense", ["", "<html>", "[]", "{}", '{"SMSMessageData": 5}', '{"SMSMessageData": {"Recipients": [{}]}}']
)
async def test_an_answer_that_makes_no_sense_is_ambiguous(post: PostOffice, africastalking: Vendor, nonsense: str) -> None:
    africastalking.behaviours.append(vendors.says(200, nonsense))
    message = await post.queue("x")
    await post.all_rounds()
    assert await post.outcomes(message) == [(AT, "unsure")]
