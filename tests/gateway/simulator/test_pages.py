"""A developer's browser has other pages open: none of them reads her phones' messages or types on them."""

import httpx2
import pytest
from starlette.responses import PlainTextResponse

from core.settings import Settings
from gateway.simulator.pages import OwnPages
from tests.conftest import running_client
from tests.phone import CALLBACK

SMS = "/simulator/sms"
INBOX = "/simulator/inbox?phone=0711000001"
HOP = {"sessionId": "ATUid_pages", "phoneNumber": "+254711000001", "serviceCode": "*384*96#", "text": ""}
OTHER = "evil.example:8000"


def calling(public_url: str = "https://jasho.example") -> httpx2.AsyncClient:
    """What stands behind the guard answers 200 to everything."""
    app = OwnPages(PlainTextResponse("done"), public_url)
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1:8000")


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8000", "127.0.0.1", "127.1.2.3:8123", "localhost:8000", "LOCALHOST", "[::1]:8000", "[::1]", "jasho.example",
     "Jasho.Example:8443"],
)  # fmt: skip
async def test_the_phone_in_the_browser_opens_by_each_name_of_this_machine(host: str) -> None:
    async with calling() as client:
        assert (await client.get(INBOX, headers={"Host": host})).status_code == 200
        assert (await client.post(SMS, headers={"Host": host, "Origin": f"http://{host}"})).status_code == 200


@pytest.mark.parametrize(
    "host",
    [OTHER, "127.0.0.1.evil.example", "localhost.evil.example:8000", "evil.example@127.0.0.1", "127.0.0.1:80:80", "[::1", "::1",
     "0.0.0.0:8000", "[::ffff:192.0.2.1]", "192.0.2.1", "2130706433", "jasho.example.evil.example", "", " "],
)  # fmt: skip
async def test_a_name_that_somebody_lets_point_here_reads_no_messages(host: str) -> None:
    """DNS rebinding: to the browser the page and the service are then of one origin."""
    async with calling() as client:
        for path in ("/simulator", "/simulator/", INBOX, "/simulator/simulator.js"):
            assert (await client.get(path, headers={"Host": host})).status_code == 403
        answer = await client.post(SMS, headers={"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"})
        assert answer.status_code == 403


async def test_two_names_at_once_are_none() -> None:
    async with calling() as client:
        headers = httpx2.Headers([("Host", "127.0.0.1:8000"), ("Host", OTHER)])
        assert (await client.get(INBOX, headers=headers)).status_code == 403


@pytest.mark.parametrize("path", [SMS, "/simulator/prompts/6f1e1f0e-0000-4000-8000-000000000000", CALLBACK])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://127.0.0.1:9000"},
        {"Origin": "http://localhost:8000"},
        {"Origin": "file://127.0.0.1:8000"},
        {"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": ""},
        {"Host": OTHER, "Origin": f"http://{OTHER}"},
        {"Host": OTHER, "Sec-Fetch-Site": "same-origin"},
    ],
)
async def test_a_page_elsewhere_types_on_no_phone(path: str, headers: dict[str, str]) -> None:
    async with calling() as client:
        assert (await client.post(path, headers=headers)).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [{}, {"Origin": "http://127.0.0.1:8000"}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}],
)
async def test_its_own_page_and_a_terminal_type_on_phones(headers: dict[str, str]) -> None:
    async with calling() as client:
        for path in (SMS, CALLBACK):
            assert (await client.post(path, headers=headers)).status_code == 200


async def test_a_provider_calls_by_the_name_of_a_tunnel() -> None:
    async with calling() as client:
        assert (await client.post(CALLBACK, headers={"Host": "tunnel.example"})).status_code == 200


async def test_the_service_asks_pages_where_they_are_from(settings: Settings) -> None:
    async with running_client(settings) as client:
        assert (await client.get(INBOX, headers={"Host": OTHER})).status_code == 403
        assert (await client.post(CALLBACK, data=HOP, headers={"Origin": "http://evil.example"})).status_code == 403
        assert (await client.post(CALLBACK, data=HOP)).status_code == 200
        assert (await client.get(INBOX)).status_code == 200
