"""Sends the service whatever a socket can carry, on every public address, while honest phones dial it.

`python load-tests/fuzz.py [--seconds N] [--seed N]`. The same seed makes the same requests. It ends with one line, and fails
where an answer is no HTTP or a fault of ours, an honest dial failed, the log has a traceback, or memory or files grew.
"""

import argparse
import re
import socket
import struct
import sys
import threading
import time
from contextlib import suppress
from random import Random, SystemRandom

from requests_of_strangers import Attack, attack
from service import HOST, HonestPhones, Service, Use, serving

STRANGERS = 8
# Longer than the service waits for anything.
PATIENCE_SECONDS = 15
# What Python and its libraries keep once they have seen everything.
WARM_SECONDS = 15
IDLE_SECONDS = 7
MOST_GROWTH_MEBIBYTES = 24
MOST_MORE_FILES = 8
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) [\x20-\x7e]*\r\n(?:[!-9;-~]+: [^\r\n\x00]*\r\n)*\r\n")


class Strangers:
    """They attack until they are told that it is over."""

    def __init__(self, port: int, seed: int) -> None:
        self._port = port
        self._seed = seed
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._attack, args=(number,)) for number in range(STRANGERS)]
        self.attacks = 0
        self.statuses: dict[str, int] = {}
        self.findings: list[str] = []

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _attack(self, stranger: int) -> None:
        number = 0
        while not self._is_over.is_set():
            number += 1
            name = f"{self._seed}:{stranger}:{number}"
            made = attack(Random(name))
            answer = carry_out(made, self._port)
            self.attacks += 1
            self.statuses[answer[9:12].decode("latin-1")] = self.statuses.get(answer[9:12].decode("latin-1"), 0) + 1
            if wrong := fault_of(made, answer):
                self.findings.append(f"{name}: {wrong}: {b''.join(made.pieces)[:600]!r} was answered {answer[:300]!r}")


def carry_out(made: Attack, port: int) -> bytes:
    """Returns what was answered."""
    with socket.create_connection((HOST, port), PATIENCE_SECONDS) as opened:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(OSError):  # the service may hang up before all is sent, and may have answered
            _send(made, opened)
        if made.then == "reset":
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return b""
        if made.then == "read" and not made.is_whole:
            opened.settimeout(0.3)
        return _read(opened)


def _send(made: Attack, opened: socket.socket) -> None:
    for piece in made.pieces:
        time.sleep(made.rest_seconds)
        opened.sendall(piece)
    if made.then == "end":
        opened.shutdown(socket.SHUT_WR)


def _read(opened: socket.socket) -> bytes:
    """One answer, or what there is of it."""
    answer = b""
    with suppress(OSError):  # it hung up, or waits for more
        while not _is_complete(answer) and (part := opened.recv(65536)):
            answer += part
    return answer


def _is_complete(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    is_without_body = head[9:12] in (b"204", b"304")
    return bool(end) and (is_without_body or (length is not None and len(body) >= int(length[1])) or body.endswith(b"0\r\n\r\n"))


def fault_of(made: Attack, answer: bytes) -> str:
    """What is wrong with the answer; empty where nothing is."""
    if not answer:
        return "silence" if made.is_whole else ""
    head = _STATUS.match(answer)
    if head is None:
        return "no HTTP"
    status = int(head[1])
    return "a fault of ours" if status >= 500 and status != 503 else ""


def examine(service: Service, phones: HonestPhones, strangers: Strangers, before: Use, after: Use) -> list[str]:
    findings = [*phones.complaints, *strangers.findings]
    lines = service.log_lines()
    findings += [
        f"the log: {line[:600]}" for line in lines if "Traceback" in line or "hop failed" in line or "Exception in" in line
    ]
    if not phones.latencies:
        findings.append("no honest dial was answered")
    if after.memory_mebibytes - before.memory_mebibytes > MOST_GROWTH_MEBIBYTES:
        findings.append(f"memory grew: {before} to {after}")
    if after.files - before.files > MOST_MORE_FILES:
        findings.append(f"open files grew: {before} to {after}")
    return findings


def fuzz(seconds: int, seed: int) -> int:
    print(f"fuzz seed={seed}", file=sys.stderr, flush=True)
    with serving() as service:
        strangers = Strangers(service.port, seed)
        with HonestPhones(service.port) as phones:
            strangers.start()
            time.sleep(WARM_SECONDS)
            before = service.use()
            time.sleep(seconds)
            strangers.stop()
            time.sleep(IDLE_SECONDS)
            after = service.use()
        findings = examine(service, phones, strangers, before, after)
        lines = len(service.log_lines())
    for finding in findings[:20]:
        print(f"FOUND {finding}", file=sys.stderr)
    print(f"statuses {dict(sorted(strangers.statuses.items()))}, log lines {lines}", file=sys.stderr)
    took = f"memory={before.memory_mebibytes}-{after.memory_mebibytes}MiB files={before.files}-{after.files}"
    print(f"fuzz seed={seed} attacks={strangers.attacks} {phones.line} {took} findings={len(findings)}")
    return 1 if findings else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(1_000_000))
    given = parser.parse_args()
    return fuzz(given.seconds, given.seed)


if __name__ == "__main__":
    sys.exit(main())
