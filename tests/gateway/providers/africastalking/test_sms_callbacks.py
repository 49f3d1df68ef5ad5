"""Delivery reports and opt-outs as Africa's Talking calls with them, and what strangers and broken requests get."""

from dataclasses import replace

import httpx2
import pytest
import structlog

from core.messaging import optouts
from core.runtime import Runtime
from core.settings import Settings
from tests.conftest import running_client
from tests.gateway.providers.message import ASHA, sent, status_of

AT = "/api/sms/africastalking/local"
REPORT = {"id": "ATXid_1", "status": "Success", "phoneNumber": ASHA, "networkCode": "63902"}


async def is_opted_out(runtime: Runtime) -> bool:
    async with runtime.database.autocommit() as connection:
        return await optouts.is_opted_out(connection, ASHA)


async def test_a_delivery_report_is_taken(client: httpx2.AsyncClient, runtime: Runtime) -> None:
    message, _ = await sent(runtime, "africastalking", "ATXid_1")
    assert (await client.post(f"{AT}/delivery", data=REPORT)).status_code == 200
    assert await status_of(runtime, message) == "delivered"


async def test_a_report_of_a_message_that_nobody_knows_is_taken_and_changes_nothing(client: httpx2.AsyncClient) -> None:
    for _ in range(2):
        assert (await client.post(f"{AT}/delivery", data=REPORT)).status_code == 200


@pytest.mark.parametrize("secret", ["wrong", "localx", "Local", "%20", "l%C3%B6cal"])
async def test_a_stranger_without_the_secret_finds_nothing_and_changes_nothing(
    client: httpx2.AsyncClient, runtime: Runtime, secret: str
) -> None:
    message, _ = await sent(runtime, "africastalking", "ATXid_1")
    for form, path in ((REPORT, "delivery"), ({"senderId": "JASHO", "phoneNumber": ASHA}, "optout")):
        assert (await client.post(f"/api/sms/africastalking/{secret}/{path}", data=form)).status_code == 404
    assert await status_of(runtime, message) == "sent"
    assert not await is_opted_out(runtime)


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": None},
        {"status": None},
        {"phoneNumber": None},
        {"id": ""},
        {"id": "x" * 200},
        {"id": "a\nb"},
    ],
)
async def test_a_malformed_report_is_refused_and_its_contents_are_not_logged(
    client: httpx2.AsyncClient, wrong: dict[str, str | None]
) -> None:
    form = {name: value for name, value in {**REPORT, **wrong}.items() if value is not None}
    with structlog.testing.capture_logs() as logged:
        response = await client.post(f"{AT}/delivery", data=form)
    assert response.status_code == 400
    [entry] = logged
    assert next(iter(wrong)) in entry["reason"]
    assert not any(value in str(entry) for value in form.values() if len(value) > 1)


@pytest.mark.parametrize("written", ["someone", "", "+15551234567", "22384", "+254711\x00000001"])
async def test_a_report_whose_number_nobody_can_read_moves_its_message(
    client: httpx2.AsyncClient, runtime: Runtime, written: str
) -> None:
    message, _ = await sent(runtime, "africastalking", "ATXid_1")
    assert (await client.post(f"{AT}/delivery", data={**REPORT, "phoneNumber": written})).status_code == 200
    assert await status_of(runtime, message) == "delivered"


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"{}", b"&".join([b"a=1"] * 100), b"id=" + b"1" * 70_000])
async def test_a_body_that_is_no_form_is_refused(client: httpx2.AsyncClient, body: bytes) -> None:
    kind = {"content-type": "application/x-www-form-urlencoded"}
    for path in ("delivery", "optout"):
        assert (await client.post(f"{AT}/{path}", content=body, headers=kind)).status_code == 400


async def test_an_opt_out_is_taken_once_and_for_all(client: httpx2.AsyncClient, runtime: Runtime) -> None:
    for written in ("+254711000001", "0711000001"):
        form = {"senderId": "JASHO", "phoneNumber": written}
        assert (await client.post(f"{AT}/optout", data=form)).status_code == 200
    assert await is_opted_out(runtime)
    assert (await client.post(f"{AT}/optout", data={"senderId": "JASHO"})).status_code == 400


async def test_only_allowed_networks_may_call_back(settings: Settings, runtime: Runtime) -> None:
    async with running_client(replace(settings, callback_allow="192.0.2.0/24")) as client:
        assert (await client.post(f"{AT}/optout", data={"phoneNumber": ASHA})).status_code == 404
    assert not await is_opted_out(runtime)
