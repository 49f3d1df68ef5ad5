"""SMS that come in by Twilio, signed or not."""

from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import urlencode

import httpx2
import pytest
import structlog
from sqlalchemy import func, select, text
from twilio.request_validator import RequestValidator

from core.runtime import Runtime
from core.settings import Settings
from core.tables.messaging import inbound as inbound_table
from tests.conftest import running_client
from tests.gateway.post_office import twilio_account

ASHA, BARAKA = "+254711000001", "+254722000002"
FORM = {"MessageSid": "SM1", "AccountSid": "AC1", "From": ASHA, "To": "+15005550006", "Body": "BAL & more", "NumMedia": "0"}


@pytest.fixture
async def twilio(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    """A service that has a Twilio account."""
    configured = replace(
        settings,
        vendors=twilio_account("AC" + "0" * 32, "token"),
        public_url="https://jasho.example",
    )
    async with running_client(configured) as client:
        yield client


def signed(form: dict[str, str], path: str = "/api/sms/twilio/inbound") -> dict[str, str]:
    signature = RequestValidator("token").compute_signature(f"https://jasho.example{path}", form)
    return {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}


async def test_twilio_is_answered_with_nothing_and_the_sender_by_the_outbox(twilio: httpx2.AsyncClient, runtime: Runtime) -> None:
    for _ in range(2):
        response = await twilio.post("/api/sms/twilio/inbound", content=urlencode(FORM), headers=signed(FORM))
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("application/xml")
        assert "<Message" not in response.text
    async with runtime.database.autocommit() as connection:
        count = await connection.scalar(
            text("SELECT count(*) FROM outbox WHERE phone = :phone AND body LIKE '%12,500%'"), {"phone": ASHA}
        )
    assert count == 1


@pytest.mark.parametrize(
    ("form", "headers"),
    [
        ({**FORM, "Body": "SEND 500 0722000002"}, signed(FORM)),
        ({**FORM, "From": BARAKA}, signed(FORM)),
        ({**FORM, "Extra": "1"}, signed(FORM)),
        (FORM, signed(FORM, "/api/sms/twilio/status")),
        (FORM, {"Content-Type": "application/x-www-form-urlencoded"}),
        (FORM, {**signed(FORM), "X-Twilio-Signature": ""}),
        (FORM, {**signed(FORM), "X-Twilio-Signature": "AAAAAAAAAAAAAAAAAAAAAAAAAAA="}),
    ],
)
async def test_what_twilio_has_not_signed_changes_nothing(
    twilio: httpx2.AsyncClient, runtime: Runtime, form: dict[str, str], headers: dict[str, str]
) -> None:
    response = await twilio.post("/api/sms/twilio/inbound", content=urlencode(form), headers=headers)
    assert response.status_code == 403
    async with runtime.database.autocommit() as connection:
        assert await connection.scalar(select(func.count()).select_from(inbound_table)) == 0


async def test_nobody_signs_for_an_account_that_is_not_there(client: httpx2.AsyncClient) -> None:
    signature = RequestValidator("").compute_signature("http://127.0.0.1:8000/api/sms/twilio/inbound", FORM)
    headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}
    assert (await client.post("/api/sms/twilio/inbound", content=urlencode(FORM), headers=headers)).status_code == 403


@pytest.mark.parametrize("path", ["/api/sms/twilio/inbound", "/api/sms/twilio/status"])
@pytest.mark.parametrize("signature", [None, "", "x", "A" * 28, "A" * 27 + "= ", "A" * 27 + "==", "A" * 43 + "="])
async def test_what_bears_no_signature_is_refused_unread(twilio: httpx2.AsyncClient, path: str, signature: str | None) -> None:
    was_read = False

    async def body() -> AsyncIterator[bytes]:
        nonlocal was_read
        was_read = True
        yield b"x"

    headers = {} if signature is None else {"X-Twilio-Signature": signature}
    assert (await twilio.post(path, content=body(), headers=headers)).status_code == 403
    assert not was_read


async def test_what_a_stranger_signs_is_worth_no_line_of_the_log(twilio: httpx2.AsyncClient) -> None:
    headers = {"X-Twilio-Signature": "A" * 27 + "="}
    with structlog.testing.capture_logs() as logged:
        for content in (b"a=1&" * 2001, b"\xff", b"x" * 65 * 1024, urlencode(FORM).encode()):
            assert (await twilio.post("/api/sms/twilio/inbound", content=content, headers=headers)).status_code == 403
    assert logged == []
