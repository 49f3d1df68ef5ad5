"""What one stranger on a line can take from the others: the service's memory, its connections, and its log."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import psutil
import pytest

from core.settings import Settings
from tests.conftest import LOGS, serving

pytestmark = pytest.mark.system

WRONG = "/api/ussd/africastalking/wrong"
RIGHT = "/api/ussd/africastalking/local"
# Longer than the service waits for anything, shorter than it waited once.
PATIENCE_SECONDS = 30
MEBIBYTE = 1024 * 1024
CROWD = 40
HOP = b"sessionId=ATUid_crowd&phoneNumber=%2B254711000001&serviceCode=%2A384%2A96%23&text="


@contextmanager
def line(url: str) -> Iterator[socket.socket]:
    """A connection on which a test says what it likes."""
    address = urlsplit(url)
    with socket.create_connection((str(address.hostname), int(address.port or 0)), PATIENCE_SECONDS) as opened:
        yield opened


def post(path: str, body: bytes = b"", *headers: str, length: int | None = None) -> bytes:
    """A request whose body may be shorter than it says."""
    named = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join([*named, "", ""]).encode() + body


def read_all(opened: socket.socket) -> bytes:
    """What the service says until it hangs up. Fails where it does not."""
    answer = b""
    try:
        while part := opened.recv(65536):
            answer += part
    except ConnectionResetError:
        pass  # it hung up while more was on its way
    return answer


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def process_of(url: str) -> psutil.Process:
    """The process that serves at `url`, which this one has started."""
    port = str(urlsplit(url).port)
    [found] = [child for child in psutil.Process().children() if port in child.cmdline()]
    return found


def log_of(url: str) -> list[str]:
    return Path(LOGS, f"serve-{urlsplit(url).port}.log").read_text().splitlines()


def check_alive(url: str) -> None:
    assert httpx2.get(f"{url}/healthz").status_code == 200


def test_a_header_that_does_not_end_is_refused_before_it_fills_the_memory(service_url: str) -> None:
    with line(service_url) as opened:
        opened.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: " + b"x" * 17 * 1024)
        assert status_of(read_all(opened)) == 431


def test_a_header_that_is_too_long_is_refused_where_it_comes_in_one_piece(service_url: str) -> None:
    with line(service_url) as opened:
        opened.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: " + b"x" * 17 * 1024 + b"\r\n\r\n")
        assert status_of(read_all(opened)) == 431


def test_a_body_that_says_it_is_too_long_is_refused_unread(service_url: str) -> None:
    with line(service_url) as opened:
        opened.sendall(post(RIGHT, length=64 * 1024 + 1))
        assert status_of(read_all(opened)) == 413


@pytest.mark.parametrize("path", [RIGHT, "/simulator/sms"])
def test_a_body_that_does_not_say_how_long_it_is_ends_where_it_is_too_long(service_url: str, path: str) -> None:
    with line(service_url) as opened:
        opened.sendall(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        opened.sendall(b"10001\r\n" + b"x" * 0x10001)
        assert status_of(read_all(opened)) == 413


def test_a_wrong_secret_is_answered_without_waiting_for_the_body(service_url: str) -> None:
    with line(service_url) as opened:
        opened.sendall(post(WRONG, length=60_000))
        assert status_of(opened.recv(65536)) == 404


def test_a_caller_who_says_nothing_or_half_a_request_is_let_go(service_url: str) -> None:
    halves = [b"", b"POST ", post(RIGHT, b"sessionId=1", length=100), post(WRONG, length=100), b"\r\n"]
    with line(service_url) as a, line(service_url) as b, line(service_url) as c, line(service_url) as d, line(service_url) as e:
        lines = [a, b, c, d, e]
        for opened, half in zip(lines, halves, strict=True):
            opened.sendall(half)
        answers = [read_all(opened) for opened in lines]
    assert [answer[9:12] for answer in answers] == [b"", b"408", b"408", b"404", b"408"]


def test_requests_that_do_not_wait_for_an_answer_get_the_first_one_only(service_url: str) -> None:
    """Else they pile up behind it with their bodies, as many as a caller cares to send."""
    with line(service_url) as opened:
        opened.sendall(post(WRONG, b"x" * 1000) * 3)
        assert read_all(opened).count(b"HTTP/1.1 404") == 1


@pytest.mark.parametrize("protocol", ["websocket", "h2c"])
def test_a_caller_who_wants_another_protocol_is_answered_in_this_one(service_url: str, protocol: str) -> None:
    with line(service_url) as opened:
        opened.sendall(f"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: {protocol}\r\n\r\n".encode())
        answer = read_all(opened)
    assert status_of(answer) == 200
    assert b"connection: close" in answer


def test_a_connection_serves_one_request_after_another(service_url: str) -> None:
    connection = HTTPConnection(urlsplit(service_url).netloc, timeout=PATIENCE_SECONDS)
    connection.connect()
    opened = connection.sock
    for _ in range(3):
        connection.request("POST", WRONG, b"x" * 60_000)
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (404, b"Not Found")
    assert connection.sock is opened
    connection.close()


def test_what_callers_send_and_break_off_is_not_kept(service_url: str) -> None:
    check_alive(service_url)
    process = process_of(service_url)
    before = process.memory_info().rss
    for _ in range(3000):
        with line(service_url) as opened:
            opened.sendall(post(WRONG, b"x" * 60_000))
            assert opened.recv(65536).startswith(b"HTTP/1.1 404")
            # Breaks off: the other side gets a reset.
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    check_alive(service_url)
    assert process.memory_info().rss - before < 40 * MEBIBYTE


def test_a_caller_that_hangs_up_costs_one_line_of_the_log(service_url: str) -> None:
    check_alive(service_url)
    before = len(log_of(service_url))
    with line(service_url) as opened:
        opened.sendall(post(RIGHT, b"sessionId=1", "Expect: 100-continue", length=100))
        assert opened.recv(100).startswith(b"HTTP/1.1 100")
    with line(service_url) as behind:
        # It is answered after the service has seen that the other one is gone.
        behind.sendall(post(WRONG))
        behind.recv(65536)
    check_alive(service_url)
    assert len(log_of(service_url)) - before <= 1


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"POST ",
        post(RIGHT, b"sessionId=1", length=100),
        post(RIGHT, b"sessionId=1"),
        post(RIGHT, HOP),
        post("/simulator/sms", b"{", length=100),
        b"GET /simulator/simulator.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    ],
    ids=["TLS", "upgrade", "in the head", "in the body", "no hop", "in a hop", "in an SMS", "in the answer"],
)
def test_a_crowd_that_hangs_up_wherever_it_likes_does_not_fill_the_log(service_url: str, sent: bytes) -> None:
    check_alive(service_url)
    before = len(log_of(service_url))
    for _ in range(CROWD):
        with line(service_url) as opened:
            opened.sendall(sent)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    check_alive(service_url)
    lines = log_of(service_url)[before:]
    # What comes with the right secret and is no hop is the network's own fault, and each one is told.
    assert len([text for text in lines if "malformed USSD callback" not in text]) <= 2
    assert len(lines) <= CROWD
    assert [text for text in lines if "Traceback" in text or text.startswith((" ", "\t"))] == []


def test_with_few_files_left_a_process_answers_whoever_speaks(servers_environment: dict[str, str]) -> None:
    with serving(servers_environment, "--no-worker") as url, ExitStack() as crowd:
        process_of(url).rlimit(psutil.RLIMIT_NOFILE, (1024, 1024))
        # As many as the test itself may open where it runs with few files too.
        for _ in range(900):
            crowd.enter_context(line(url))
        for _ in range(20):
            check_alive(url)
        assert httpx2.post(f"{url}{RIGHT}", content=HOP).text.startswith("CON ")
        assert process_of(url).num_fds() < 1000


@pytest.mark.parametrize("path", [f"{RIGHT}/", "/healthz/"])
def test_a_slash_too_many_is_not_found_and_sends_nobody_elsewhere(service_url: str, path: str) -> None:
    answer = httpx2.post(f"{service_url}{path}", headers={"Host": "elsewhere.example"})
    assert answer.status_code == 404
    assert "location" not in answer.headers


def test_what_a_stranger_says_of_his_address_is_not_believed(servers_environment: dict[str, str]) -> None:
    """Else a header is enough to call from the telco's network."""
    form = {"sessionId": "ATUid_f", "phoneNumber": "+254711000001", "serviceCode": "*384*96#", "text": ""}
    environment = {**servers_environment, "JASHO_CALLBACK_ALLOW": "192.0.2.0/24"}
    headers = {"X-Forwarded-For": "192.0.2.1"}
    with serving(environment, "--no-worker") as url:
        assert httpx2.post(f"{url}{RIGHT}", data=form, headers=headers).status_code == 404
    with serving({**environment, "FORWARDED_ALLOW_IPS": "127.0.0.1"}, "--no-worker") as url:
        assert httpx2.post(f"{url}{RIGHT}", data=form, headers=headers).status_code == 200


@pytest.fixture
def servers_environment(settings: Settings) -> dict[str, str]:
    return {"JASHO_DATABASE_URL": settings.database_url, "JASHO_REDIS_URL": settings.redis_url}
