"""`X-Request-Id`: whoever has an answer in hand finds its lines in the log, and no stranger writes into them."""

from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from core.settings import Settings
from gateway import request_ids
from tests.conftest import LOGS, serving
from tests.gateway.test_connection import HOP, RIGHT, WRONG, line, post, read_all

HEADER = "x-request-id"
NAME = "0f1e2d3c-proxy.one"
CLOSE = "Connection: close"


def id_of(answer: bytes) -> str:
    """The only one that it has."""
    [named] = [field for field in answer.split(b"\r\n\r\n")[0].split(b"\r\n") if field.lower().startswith(HEADER.encode())]
    return named.partition(b": ")[2].decode()


def log_of(url: str) -> str:
    return Path(LOGS, f"serve-{urlsplit(url).port}.log").read_text()


@pytest.mark.system
@pytest.mark.parametrize(
    "request_bytes",
    [
        post(RIGHT, HOP, CLOSE),
        post(RIGHT, b"sessionId=1", CLOSE),
        post(WRONG, b"x", CLOSE),
        post("/nowhere", b"", CLOSE),
        post(RIGHT, length=64 * 1024 + 1),
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /healthz HTTP/1.0\r\n\r\n",
        b"DELETE /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nX-Long: " + b"x" * 17 * 1024,
        b"POST ",
    ],
    ids=["a hop", "no hop", "a wrong secret", "nowhere", "too long", "1.1", "1.0", "not allowed", "TLS", "a long header", "half"],
)
def test_every_answer_names_its_request(service_url: str, request_bytes: bytes) -> None:
    with line(service_url) as opened:
        opened.sendall(request_bytes)
        assert len(id_of(read_all(opened))) == 8


@pytest.mark.system
def test_the_id_of_an_answer_is_that_of_its_lines_and_no_two_requests_have_the_same(service_url: str) -> None:
    with httpx2.Client() as client:
        names = [client.post(f"{service_url}{RIGHT}", data={"text": "1"}).headers[HEADER] for _ in range(3)]
    assert len(set(names)) == 3
    assert [name for name in names if f"request={name}" in log_of(service_url)], "repeated lines are left out"


@pytest.mark.system
def test_a_proxys_id_is_taken_and_a_strangers_is_not(settings: Settings) -> None:
    environment = {"JASHO_DATABASE_URL": settings.database_url, "JASHO_REDIS_URL": settings.redis_url}
    form = {"text": "1"}
    with serving(environment, "--no-worker") as url:
        answer = httpx2.post(f"{url}{RIGHT}", data=form, headers={HEADER: NAME})
        assert answer.headers[HEADER] != NAME
        assert NAME not in log_of(url)
    with serving({**environment, "FORWARDED_ALLOW_IPS": "127.0.0.1"}, "--no-worker") as url:
        behind = {HEADER: NAME, "X-Forwarded-For": "192.0.2.1"}
        assert httpx2.post(f"{url}{RIGHT}", data=form, headers=behind).headers[HEADER] == NAME
        assert f"request={NAME}" in log_of(url)
        for strange in ("x" * 65, "short", "two words", "0711000001", 'quoted"and', "+254711000001"):
            named = httpx2.get(f"{url}/healthz", headers={HEADER: strange}).headers[HEADER]
            assert len(named) == 8, strange
        twice = [(HEADER, NAME), (HEADER, "another-name")]
        assert len(httpx2.get(f"{url}/healthz", headers=twice).headers[HEADER]) == 8


@pytest.mark.parametrize("name", [NAME, "550e8400-e29b-41d4-a716-446655440000", "0123456789abcdef0123456789abcdef"])
def test_the_ids_of_usual_proxies_are_taken(name: str) -> None:
    headers = [(b"host", b"x"), (b"x-request-id", name.encode())]
    assert request_ids.choose(headers, "made", is_from_proxy=True) == name
    assert headers == [(b"host", b"x"), (b"x-request-id", name.encode())]
