"""Africa's Talking for the benchmark: a process of its own that takes every message on, 50 ms after the request.

`python vendor.py` prints its port on loopback; it ends when its standard input is closed.
"""

import asyncio
import itertools
import re
import sys
from typing import cast

import uvloop

WAIT_SECONDS = 0.05
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_names = itertools.count()


class Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, _, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if length is not None and len(body) == int(length[1]):
            self._received = b""
            asyncio.get_running_loop().call_later(WAIT_SECONDS, self._answer)

    def _answer(self) -> None:
        body = (
            '{"SMSMessageData": {"Message": "Sent to 1/1 Total Cost: KES 0.8000", "Recipients": [{"statusCode": 101, '
            f'"number": "+254711000001", "status": "Success", "cost": "KES 0.8000", "messageId": "ATXid_{next(_names)}"}}]}}}}'
        ).encode()
        head = f"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        assert self._transport is not None
        self._transport.write(head.encode() + body)


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(main())
