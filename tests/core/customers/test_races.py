"""A forgotten PIN that is replaced twice in the same moment."""

from datetime import datetime

import pytest

from core.credentials import pins
from core.credentials.refusals import CodeEnded
from core.customers import pin_reset
from core.customers.pin_reset import NextStep
from core.customers.profiles import Customer
from core.runtime import Runtime
from tests.core.customers.test_pin_reset import HER_ID, proven, told
from tests.core.customers.test_pin_reset import asha as asha  # noqa: PLC0414 - pytest's way to share a fixture
from tests.pins import NEW, OTHER_WRONG
from tests.races import race

HER_PIN = "SELECT FROM pin WHERE customer_id = %(id)s FOR UPDATE"


@pytest.mark.race("core/customers/pin_reset.py:_is_proven")
async def test_one_code_sets_one_pin(runtime: Runtime, asha: Customer) -> None:
    await proven(runtime, asha)
    replacements = (pin_reset.replace(runtime, asha, pin) for pin in (NEW, OTHER_WRONG))
    first, second = await race(runtime, HER_PIN, *replacements, id=asha.id)
    assert isinstance(first, datetime)
    assert isinstance(second, CodeEnded)
    await pins.check(runtime, asha.id, NEW)


@pytest.mark.race("core/customers/pin_reset.py:_is_proven")
async def test_two_requests_are_sent_one_code(runtime: Runtime, asha: Customer) -> None:
    requests = (pin_reset.prove_identity(runtime, asha, HER_ID) for _ in range(2))
    assert await race(runtime, HER_PIN, *requests, id=asha.id) == [NextStep.TYPE_CODE] * 2
    assert len([body for body in await told(runtime) if "is your code" in body]) == 1
