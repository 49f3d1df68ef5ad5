"""Bytes that are no text: whoever's phone or network puts one among her words gets an answer in words, now and on later hops."""

from collections.abc import Callable

import httpx2
import pytest
from sqlalchemy import text as sql

from core.messaging import optouts
from core.runtime import Runtime
from tests import pins
from tests.gateway.providers.message import ASHA, sent, status_of
from tests.phone import CALLBACK, SERVICE_CODE, Phone, Screen

SMS = "/api/sms/africastalking/local"
KIND = {"content-type": "application/x-www-form-urlencoded"}
ODD = ["caf%E9", "%FF%FE", "%C3", "a%00b", "%ED%A0%80", "caf\u00e9", "%F0%9F%99", "%80%81"]


async def hop(client: httpx2.AsyncClient, text: str, session: str) -> Screen:
    """A hop whose text is written into the form as it stands, after the fashion of Latin-1."""
    fields = f"sessionId={session}&phoneNumber=%2B254711000001&networkCode=63902&serviceCode={SERVICE_CODE}&text="
    return Screen.of(await client.post(CALLBACK, content=fields.encode() + text.encode("latin-1"), headers=KIND))


@pytest.mark.parametrize("odd", ODD)
async def test_a_bad_byte_is_answered_in_words_on_that_hop_and_on_every_later_one(client: httpx2.AsyncClient, odd: str) -> None:
    session = f"ATUid_{odd.encode('unicode_escape').hex()}"
    assert "1. Check Balance" in (await hop(client, "", session)).text
    assert "number" in (await hop(client, "4", session)).text
    refused = await hop(client, f"4*{odd}", session)
    assert "That is not a mobile number." in refused.text
    assert await hop(client, f"4*{odd}", session) == refused, "a repetition is another input"
    later = await hop(client, f"4*{odd}*0722000002", session)
    assert "How much to Baraka Otieno?" in later.text
    assert "Send KES 500 to Baraka Otieno" in (await hop(client, f"4*{odd}*0722000002*500", session)).text
    done = await hop(client, f"4*{odd}*0722000002*500*{pins.RIGHT}", session)
    assert "KES 500 sent to Baraka Otieno" in done.text


async def test_a_direct_dial_with_a_bad_byte_stops_at_it(client: httpx2.AsyncClient) -> None:
    screen = await hop(client, "4*caf%E9*500", "ATUid_dial")
    assert screen.is_open
    assert "That is not a mobile number." in screen.text
    assert "How much" in (await hop(client, "4*caf%E9*500*0722000002", "ATUid_dial")).text


@pytest.mark.parametrize("field", ["sessionId", "phoneNumber", "serviceCode"])
async def test_an_id_or_number_with_a_bad_byte_is_refused(client: httpx2.AsyncClient, field: str) -> None:
    fields = {"sessionId": "ATUid_1", "phoneNumber": "0711000001", "serviceCode": SERVICE_CODE, "text": ""}
    body = "&".join(f"{name}={value}{'%E9' * (name == field)}" for name, value in fields.items())
    response = await client.post(CALLBACK, content=body, headers=KIND)
    assert response.status_code == 400
    assert field in response.text


async def test_a_field_that_nobody_reads_costs_nobody_an_answer(client: httpx2.AsyncClient) -> None:
    body = f"sessionId=ATUid_1&phoneNumber=0711000001&serviceCode={SERVICE_CODE}&text=&networkName=Telk%F4m&caf%E9=%FF"
    assert Screen.of(await client.post(CALLBACK, content=body, headers=KIND)).text.startswith("Jasho")


@pytest.mark.parametrize(
    "typed",
    ["0722000002#", "\u200e0722000002", "0722\u00a0000\u00a0002", "“0722000002”", "0722\u2011000\u2011002", "\x000722000002"],
)
async def test_a_number_and_a_pin_are_taken_with_what_a_phone_puts_around_them(phone: Callable[[str], Phone], typed: str) -> None:
    asha = phone(ASHA)
    await asha.dial()
    assert "How much to Baraka Otieno?" in (await asha.type("\u200b4", typed)).text
    assert "Send KES 1,000 to Baraka Otieno" in (await asha.type("1\u00a0000 bob#")).text
    assert "KES 1,000 sent to Baraka Otieno" in (await asha.type(f"\u2068{pins.RIGHT}\u2069#")).text


async def sms(client: httpx2.AsyncClient, body: str, sms_id: str = "odd") -> int:
    form = f"id={sms_id}&from=%2B254711000001&to=22384&date=2026-01-02T10%3A00%3A00Z&text={body}"
    return (await client.post(f"{SMS}/inbound", content=form.encode("latin-1"), headers=KIND)).status_code


@pytest.mark.parametrize("body", ["STOP%A0", "%A0STOP", "STOP%00", "ST%00OP", "STOP\u00a0", "STOP%C3"])
async def test_stop_is_obeyed_with_a_bad_byte_beside_it(client: httpx2.AsyncClient, runtime: Runtime, body: str) -> None:
    assert await sms(client, body) == 200
    async with runtime.database.autocommit() as connection:
        assert await optouts.is_opted_out(connection, ASHA)


@pytest.mark.parametrize(
    "body",
    ["JOBS a%00b", "JOBS %01%02", "JOBS caf%E9", "SAVE 200 a%00b", "LANG %00", "JOIN %00%00", "%00", "%ED%A0%80", "BAL\u00ff"],
)
async def test_an_sms_with_an_odd_byte_is_answered_once_and_does_not_come_again(
    client: httpx2.AsyncClient, runtime: Runtime, body: str
) -> None:
    count = sql("SELECT count(*) FROM outbox WHERE phone = :phone")
    async with runtime.database.autocommit() as connection:
        before = await connection.scalar(count, {"phone": ASHA})
    assert [await sms(client, body), await sms(client, body)] == [200, 200]
    async with runtime.database.autocommit() as connection:
        assert await connection.scalar(count, {"phone": ASHA}) == before + 1


@pytest.mark.parametrize("reason", ["a%00b", "%00", "caf%E9", "%1B%7F", "x%0Ay"])
async def test_a_report_with_an_odd_byte_in_its_reason_is_taken(
    client: httpx2.AsyncClient, runtime: Runtime, reason: str
) -> None:
    message, _ = await sent(runtime, "africastalking", "ATXid_1")
    body = f"id=ATXid_1&status=Failed&phoneNumber=%2B254711000001&failureReason={reason}"
    assert (await client.post(f"{SMS}/delivery", content=body, headers=KIND)).status_code == 200
    assert await status_of(runtime, message) in ("undelivered", "queued")
