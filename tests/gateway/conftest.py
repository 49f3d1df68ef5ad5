"""An outbox, two providers on loopback, and a worker's rounds."""

from collections.abc import AsyncIterator

import pytest

from core.settings import Settings
from gateway import wiring
from gateway.providers.local import sms
from tests.gateway import vendors
from tests.gateway.post_office import PostOffice, connected


@pytest.fixture
async def africastalking() -> AsyncIterator[vendors.Vendor]:
    async with vendors.africastalking() as vendor:
        yield vendor


@pytest.fixture
async def twilio() -> AsyncIterator[vendors.Vendor]:
    async with vendors.twilio() as vendor:
        yield vendor


@pytest.fixture
async def post(settings: Settings, africastalking: vendors.Vendor, twilio: vendors.Vendor) -> AsyncIterator[PostOffice]:
    """Both providers; Africa's Talking is always asked first, so that a test knows who is."""
    runtime = wiring.runtime(connected(settings, africastalking, twilio))
    while await sms.deliver(runtime):
        pass  # what the demo people were told
    office = PostOffice.of(runtime)
    await office.weigh()
    yield office
    await runtime.close()
