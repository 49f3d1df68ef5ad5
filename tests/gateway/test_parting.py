"""A caller who is refused before he has sent everything reads why, and does not see a broken line."""

import select
import socket
import time

import pytest

from tests.gateway.test_connection import PATIENCE_SECONDS, RIGHT, WRONG, line, post, process_of, read_all, status_of

pytestmark = pytest.mark.system

CLOSE = "Connection: close"


def wait_for_answer(opened: socket.socket) -> None:
    """Until there is one to read, which stays unread."""
    assert select.select([opened], [], [], PATIENCE_SECONDS)[0]


def send_rest(opened: socket.socket, rest: bytes) -> None:
    """In pieces. The service has answered; where it had broken the line off, the second piece would fail."""
    for begin in range(0, len(rest), 4096):
        opened.sendall(rest[begin : begin + 4096])


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (post(WRONG, b"", CLOSE, length=60_000), 404),
        (post(WRONG, length=60_000), 404),
        (post(RIGHT, length=100_000), 413),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 17 * 1024, 431),
        (post(f"{WRONG}/", b"", CLOSE, length=60_000), 404),
    ],
    ids=["a wrong secret", "a wrong secret, kept open", "too long", "a long header", "nowhere"],
)
def test_a_caller_who_sends_sixty_kilobytes_before_he_reads_gets_his_answer(service_url: str, head: bytes, status: int) -> None:
    with line(service_url) as opened:
        opened.sendall(head)
        wait_for_answer(opened)
        send_rest(opened, b"x" * 60_000)
        opened.shutdown(socket.SHUT_WR)
        assert status_of(read_all(opened)) == status


def test_a_caller_who_is_refused_and_sends_on_and_on_is_let_go(service_url: str) -> None:
    with line(service_url) as opened:
        opened.sendall(post(RIGHT, length=100_000_000))
        wait_for_answer(opened)
        with pytest.raises(ConnectionError):
            send_rest(opened, b"x" * 100_000_000)


def test_a_caller_who_is_refused_and_says_nothing_more_is_let_go(service_url: str) -> None:
    process = process_of(service_url)
    with line(service_url) as opened:
        port = opened.getsockname()[1]
        opened.sendall(post(RIGHT, length=100_000))
        assert status_of(read_all(opened)) == 413
        until = time.monotonic() + PATIENCE_SECONDS
        while any(connection.raddr and connection.raddr.port == port for connection in process.net_connections()):
            assert time.monotonic() < until


def test_a_caller_who_was_refused_and_knows_it_costs_no_more_than_one_who_hung_up(service_url: str) -> None:
    """Refused a thousand times in a row, he leaves no connection behind that waits."""
    for _ in range(1000):
        with line(service_url) as opened:
            opened.sendall(post(RIGHT, length=100_000))
            assert status_of(read_all(opened)) == 413
