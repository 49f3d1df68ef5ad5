"""Delivery reports and opt-outs as the providers call with them, and what strangers, forgers and broken requests get."""

from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import urlencode

import httpx2
import pytest
import structlog
from sqlalchemy import insert, select
from twilio.request_validator import RequestValidator

from core import clock, ids
from core.messaging import optouts
from core.runtime import Runtime
from core.settings import Settings
from core.tables.messaging import outbox, sms_attempt
from tests.conftest import running_client
from tests.sms.post_office import twilio_account

ASHA = "+254711000001"
AT = "/api/sms/africastalking/local"
REPORT = {"id": "ATXid_1", "status": "Success", "phoneNumber": ASHA, "networkCode": "63902"}
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


async def sent(runtime: Runtime, provider: str, provider_id: str) -> tuple[object, object]:
    """A message that the provider has taken on: its id and its attempt's."""
    message, attempt, now = ids.new_id(), ids.new_id(), clock.now()
    async with runtime.database.transaction() as connection:
        row = {"id": message, "phone": ASHA, "language": "en", "body": "x", "created_at": now, "claimed_at": now}
        await connection.execute(insert(outbox).values(**row, status="sent", attempts=1, provider=provider))
        row = {"id": attempt, "outbox_id": message, "number": 1, "phone": ASHA, "provider": provider, "provider_id": provider_id}
        await connection.execute(insert(sms_attempt).values(**row, parts=1, begun_at=now, outcome="sent", answered_at=now))
    return message, attempt


async def status_of(runtime: Runtime, message: object) -> object:
    async with runtime.database.autocommit() as connection:
        return await connection.scalar(select(outbox.c.status).where(outbox.c.id == message))


async def is_opted_out(runtime: Runtime) -> bool:
    async with runtime.database.autocommit() as connection:
        return await optouts.is_opted_out(connection, ASHA)


def signed(url: str, form: dict[str, str], token: str = TOKEN) -> dict[str, str]:
    return {"X-Twilio-Signature": RequestValidator(token).compute_signature(url, form)}


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
        {"status": "Perhaps"},
        {"phoneNumber": "someone"},
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
        ("", {"MessageStatus": "perhaps"}),
        ("", {"MessageSid": ""}),
    ],
)
async def test_a_malformed_status_is_refused(twilio: httpx2.AsyncClient, query: str, wrong: dict[str, str | None]) -> None:
    form = {name: value for name, value in {**FORM, **wrong}.items() if value is not None}
    headers = signed(f"{PUBLIC}{STATUS}{query}", form)
    assert (await twilio.post(f"{STATUS}{query}", data=form, headers=headers)).status_code == 400
