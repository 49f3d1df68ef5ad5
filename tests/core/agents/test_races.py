"""Requests of one agent that come in the same moment."""

import pytest

from core.agents import approval
from core.customers.profiles import Customer
from core.errors import RequestWaits
from core.runtime import Runtime
from tests import pins
from tests.core.counter import ASHA, kes, one, received, shop
from tests.races import race


@pytest.mark.race("core/agents/approval.py:ask")
async def test_of_two_requests_of_one_agent_she_is_asked_the_first(runtime: Runtime) -> None:
    agent = await shop(runtime)
    requests = (
        approval.ask(runtime, agent=agent, customer_phone=ASHA, amount=kes(2_000), pin=pins.RIGHT, key=key) for key in "ab"
    )
    row = "SELECT FROM agent WHERE customer_id = %(id)s FOR NO KEY UPDATE"
    first, second = await race(runtime, row, *requests, id=agent.customer.id)
    assert isinstance(first, Customer)
    assert isinstance(second, RequestWaits)
    assert await one(runtime, "SELECT count(*) FROM approval") == "1"
    assert await received(runtime, ASHA, "asks to pay you") == 1
