"""A load generator: phones side by side, each on its own connection. A phone sends its next hop when the last is answered.

It runs as a process of its own: it reads `{"port", "rounds": [[path, [[body, ...], ...]], ...]}` as JSON from standard input,
plays the rounds one after the other, and prints one JSON line for each: seconds, hops, and the latencies' 50th and 99th
percentile. It speaks to loopback only. It uses plain sockets and epoll, because the generator must never be what the figure
measures.
"""

import json
import select
import socket
import sys
import time
from collections.abc import Iterator

HOST = "127.0.0.1"
_SILENCE_SECONDS = 20.0


class Phone:
    """One connection that sends prepared requests in order."""

    def __init__(self, port: int, requests: list[bytes]) -> None:
        self.socket = socket.create_connection((HOST, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._requests: Iterator[bytes] = iter(requests)
        self._buffer = b""
        self._sent_at = 0.0

    def send(self) -> bool:
        """Sends the next request; False where there is none."""
        request = next(self._requests, None)
        if request is None:
            return False
        self._sent_at = time.perf_counter()
        self.socket.sendall(request)
        return True

    def receive(self) -> float | None:
        """The latency, once the answer is complete. Raises RuntimeError for anything but a screen."""
        received = self.socket.recv(65536)
        self._buffer += received
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if received and (not separator or len(body) < int(length)):
            return None
        if not (head.startswith(b"HTTP/1.1 200") and body.startswith(b"CON ")):
            raise RuntimeError(f"not a screen: {self._buffer!r}")
        self._buffer = b""
        return time.perf_counter() - self._sent_at


def request(port: int, path: str, body: str) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def play(port: int, path: str, phones: list[list[str]]) -> dict[str, float]:
    prepared = [[request(port, path, body) for body in bodies] for bodies in phones]
    connected = {phone.socket.fileno(): phone for phone in (Phone(port, requests) for requests in prepared)}
    events = select.epoll()
    for number in connected:
        events.register(number, select.EPOLLIN)
    latencies: list[float] = []
    begun = time.perf_counter()
    for phone in connected.values():
        phone.send()
    while connected:
        ready = events.poll(_SILENCE_SECONDS)
        if not ready:
            raise RuntimeError("the service fell silent")
        for number, _ in ready:
            latency = connected[number].receive()
            if latency is None:
                continue
            latencies.append(latency)
            if not connected[number].send():
                events.unregister(number)
                connected.pop(number).socket.close()
    seconds = time.perf_counter() - begun
    latencies.sort()
    count = len(latencies)
    return {"seconds": seconds, "hops": count, "p50": latencies[count // 2], "p99": latencies[count * 99 // 100]}


def main() -> None:
    plan = json.load(sys.stdin)
    for path, phones in plan["rounds"]:
        print(json.dumps(play(plan["port"], path, phones)), flush=True)


if __name__ == "__main__":
    main()
