"""64 strangers on an address that needs no secret: customers dial as if nobody were there.

`load-tests/crowd.py` does the same for longer.
"""

from contextlib import ExitStack
from itertools import count

import httpx2
import pytest

from tests.gateway.test_connection import MEBIBYTE, RIGHT, WRONG, check_alive, line, post, process_of

pytestmark = pytest.mark.system

STRANGERS = 64
ROUNDS = 5
SIGNATURE = "X-Twilio-Signature: AAAAAAAAAAAAAAAAAAAAAAAAAAA="
BODY = b"x" * 60_000
_sessions = count(1)


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def dial(url: str) -> str:
    number = next(_sessions)
    form = {"sessionId": f"ATUid_among_{number}", "phoneNumber": "+254711880001", "serviceCode": "*384*96#", "text": ""}
    return httpx2.post(f"{url}{RIGHT}", data=form).text


CROWDS = {
    "alive": get("/healthz"),
    "ready": get("/readyz"),
    "nothing there": get("/api/nothing"),
    "wrong secret": post(WRONG, BODY),
    "wrong secret of SMS": post("/api/sms/africastalking/wrong/inbound", BODY),
    "wrong secret of reports": post("/api/sms/africastalking/wrong/delivery", BODY),
    "unsigned": post("/api/sms/twilio/inbound", BODY),
    "signed by nobody": post("/api/sms/twilio/inbound", BODY, SIGNATURE),
    "half a form": post("/api/sms/twilio/status", b"a=b", SIGNATURE, length=60_000),
    "page": get("/simulator"),
    "inbox": get("/simulator/inbox?phone=0711000001"),
    "half an SMS": post("/simulator/sms", b"{", length=4000),
    "half a header": b"GET /healthz HTTP/1.1\r\nX: ",
    "no HTTP": b"\x16\x03\x01" + b"\xff" * 500,
    "silence": b"",
}


@pytest.mark.parametrize("sent", CROWDS.values(), ids=CROWDS)
def test_a_crowd_without_a_secret_costs_no_dial(service_url: str, sent: bytes) -> None:
    check_alive(service_url)
    process = process_of(service_url)
    before = process.memory_info().rss
    screens = []
    for _ in range(ROUNDS):
        with ExitStack() as crowd:
            for opened in [crowd.enter_context(line(service_url)) for _ in range(STRANGERS)]:
                opened.sendall(sent)
            screens += [dial(service_url) for _ in range(3)]
    assert [screen for screen in screens if not screen.startswith("CON ") or "Sorry" in screen] == []
    assert process.memory_info().rss - before < 40 * MEBIBYTE
