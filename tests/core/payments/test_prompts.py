"""The simulated phone's side of the local rail: what it is asked, and what its answer does."""

from datetime import timedelta
from uuid import uuid4

import httpx2
import pytest

from core import clock
from core.customers import profiles, wallet
from core.customers.profiles import Customer
from core.payments import handover, prompts, requests
from core.runtime import Runtime
from tests import pins
from tests.core.payments.mpesa import ASHA, NOW, kes


@pytest.fixture
async def asha(runtime: Runtime) -> Customer:
    found = await profiles.find(runtime, ASHA)
    assert found is not None
    return found


async def shown(client: httpx2.AsyncClient, phone: str = ASHA) -> list[dict[str, str]]:
    response = await client.get("/simulator/prompts", params={"phone": phone})
    assert response.status_code == 200
    prompts: list[dict[str, str]] = response.json()
    return prompts


async def test_a_prompt_comes_once_the_rail_was_asked_and_goes_with_its_answer(
    runtime: Runtime, client: httpx2.AsyncClient, asha: Customer
) -> None:
    await requests.deposit(runtime, asha, kes(500), key="in")
    assert await shown(client) == []
    await handover.ask(runtime)
    [prompt] = await shown(client, "0711000001")
    assert {name: prompt[name] for name in ("direction", "amount")} == {"direction": "in", "amount": "KES 500"}
    assert await shown(client, "0722000002") == []
    for _ in range(2):
        assert (await client.post(f"/simulator/prompts/{prompt['id']}", json={"answer": "pay"})).status_code == 204
    assert await shown(client) == []
    assert await wallet.get_balance(runtime, asha) == kes(13_000)


async def test_money_that_is_rejected_on_the_phone_comes_back(
    runtime: Runtime, client: httpx2.AsyncClient, asha: Customer
) -> None:
    await requests.withdraw(runtime, asha, kes(500), pin=pins.RIGHT, key="out")
    await handover.ask(runtime)
    [prompt] = await shown(client)
    assert (await client.post(f"/simulator/prompts/{prompt['id']}", json={"answer": "refuse"})).status_code == 204
    assert (await shown(client), await wallet.get_balance(runtime, asha)) == ([], kes(12_500))


async def test_a_prompt_to_pay_goes_away_and_money_to_be_had_waits(runtime: Runtime, asha: Customer) -> None:
    with clock.at(NOW):
        await requests.deposit(runtime, asha, kes(500), key="in")
    with clock.at(NOW + timedelta(seconds=1)):
        await requests.withdraw(runtime, asha, kes(500), pin=pins.RIGHT, key="out")
        await handover.ask(runtime)
        assert [prompt.direction for prompt in await prompts.list_prompts(runtime, "local", ASHA)] == ["in", "out"]
    with clock.at(NOW + timedelta(minutes=10)):
        assert await handover.give_up(runtime) == 2
        assert [prompt.direction for prompt in await prompts.list_prompts(runtime, "local", ASHA)] == ["out"]


@pytest.mark.parametrize(
    "body", [b"", b"pay", b"[]", b'{"answer": "maybe"}', b'{"answer": 1}', b'{"answer": "pay' + b" " * 2_000]
)
async def test_an_answer_that_is_none_moves_nothing(
    runtime: Runtime, client: httpx2.AsyncClient, asha: Customer, body: bytes
) -> None:
    await requests.deposit(runtime, asha, kes(500), key="in")
    await handover.ask(runtime)
    [prompt] = await shown(client)
    assert (await client.post(f"/simulator/prompts/{prompt['id']}", content=body)).status_code == 400
    assert len(await shown(client)) == 1
    assert await wallet.get_balance(runtime, asha) == kes(12_500)


async def test_a_prompt_that_never_was_cannot_be_answered(client: httpx2.AsyncClient) -> None:
    assert (await client.post(f"/simulator/prompts/{uuid4()}", json={"answer": "pay"})).status_code == 404
    assert (await client.get("/simulator/prompts", params={"phone": "nobody"})).status_code == 400
