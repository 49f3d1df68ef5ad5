"""64 strangers at once on each address that needs no secret, while honest phones dial: what do the dials lose, what is kept?

`python load-tests/crowd.py [--seconds N] [--only TEXT] [--bare]`. For each address it prints a line: dials, and memory before,
at its highest and after. It fails where an honest dial failed, or where memory was not given back. `--bare` serves by uvicorn
as it is, for comparison, and only prints.
"""

import argparse
import socket
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from service import HOST, HonestPhones, Service, serving

STRANGERS = 64
IDLE_SECONDS = 7
MOST_KEPT_MEBIBYTES = 40
WRONG = "/api/ussd/africastalking/wrong"
TWILIO = "/api/sms/twilio/inbound"
SIGNATURE = "X-Twilio-Signature: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n"
BODY = b"x" * 60_000


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()


def post(path: str, body: bytes = BODY, headers: str = "") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


@dataclass(frozen=True)
class Crowd:
    """What each of the strangers does. One that reads waits for his answer and goes on; one that does not hangs up at once."""

    name: str
    request: bytes
    reads: bool = True


CROWDS = [
    Crowd("alive", get("/healthz")),
    Crowd("ready", get("/readyz")),
    Crowd("nothing there", get("/api/nothing")),
    Crowd("60 KB to a wrong secret", post(WRONG)),
    Crowd("60 KB to a wrong secret, hanging up", post(WRONG), reads=False),
    Crowd("60 KB to a wrong secret of SMS", post("/api/sms/africastalking/wrong/inbound")),
    Crowd("60 KB to Twilio's address, unsigned", post(TWILIO)),
    Crowd("a form to Twilio's address, signed by somebody", post(TWILIO, b"a=b&" * 30 + b"c=d", SIGNATURE)),
    Crowd("half a form to Twilio's address", post(TWILIO, headers=SIGNATURE)[:-1]),
    Crowd("half a header", b"GET /healthz HTTP/1.1\r\nX: "),
    Crowd("silence", b""),
    Crowd("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00" + b"\xff" * 500),
    Crowd("the simulator's page", get("/simulator")),
    Crowd("the simulator's inbox", get("/simulator/inbox?phone=0711000001")),
]


class Strangers:
    def __init__(self, port: int, crowd: Crowd) -> None:
        self._port = port
        self._crowd = crowd
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._press) for _ in range(STRANGERS)]
        self.requests = 0
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _press(self) -> None:
        while not self._is_over.is_set():
            with suppress(OSError), socket.create_connection((HOST, self._port), 10) as opened:  # they are refused too
                self._use(opened)

    def _use(self, opened: socket.socket) -> None:
        while not self._is_over.is_set():
            self.requests += 1
            opened.sendall(self._crowd.request)
            # One answer fits: what comes later is read with the next.
            if not self._crowd.reads or not opened.recv(65536):
                return


def press(service: Service, crowd: Crowd, seconds: int) -> list[str]:
    before = service.use()
    with HonestPhones(service.port) as phones:
        strangers = Strangers(service.port, crowd)
        highest = before.memory_mebibytes
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(0.2)
            highest = max(highest, service.use().memory_mebibytes)
    strangers.stop()
    time.sleep(IDLE_SECONDS)
    after = service.use()
    memory = f"memory={before.memory_mebibytes}-{highest}-{after.memory_mebibytes}MiB files={before.files}-{after.files}"
    print(f"crowd {crowd.name!r} requests={strangers.requests} {phones.line} {memory}", flush=True)
    findings = [f"{crowd.name}: {complaint}" for complaint in phones.complaints]
    if after.memory_mebibytes - before.memory_mebibytes > MOST_KEPT_MEBIBYTES:
        findings.append(f"{crowd.name}: memory was kept: {before} to {after}")
    return findings


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--only", default="", help="crowds whose name has this text")
    parser.add_argument("--bare", action="store_true")
    given = parser.parse_args()
    command = Path(sys.executable).parent
    bare = (str(command / "uvicorn"), "gateway.app:create", "--factory", "--no-access-log", "--log-level", "critical")
    findings: list[str] = []
    chosen = [crowd for crowd in CROWDS if given.only in crowd.name]
    with serving(bare) if given.bare else serving() as service:
        for crowd in chosen:
            findings += press(service, crowd, given.seconds)
    for finding in findings[:20]:
        print(f"FOUND {finding}", file=sys.stderr)
    print(f"crowds={len(chosen)} strangers={STRANGERS} findings={len(findings)}")
    return 1 if findings and not given.bare else 0


if __name__ == "__main__":
    sys.exit(main())
