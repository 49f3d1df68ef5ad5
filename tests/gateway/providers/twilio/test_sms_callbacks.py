"""Delivery reports as Twilio calls with them, and what forgers and broken requests get."""

from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import urlencode

import httpx2
import pytest
from sqlalchemy import select
from twilio.request_validator import RequestValidator

from core import ids
from core.runtime import Runtime
from core.settings import Settings
from core.tables.messaging import sms_aside
from tests.conftest import running_client
from tests.gateway.post_office import twilio_account
from tests.gateway.providers.message import ASHA, sent, status_of

TOKEN, PUBLIC = "a-token-of-a-test", "https://jasho.example"
STATUS = "/api/sms/twilio/status"
FORM = {"MessageSid": "SM1", "MessageStatus": "delivered", "AccountSid": "AC1", "To": ASHA, "NewField": "a b&c=é"}


@pytest.fixture
def twilio_settings(settings: Settings) -> Settings:
    """As they are behind a proxy: the outside knows another address than the one we are called by."""
    return replace(settings, public_url=f"{PUBLIC}/", vendors=twilio_account("AC1", TOKEN))


@pytest.fixture
async def twilio(twilio_settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    async with running_client(twilio_settings) as client:
        yield client


def signed(url: str, form: dict[str, str], token: str = TOKEN) -> dict[str, str]:
    return {"X-Twilio-Signature": RequestValidator(token).compute_signature(url, form)}


async def test_twilios_signature_is_that_of_the_public_address(twilio: httpx2.AsyncClient, runtime: Runtime) -> None:
    message, attempt = await sent(runtime, "twilio", "SM1")
    path = f"{STATUS}?attempt={attempt}"
    assert (await twilio.post(path, data=FORM, headers=signed(f"{PUBLIC}{path}", FORM))).status_code == 200
    assert await status_of(runtime, message) == "delivered"


async def test_a_forged_status_changes_nothing(twilio: httpx2.AsyncClient, runtime: Runtime) -> None:
    message, attempt = await sent(runtime, "twilio", "SM1")
    path = f"{STATUS}?attempt={attempt}"
    good = signed(f"{PUBLIC}{path}", FORM)
    other = f"{STATUS}?attempt={ids.new_id()}"
    forgeries: list[tuple[str, dict[str, str], dict[str, str]]] = [
        (path, FORM, {}),
        (path, FORM, {"X-Twilio-Signature": ""}),
        (path, FORM, {"X-Twilio-Signature": "x" * 28}),
        (path, FORM, {"X-Twilio-Signature": good["X-Twilio-Signature"].swapcase()}),
        (path, {**FORM, "MessageStatus": "sent"}, good),
        (path, {**FORM, "Extra": "1"}, good),
        (path, {name: value for name, value in FORM.items() if name != "NewField"}, good),
        (other, FORM, good),
        (STATUS, FORM, good),
        (f"{path}&x=1", FORM, good),
        (path, FORM, signed(f"http://test{path}", FORM)),
        (path, FORM, signed(f"{PUBLIC}{path}", FORM, "another-token")),
        (path, FORM, signed(f"{PUBLIC}{path}", FORM, "")),
        (path, FORM, signed(f"{PUBLIC}{path}", {})),
    ]
    for address, form, headers in forgeries:
        assert (await twilio.post(address, data=form, headers=headers)).status_code == 403, (address, headers)
    assert await status_of(runtime, message) == "sent"


async def test_a_field_that_is_sent_twice_is_signed_twice(twilio: httpx2.AsyncClient, runtime: Runtime) -> None:
    message, attempt = await sent(runtime, "twilio", "SM1")
    path = f"{STATUS}?attempt={attempt}"
    kind = {"content-type": "application/x-www-form-urlencoded"}
    body = urlencode([*FORM.items(), ("MessageStatus", "failed")])
    headers = {**kind, **signed(f"{PUBLIC}{path}", FORM)}
    assert (await twilio.post(path, content=body, headers=headers)).status_code == 403
    assert await status_of(runtime, message) == "sent"


async def test_without_a_token_nobody_is_twilio(client: httpx2.AsyncClient) -> None:
    path = "http://127.0.0.1:8000" + STATUS
    for token in ("", TOKEN):
        assert (await client.post(STATUS, data=FORM, headers=signed(path, FORM, token))).status_code == 403


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("?attempt=x", {}),
        ("", {"MessageSid": None}),
        ("", {"MessageStatus": None}),
        ("", {"MessageSid": ""}),
    ],
)
async def test_a_malformed_status_is_refused(twilio: httpx2.AsyncClient, query: str, wrong: dict[str, str | None]) -> None:
    form = {name: value for name, value in {**FORM, **wrong}.items() if value is not None}
    headers = signed(f"{PUBLIC}{STATUS}{query}", form)
    assert (await twilio.post(f"{STATUS}{query}", data=form, headers=headers)).status_code == 400


@pytest.mark.parametrize("number", [46, 200, 1900])
async def test_a_form_may_gain_fields(twilio: httpx2.AsyncClient, runtime: Runtime, number: int) -> None:
    message, attempt = await sent(runtime, "twilio", "SM1")
    path = f"{STATUS}?attempt={attempt}"
    form = {**FORM, **{f"New{count}": "1" for count in range(number)}}
    assert (await twilio.post(path, data=form, headers=signed(f"{PUBLIC}{path}", form))).status_code == 200
    assert await status_of(runtime, message) == "delivered"


@pytest.mark.parametrize("status", ["perhaps", "canceled", "partially_delivered", "DELIVERED "])
async def test_a_status_of_twilio_that_nobody_knows_is_kept(twilio: httpx2.AsyncClient, runtime: Runtime, status: str) -> None:
    message, _ = await sent(runtime, "twilio", "SM1")
    form = {**FORM, "MessageStatus": status}
    assert (await twilio.post(STATUS, data=form, headers=signed(f"{PUBLIC}{STATUS}", form))).status_code == 200
    assert await status_of(runtime, message) == "sent"
    async with runtime.database.autocommit() as connection:
        assert list(await connection.scalars(select(sms_aside.c.provider_id))) == ["SM1"]
