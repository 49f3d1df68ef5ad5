"""A load generator: phones side by side, each on a connection of its own, each sending its next hop when the last is answered.

Run as a process of its own: reads `{"port", "rounds": [[path, [[body, ...], ...]], ...]}` as JSON from standard input, plays the
rounds one after the other, and prints one JSON line a round: seconds, hops, and the latencies' 50th and 99th percentile.
Speaks to loopback only.
"""

import asyncio
import json
import sys
import time
from typing import cast

import uvloop

HOST = "127.0.0.1"


class Phone(asyncio.Protocol):
    """Sends prepared requests in order. `done` is set with the latencies once all are answered."""

    def __init__(self, requests: list[bytes], done: "asyncio.Future[list[float]]") -> None:
        self._requests = requests
        self._done = done
        self._latencies: list[float] = []
        self._buffer = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own, which is not a subclass
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        if not (head.startswith(b"HTTP/1.1 200") and body.startswith(b"CON ")):
            self._done.set_exception(RuntimeError(f"not a screen: {self._buffer!r}"))
            self._transport.close()
            return
        self._latencies.append(time.perf_counter() - self._sent_at)
        self._buffer = b""
        if len(self._latencies) == len(self._requests):
            self._transport.close()
            self._done.set_result(self._latencies)
        else:
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(exc or ConnectionError("the service closed the connection"))

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(self._requests[len(self._latencies)])


def request(port: int, path: str, body: str) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


async def play(port: int, path: str, phones: list[list[str]]) -> dict[str, float]:
    prepared = [[request(port, path, body) for body in bodies] for bodies in phones]
    loop = asyncio.get_running_loop()
    answered: list[asyncio.Future[list[float]]] = [loop.create_future() for _ in prepared]
    begun = time.perf_counter()
    for requests, done in zip(prepared, answered, strict=True):
        await loop.create_connection(lambda requests=requests, done=done: Phone(requests, done), HOST, port)
    latencies = sorted(latency for one in await asyncio.gather(*answered) for latency in one)
    seconds = time.perf_counter() - begun
    count = len(latencies)
    return {"seconds": seconds, "hops": count, "p50": latencies[count // 2], "p99": latencies[count * 99 // 100]}


async def main() -> None:
    plan = json.load(sys.stdin)
    for path, phones in plan["rounds"]:
        print(json.dumps(await play(plan["port"], path, phones)), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
