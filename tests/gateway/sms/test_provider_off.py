"""A provider of SMS that is switched off is not asked, and what it has in hand waits for its reports."""

from core.operations import switches
from gateway import wiring
from tests.core.operations.turning import turn_off, turn_on
from tests.gateway.post_office import PostOffice
from tests.gateway.vendors import Vendor

AT, TWILIO = switches.provider("africastalking"), switches.provider("twilio")


def switched(post: PostOffice) -> PostOffice:
    """With the pool that the service makes."""
    pool = wiring.sms_pool(post.runtime.settings, post.runtime.switches)
    assert pool is not None
    return PostOffice(post.runtime, pool)


async def test_the_other_provider_is_asked_instead(post: PostOffice, africastalking: Vendor, twilio: Vendor) -> None:
    post = switched(post)
    await turn_off(post.runtime, AT)
    await post.queue("x")
    await post.all_rounds()
    assert (len(africastalking.requests), len(twilio.requests)) == (0, 1)


async def test_with_all_providers_off_messages_wait_and_leave_afterwards(
    post: PostOffice, africastalking: Vendor, twilio: Vendor
) -> None:
    post = switched(post)
    for name in (AT, TWILIO):
        await turn_off(post.runtime, name)
    message = await post.queue("x")
    await post.one_round()
    assert (len(africastalking.requests) + len(twilio.requests), await post.status(message)) == (0, "queued")
    await turn_on(post.runtime, AT)
    await post.all_rounds()
    assert (len(africastalking.requests), await post.status(message)) == (1, "sent")


async def test_what_it_had_in_hand_is_not_sent_again_by_another(post: PostOffice, africastalking: Vendor, twilio: Vendor) -> None:
    post = switched(post)
    message = await post.queue("x")
    await post.all_rounds()
    await turn_off(post.runtime, AT)
    await post.all_rounds()
    assert (len(africastalking.requests), len(twilio.requests), await post.status(message)) == (1, 0, "sent")
