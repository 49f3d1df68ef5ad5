"""The callback as Africa's Talking calls it: every form it may send, and what strangers and broken requests get."""

from collections.abc import Callable

import httpx2
import pytest

from core.customers import profiles, wallet
from core.runtime import Runtime
from core.settings import Settings
from tests import pins
from tests.conftest import running_client
from tests.phone import CALLBACK, SERVICE_CODE, Phone

ASHA, BARAKA = "+254711000001", "+254722000002"
FORM = {"sessionId": "ATUid_1", "phoneNumber": ASHA, "networkCode": "63902", "serviceCode": SERVICE_CODE, "text": ""}
MakePhone = Callable[[str], Phone]


async def balance_minor(runtime: Runtime, phone: str) -> int:
    customer = await profiles.find(runtime, phone)
    assert customer is not None
    return (await wallet.get_balance(runtime, customer)).minor


async def test_the_network_reads_con_as_plain_text_with_the_screen_in_a_header(client: httpx2.AsyncClient) -> None:
    response = await client.post(CALLBACK, data=FORM)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.text.startswith("CON Jasho\n1. Check Balance\n")
    assert response.headers["at-ussd-hop-metadata"] == "home"


@pytest.mark.parametrize("secret", ["wrong", "localx", "Local", "%20", "l%C3%B6cal"])
async def test_a_stranger_without_the_secret_finds_nothing_and_changes_nothing(client: httpx2.AsyncClient, secret: str) -> None:
    response = await client.post(f"/api/ussd/africastalking/{secret}", data=FORM)
    assert response.status_code == 404
    assert (await client.post("/api/ussd/africastalking/", data=FORM)).status_code == 404


@pytest.mark.parametrize("missing", ["sessionId", "phoneNumber", "serviceCode", "text"])
async def test_a_form_without_a_field_is_refused_and_the_field_named(client: httpx2.AsyncClient, missing: str) -> None:
    response = await client.post(CALLBACK, data={name: value for name, value in FORM.items() if name != missing})
    assert response.status_code == 400
    assert missing in response.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"phoneNumber": "someone"},
        {"phoneNumber": ""},
        {"phoneNumber": "+254201234567"},
        {"sessionId": ""},
        {"sessionId": "x" * 500},
        {"sessionId": "a\nb"},
        {"serviceCode": "*999#"},
        {"serviceCode": "*384*961#"},
        {"serviceCode": ""},
    ],
)
async def test_a_malformed_field_is_refused(client: httpx2.AsyncClient, wrong: dict[str, str]) -> None:
    assert (await client.post(CALLBACK, data={**FORM, **wrong})).status_code == 400


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe", b"text=%ff%fe&sessionId=1", b"{}", b"&".join([b"a=1"] * 100), b"text=" + b"1" * 70_000]
)
async def test_a_body_that_is_no_form_is_refused(client: httpx2.AsyncClient, body: bytes) -> None:
    response = await client.post(CALLBACK, content=body, headers={"content-type": "application/x-www-form-urlencoded"})
    assert response.status_code == 400


async def test_the_log_of_a_malformed_callback_does_not_repeat_what_was_typed(client: httpx2.AsyncClient) -> None:
    text = f"4*0722000002*500*{pins.RIGHT}"
    response = await client.post(CALLBACK, data={"text": text, "phoneNumber": ASHA})
    assert response.status_code == 400
    assert pins.RIGHT not in response.text


@pytest.mark.parametrize(
    "written", ["+254711000001", "254711000001", "0711000001", "711000001", "+254 711 000 001", "0711-000-001"]
)
async def test_a_customer_is_known_however_the_network_writes_her_number(client: httpx2.AsyncClient, written: str) -> None:
    response = await client.post(CALLBACK, data={**FORM, "sessionId": f"ATUid_{written}", "phoneNumber": written, "text": "1"})
    assert response.text == "CON Your balance is KES 12,500.\nReply 0 for menu."


async def test_direct_dial_arrives_as_the_first_text(phone: MakePhone) -> None:
    screen = await phone(ASHA).dial("*384*96*4*0722000002*500#")
    assert screen.text.startswith("Send KES 500 to Baraka Otieno, fee KES 7. Enter PIN")


@pytest.mark.parametrize("later", ["short code", "long code", "long code and text repeated"])
async def test_direct_dial_arrives_as_a_long_service_code(phone: MakePhone, later: str) -> None:
    asha = phone(ASHA)
    asha.session_id = f"ATUid_{later}"
    long_code = "*384*96*4*0722000002*500#"
    first = await asha.post(serviceCode=long_code, text="")
    assert first.text.startswith("CON Send KES 500 to Baraka Otieno")
    code = SERVICE_CODE if later == "short code" else long_code
    text = f"4*0722000002*500*{pins.RIGHT}" if later.endswith("repeated") else pins.RIGHT
    second = await asha.post(serviceCode=code, text=text)
    assert "KES 500 sent to Baraka Otieno" in second.text
    assert second.text.startswith("END ")


async def test_a_pin_in_a_direct_dial_is_never_accepted(phone: MakePhone, runtime: Runtime) -> None:
    asha = phone(ASHA)
    screen = await asha.dial(f"*384*96*4*0722000002*500*{pins.RIGHT}#")
    assert screen.is_open
    assert "Enter PIN" in screen.text
    assert await balance_minor(runtime, ASHA) == 1_250_000
    assert "KES 500 sent" in (await asha.type(pins.RIGHT)).text


async def test_a_literal_star_belongs_to_what_she_typed(phone: MakePhone) -> None:
    asha = phone(ASHA)
    await asha.dial()
    await asha.type("4")
    assert "That is not a mobile number." in (await asha.type("0722*000002")).text
    assert "How much to Baraka Otieno?" in (await asha.type("0722000002")).text
    assert "whole numbers" in (await asha.type("5*00")).text
    assert "Send KES 500" in (await asha.type("500")).text


@pytest.mark.parametrize(
    "typed", ["x" * 10_000, "😀" * 200, "1*" * 3_000, "\n\t", "%00", "'; DROP TABLE customer; --", "{balance}", "{0.__class__}"]
)
async def test_nonsense_is_answered_with_the_screen_again(phone: MakePhone, typed: str) -> None:
    asha = phone(ASHA)
    await asha.dial()
    screen = await asha.type(typed)
    assert screen.is_open
    assert "1. Check Balance" in screen.text


async def test_the_end_event_is_taken_and_its_input_is_left_alone(client: httpx2.AsyncClient) -> None:
    event = {"sessionId": "ATUid_1", "status": "Success", "input": f"4*0722000002*500*{pins.RIGHT}", "hopsCount": "5"}
    assert (await client.post(f"{CALLBACK}/events", data=event)).status_code == 200
    assert (await client.post("/api/ussd/africastalking/wrong/events", data=event)).status_code == 404


async def test_only_allowed_networks_may_call_back(settings: Settings, redis_url: str) -> None:
    del redis_url
    for networks, status in (("192.0.2.0/24", 404), ("192.0.2.0/24, 127.0.0.0/8", 200)):
        allowing = Settings(database_url=settings.database_url, redis_url=settings.redis_url, callback_allow=networks)
        async with running_client(allowing) as client:
            assert (await client.post(CALLBACK, data=FORM)).status_code == status


def test_screens_are_named_in_the_header_within_what_the_network_allows() -> None:
    from menus.screens import SCREENS

    assert all(len(screen.name) <= 99 and "|" not in screen.name for screen in SCREENS)
