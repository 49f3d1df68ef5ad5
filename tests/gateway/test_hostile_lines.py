"""A stranger, or a network gone wrong, writes to a service in production: its log stays short, and says what it said."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote_from_bytes, urlencode

import httpx2
import pytest

from core.settings import Settings
from tests import databases
from tests.conftest import serving
from tests.gateway.cli.test_command_line import SECRETS
from tests.gateway.test_connection import line, read_all
from tests.gateway.test_log_lines import lines_of

pytestmark = pytest.mark.system

SECRET = SECRETS["JASHO_CALLBACK_SECRET"]
HOP = {"sessionId": "ATUid_hostile", "phoneNumber": "+254711000001", "serviceCode": "*384*96#", "text": ""}
SMS = {"id": "hostile", "from": "+254711000001", "to": "22345", "text": "BAL", "date": "2026-11-23T12:00:00Z"}
VALUES = [
    b'\n{"event":"forged","level":"info"}\n',
    b"\r\n\r\nforged",
    b"\x1b[2J\x1b]0;forged\x07",
    b"\xff\xfe\xed\xa0\x80",
    "\u2028forged\u0085\u202e".encode(),
    b"%s%n%d{}{0}{event}",
    b"\x00" * 1000,
    b"forged" * 10_000,
    b"+254711000001",
    b"postgresql://forged:hunter2hunter2@db/jasho",
]


@contextmanager
def production(settings: Settings) -> Iterator[str]:
    environment = {"JASHO_DATABASE_URL": settings.database_url, "JASHO_REDIS_URL": settings.redis_url, **SECRETS}
    databases.forget_ids(settings.database_url)
    with serving({**environment, "JASHO_ENV": "production"}, "--no-worker") as url:
        yield url


def form(fields: dict[str, str], name: str, value: bytes) -> str:
    return urlencode({key: text for key, text in fields.items() if key != name}) + f"&{name}={quote_from_bytes(value)}"


def post_all(url: str, value: bytes) -> None:
    """The value in each field of each form that a network may send, percent-encoded, and once as it is."""
    ussd, sms = f"{url}/api/ussd/africastalking/{SECRET}", f"{url}/api/sms/africastalking/{SECRET}/inbound"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    with httpx2.Client(headers=headers, timeout=20) as client:
        for address, fields in ((ussd, HOP), (f"{ussd}/events", {**HOP, "status": "Success", "cost": "1"}), (sms, SMS)):
            for name in fields:
                client.post(address, content=form(fields, name, value))
            client.post(address, content=value)
        client.post(f"{url}/{quote_from_bytes(value)[:8000]}")


def shout(url: str, value: bytes) -> None:
    """The value as path, as header and as body, on a line of its own each."""
    for said in (b"GET /%b HTTP/1.1\r\n\r\n", b"GET /healthz HTTP/1.1\r\nX-Request-Id: %b\r\n\r\n", b"%b\r\n\r\n"):
        with line(url) as opened:
            opened.sendall(said % value[:10_000])
            opened.shutdown(1)
            read_all(opened)


def test_whatever_callers_write_each_line_of_the_log_is_ours(settings: Settings) -> None:
    with production(settings) as url:
        for value in VALUES:
            post_all(url, value)
            shout(url, value)
        assert httpx2.get(f"{url}/healthz").status_code == 200
    lines = lines_of(url)
    written = [json.dumps(event, ensure_ascii=False) for event in lines]
    assert "malformed USSD callback" in {event["event"] for event in lines}
    assert [text[:300] for text in written if not text.isprintable() or len(text) > 4000] == []
    assert [event for event in lines if event["event"] == "forged" or event["role"] != "web"] == []
    assert [text for text in written if "711000" in text or "hunter2" in text or SECRET in text] == []
    assert [event["event"] for event in lines if "error" in event] == [], "a caller's words are no fault of ours"


def test_a_thousand_identical_faults_are_a_few_lines(settings: Settings) -> None:
    with production(settings) as url:
        before = len(lines_of(url))
        with httpx2.Client() as client:
            for _ in range(1000):
                client.post(f"{url}/api/ussd/africastalking/{SECRET}", data={"text": "1"})
                client.post(f"{url}/api/ussd/africastalking/wrong", data=HOP)
        assert 1 <= len(lines_of(url)) - before <= 5
