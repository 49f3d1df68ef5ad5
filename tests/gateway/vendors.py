"""Africa's Talking and Twilio on loopback: real HTTP servers that take a message on, refuse it, hang, or talk nonsense.

What a vendor does with its next requests is queued in `behaviours`; with nothing queued it does what `usual` says.
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import parse_qsl

_PATIENCE_SECONDS = 20
_numbers = count(1)

Behaviour = Callable[["Vendor", "Request"], Awaitable[bytes | None]]


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, str]
    form: dict[str, str]

    @property
    def body(self) -> str:
        """The SMS."""
        return self.form.get("message") or self.form["Body"]


@dataclass
class Vendor:
    """`taken` are the requests that it has answered with yes, by the id that it gave them."""

    accept: Callable[[Request, str], bytes]
    usual: Behaviour
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    taken: dict[str, Request] = field(default_factory=dict)
    behaviours: deque[Behaviour] = field(default_factory=deque)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def bodies(self) -> list[str]:
        """Every SMS that it was asked to send, in order."""
        return [request.body for request in self.requests]

    @property
    def last_id(self) -> str:
        return list(self.taken)[-1]

    async def arrived(self, requests: int) -> None:
        """Returns when it has been asked so often."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while len(self.requests) < requests:
                self.news.clear()
                await self.news.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            request = await _read(reader)
            self.requests.append(request)
            self.news.set()
            behave = self.behaviours.popleft() if self.behaviours else self.usual
            answer = await behave(self, request)
            if answer is not None:
                writer.write(answer)
                await writer.drain()
        writer.close()


async def _read(reader: asyncio.StreamReader) -> Request:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(lines[0].split()[1], headers, dict(parse_qsl(body.decode(), keep_blank_values=True)))


def answering(status: int, body: object) -> bytes:
    """A whole HTTP answer; `body` is a text, or anything that JSON can say."""
    said = body if isinstance(body, str) else json.dumps(body)
    kind = "text/plain" if isinstance(body, str) else "application/json"
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(said.encode())}\r\nConnection: close\r\n\r\n"
    return (head + said).encode()


async def takes(vendor: Vendor, request: Request) -> bytes | None:
    """Yes, and an id."""
    name = f"id{next(_numbers)}"
    vendor.taken[name] = request
    return vendor.accept(request, name)


async def takes_when_released(vendor: Vendor, request: Request) -> bytes | None:
    """Yes, but not before `vendor.release` is set."""
    await vendor.release.wait()
    return await takes(vendor, request)


async def takes_silently(vendor: Vendor, request: Request) -> bytes | None:
    """Takes it on and hangs up without a word."""
    await takes(vendor, request)
    return None


async def hangs(vendor: Vendor, request: Request) -> bytes | None:
    """Takes it on and says nothing."""
    await takes(vendor, request)
    await asyncio.Event().wait()
    return None


def says(status: int, body: object = "") -> Behaviour:
    async def behave(_: Vendor, __: Request) -> bytes | None:
        return answering(status, body)

    return behave


HTTP_FAILURES = [says(status, "no") for status in (401, 429, 500, 503)]


def at_refuses(code: int, status: str = "Failed") -> Behaviour:
    """Africa's Talking's answer about a recipient to whom nothing goes."""
    return says(201, _about({"statusCode": code, "status": status, "cost": "0", "messageId": "None", "number": "+254700000000"}))


def at_refuses_all(why: str) -> Behaviour:
    """Its answer where it has looked at no recipient at all."""
    return says(201, {"SMSMessageData": {"Message": why, "Recipients": []}})


def twilio_refuses(code: int, status: int = 400) -> Behaviour:
    return says(status, {"code": code, "message": "no", "more_info": "", "status": status})


def _about(recipient: dict[str, object]) -> object:
    return {"SMSMessageData": {"Message": "Sent to 1/1 Total Cost: KES 0.8000", "Recipients": [recipient]}}


def _at_accepts(request: Request, name: str) -> bytes:
    said = {"statusCode": 101, "number": request.form["to"], "status": "Success", "cost": "KES 0.8000", "messageId": name}
    return answering(201, _about(dict(said)))


def _twilio_accepts(request: Request, name: str) -> bytes:
    said = {"sid": name, "status": "queued", "to": request.form["To"], "price": "-0.0500", "price_unit": "USD"}
    return answering(201, said)


@asynccontextmanager
async def africastalking() -> AsyncIterator[Vendor]:
    async with _running(Vendor(_at_accepts, takes)) as vendor:
        yield vendor


@asynccontextmanager
async def twilio() -> AsyncIterator[Vendor]:
    async with _running(Vendor(_twilio_accepts, takes)) as vendor:
        yield vendor


@asynccontextmanager
async def _running(vendor: Vendor) -> AsyncIterator[Vendor]:
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            await vendor.serve(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            connections.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    vendor.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield vendor
    finally:
        server.close()
        for connection in list(connections):
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
