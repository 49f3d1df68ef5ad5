"""Workers, answers and delivery reports that come to one message, or one provider, in the same moment."""

from datetime import timedelta

import pytest

from core import clock
from core.messaging import outbox, reports
from core.messaging.deliveries import AnsweredAttempt, ProviderAnswer, SendOutcome
from core.messaging.reports import DELIVERED, DeliveryReport
from gateway.providers.local import sms
from tests.gateway import vendors
from tests.gateway.post_office import BARAKA, PostOffice
from tests.gateway.sms.test_health import AT, other_worker, queue_many
from tests.gateway.vendors import Vendor
from tests.races import holding, race

MESSAGE = "SELECT FROM outbox WHERE id = %(id)s FOR UPDATE"


@pytest.mark.race("core/messaging/turns.py:_DUE")
async def test_a_message_that_one_worker_takes_is_left_to_it_and_holds_up_no_other(
    post: PostOffice, africastalking: Vendor
) -> None:
    taken, other = await post.queue("taken"), await post.queue("other", BARAKA)
    async with holding(post.runtime, MESSAGE, id=taken):
        assert await post.all_rounds() == 1
        assert (await post.status(taken), await post.status(other)) == ("queued", "sent")
    await post.all_rounds()
    assert africastalking.bodies == ["other", "taken"]


@pytest.mark.race("core/messaging/turns.py:_DUE")
async def test_a_message_that_one_worker_delivers_at_once_is_left_to_it(post: PostOffice) -> None:
    taken = await post.queue("taken")
    async with holding(post.runtime, MESSAGE, id=taken):
        assert await sms.deliver(post.runtime) == 0
    assert await sms.deliver(post.runtime) == 1
    assert await post.status(taken) == "delivered"


@pytest.mark.race("core/messaging/outbox.py:_release_dead")
async def test_a_dead_workers_message_that_somebody_records_an_answer_of_is_left_to_him(post: PostOffice) -> None:
    taken = await post.queue("x")
    await outbox.lease(post.runtime, 1, post.pool)
    with clock.at(clock.now() + timedelta(seconds=61)):
        async with holding(post.runtime, MESSAGE, id=taken):
            assert await outbox.release_dead(post.runtime) == 0
        assert await post.status(taken) == "sending"
        assert await outbox.release_dead(post.runtime) == 1


@pytest.mark.race("core/messaging/outbox.py:lock_attempts")
async def test_an_answer_that_comes_while_the_message_is_reported_delivered_leaves_it_delivered(post: PostOffice) -> None:
    message = await post.queue("x")
    [attempt] = (await outbox.lease(post.runtime, 1, post.pool)).attempts
    report = DeliveryReport(AT, "ATXid_1", DELIVERED, attempt_id=attempt.id)
    silence = AnsweredAttempt(attempt, ProviderAnswer(SendOutcome.UNSURE, code="silent"))
    reported, answered = await race(
        post.runtime,
        MESSAGE,
        reports.record(post.runtime, report, post.pool.names),
        outbox.record_answers(post.runtime, [silence], post.pool),
        id=message,
    )
    assert (reported, answered) == (True, None)
    assert await post.status(message) == "delivered"


@pytest.mark.race("core/messaging/health.py:list_providers")
async def test_of_two_workers_one_tries_a_provider_whose_rest_is_over(post: PostOffice, africastalking: Vendor) -> None:
    africastalking.usual = vendors.says(503)
    await queue_many(post, 4)
    await post.all_rounds()

    async def assigned(office: PostOffice) -> list[str | None]:
        async with office.runtime.database.transaction() as connection:
            return await office.pool.assign(connection, [None])

    with clock.at(clock.now() + timedelta(seconds=31)):
        tries = await race(post.runtime, "SELECT FROM sms_provider FOR UPDATE", assigned(post), assigned(other_worker(post)))
    assert tries == [["africastalking"], ["twilio"]]
