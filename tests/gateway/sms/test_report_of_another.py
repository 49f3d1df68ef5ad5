"""A delivery report is about one attempt: of its provider, name, phone and time, and about none that only looks like it."""

from datetime import timedelta
from uuid import UUID

import pytest

from core import clock
from core.messaging import outbox, reports
from core.messaging.deliveries import AnsweredAttempt, Attempt, ProviderAnswer, SendOutcome
from core.messaging.kinds import CODE
from core.messaging.reports import DELIVERED, DeliveryReport
from tests.gateway.post_office import ASHA, BARAKA, PostOffice

AT, TWILIO = "africastalking", "twilio"
UNSURE, SENT = SendOutcome.UNSURE, SendOutcome.SENT


async def attempted(post: PostOffice, provider: str = AT, phone: str = ASHA) -> tuple[UUID, Attempt]:
    """A message, and the attempt to send it by this provider, to which there is no answer yet."""
    await post.weigh(**{AT: int(provider == AT), TWILIO: int(provider == TWILIO)})
    message = await post.queue("x", phone, CODE)
    [attempt] = (await outbox.lease(post.runtime, 1, post.pool)).attempts
    assert attempt.provider == provider
    return message, attempt


async def answer(post: PostOffice, attempt: Attempt, outcome: SendOutcome, name: str | None = None) -> None:
    answered = AnsweredAttempt(attempt, ProviderAnswer(outcome, provider_id=name))
    await outbox.record_answers(post.runtime, [answered], post.pool)


async def answered(
    post: PostOffice, outcome: SendOutcome, name: str | None = None, provider: str = AT, phone: str = ASHA
) -> UUID:
    message, attempt = await attempted(post, provider, phone)
    await answer(post, attempt, outcome, name)
    return message


async def report(post: PostOffice, provider: str, name: str, **more: object) -> bool:
    told = DeliveryReport(provider, name, DELIVERED, **more)  # type: ignore[arg-type]
    return await reports.record(post.runtime, told, post.pool.names)


async def statuses(post: PostOffice, *messages: UUID) -> list[str]:
    return [await post.status(message) for message in messages]


async def test_one_name_at_two_providers_is_two_messages(post: PostOffice) -> None:
    first, second = await answered(post, SENT, "1", AT), await answered(post, SENT, "1", TWILIO, BARAKA)
    assert await report(post, TWILIO, "1")
    assert await statuses(post, first, second) == ["sent", "delivered"]
    assert await report(post, AT, "1")
    assert await statuses(post, first, second) == ["delivered", "delivered"]


async def test_of_one_providers_messages_the_named_one_is_delivered(post: PostOffice) -> None:
    messages = [await answered(post, SENT, name, phone=phone) for name, phone in (("1", ASHA), ("2", BARAKA))]
    assert await report(post, AT, "2")
    assert await statuses(post, *messages) == ["sent", "delivered"]


async def test_a_report_that_names_the_attempt_of_another_provider_is_kept_and_changes_nothing(post: PostOffice) -> None:
    message, attempt = await attempted(post, AT)
    assert not await report(post, TWILIO, "SM1", attempt_id=attempt.id)
    assert await post.status(message) == "sending"
    other, _ = await attempted(post, AT, BARAKA)
    assert await report(post, AT, "1", attempt_id=attempt.id)
    assert await statuses(post, message, other) == ["delivered", "sending"]


async def test_a_silence_of_one_provider_is_not_settled_by_anothers_report_or_by_one_to_another_phone(post: PostOffice) -> None:
    message = await answered(post, UNSURE)
    assert not await report(post, TWILIO, "SM1", phone=ASHA)
    assert not await report(post, AT, "1", phone=BARAKA)
    assert not await report(post, AT, "2")
    assert await post.status(message) == "unsure"
    assert await report(post, AT, "3", phone=ASHA)
    assert await post.status(message) == "delivered"


async def test_of_two_silences_to_one_phone_the_report_settles_the_older_one(post: PostOffice) -> None:
    now = clock.now()
    with clock.at(now - timedelta(seconds=30)):
        older = await answered(post, UNSURE)
    with clock.at(now):
        newer = await answered(post, UNSURE)
        assert await report(post, AT, "1", phone=ASHA)
        assert await statuses(post, older, newer) == ["delivered", "unsure"]
        assert await report(post, AT, "2", phone=ASHA)
    assert await statuses(post, older, newer) == ["delivered", "delivered"]


async def test_an_attempt_that_has_a_name_or_was_refused_is_no_silence(post: PostOffice) -> None:
    named, refused = await answered(post, UNSURE, "1"), await answered(post, SendOutcome.REFUSED, phone=BARAKA)
    for phone in (ASHA, BARAKA):
        assert not await report(post, AT, "2", phone=phone)
    assert await statuses(post, named, refused) == ["unsure", "queued"]


@pytest.mark.parametrize(("seconds", "is_taken"), [(0, True), (172_800, True), (172_801, False)])
async def test_a_silence_is_settled_by_a_report_of_two_days(post: PostOffice, seconds: int, is_taken: bool) -> None:
    now = clock.now()
    with clock.at(now - timedelta(seconds=seconds)):
        message = await answered(post, UNSURE)
    with clock.at(now):
        assert await report(post, AT, "1", phone=ASHA) is is_taken
    assert await post.status(message) == ("delivered" if is_taken else "unsure")


async def test_of_the_reports_that_came_too_early_each_waits_for_its_own_message(post: PostOffice) -> None:
    now = clock.now()
    with clock.at(now):
        for provider, name in ((AT, "1"), (TWILIO, "1"), (AT, "2")):
            assert not await report(post, provider, name)
        first, attempt = await attempted(post, AT)
        await answer(post, attempt, SENT, "1")
        assert await reports.catch_up(post.runtime, post.pool.names) == 1
        assert await reports.catch_up(post.runtime, post.pool.names) == 0
        second = await answered(post, SENT, "1", TWILIO, BARAKA)
        assert await statuses(post, first, second) == ["delivered", "sent"]
        assert await reports.catch_up(post.runtime, post.pool.names) == 1
        third = await answered(post, SENT, "2", AT)
        assert await reports.catch_up(post.runtime, post.pool.names) == 1
    assert await statuses(post, first, second, third) == ["delivered"] * 3


async def test_an_early_report_waits_two_days_for_its_message(post: PostOffice) -> None:
    now = clock.now()
    with clock.at(now - timedelta(days=2)):
        assert not await report(post, AT, "1")
    with clock.at(now - timedelta(days=2) + timedelta(seconds=1)):
        assert not await report(post, AT, "2")
    with clock.at(now):
        old, young = await answered(post, SENT, "1"), await answered(post, SENT, "2", phone=BARAKA)
        assert await reports.catch_up(post.runtime, post.pool.names) == 1
    assert await statuses(post, old, young) == ["sent", "delivered"]


async def test_early_reports_to_a_phone_settle_its_silence_and_not_another_phones_or_a_later_one(post: PostOffice) -> None:
    now = clock.now()
    with clock.at(now):
        hers, attempt = await attempted(post)
        # It may be about the message that is on its way: whose it is shows with the answer.
        assert not await report(post, AT, "1", phone=ASHA)
        his = await answered(post, UNSURE, phone=BARAKA)
        assert await reports.catch_up(post.runtime, post.pool.names) == 0
        await answer(post, attempt, UNSURE)
        assert await reports.catch_up(post.runtime, post.pool.names) == 1
        assert await statuses(post, hers, his) == ["delivered", "unsure"]
        assert not await report(post, AT, "2", phone=ASHA)
    with clock.at(now + timedelta(seconds=1)):
        later = await answered(post, UNSURE)
        assert await reports.catch_up(post.runtime, post.pool.names) == 0
    assert await post.status(later) == "unsure"
