"""What Twilio is asked, and what its answers mean."""

import pytest

from tests.gateway import vendors
from tests.gateway.post_office import ASHA, PostOffice
from tests.gateway.vendors import HTTP_FAILURES, Behaviour, Vendor

AT, TWILIO = "africastalking", "twilio"


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


@pytest.mark.parametrize("nonsense", ["", "<html>", "[]", "{}"])
async def test_an_answer_of_twilio_that_makes_no_sense_is_ambiguous(post: PostOffice, twilio: Vendor, nonsense: str) -> None:
    await post.weigh(africastalking=0, twilio=1)
    twilio.behaviours.append(vendors.says(201, nonsense))
    message = await post.queue("x")
    await post.all_rounds()
    assert await post.outcomes(message) == [(TWILIO, "unsure")]
