"""A line to a server that can be cut, held, slowed and forgotten, and that can swallow answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random

_MOST_BYTES = 65536
# PostgreSQL's, by which work is asked to be kept; a prepared statement has no words any more, so others are drawn.
_COMMIT = b"COMMIT"


class Line:
    """Every connection to one server. Change what it does to all of them at any time."""

    def __init__(self, server: Path, random: Random) -> None:
        self._server = server
        self._random = random
        self._writers: set[asyncio.StreamWriter] = set()
        self.is_cut = False
        self._is_free = asyncio.Event()
        self._is_free.set()
        self.delay_seconds = 0.0
        # The share of requests whose answer is swallowed, and the connection with it. Each COMMIT is among them.
        self.swallows = 0.0
        self.swallowed = 0
        self._age = 0

    def cut(self) -> None:
        """No connection survives, and no new one is taken until `is_cut` is taken back."""
        self.is_cut = True
        for writer in self._writers:
            writer.transport.abort()

    def forget(self) -> None:
        """Nothing comes through any more on the connections that there are, and nobody hears of it. New ones are well."""
        self._age += 1

    def hold(self) -> None:
        """What is sent waits, in both directions, until `free`."""
        self._is_free.clear()

    def free(self) -> None:
        self._is_free.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut:
            writer.transport.abort()
            return
        try:
            answers, requests = await asyncio.open_unix_connection(self._server)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, requests}
        self._writers |= both
        is_doomed, age = asyncio.Event(), self._age
        directions = {
            asyncio.ensure_future(self._forward_requests(reader, requests, is_doomed, age)),
            asyncio.ensure_future(self._forward_answers(answers, writer, is_doomed, age)),
        }
        try:
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for direction in directions:
                direction.cancel()
            await asyncio.gather(*directions, return_exceptions=True)
            self._writers -= both
            for end in both:
                end.transport.abort()

    async def _forward_requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_doomed: asyncio.Event, age: int
    ) -> None:
        async for data in self._pieces(reader):
            if self._age > age:
                continue
            if self.swallows and (_COMMIT in data or self._random.random() < self.swallows):
                is_doomed.set()
            writer.write(data)
            await writer.drain()

    async def _forward_answers(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_doomed: asyncio.Event, age: int
    ) -> None:
        async for data in self._pieces(reader):
            if self._age > age:
                continue
            if is_doomed.is_set():
                self.swallowed += 1
                return
            writer.write(data)
            await writer.drain()

    async def _pieces(self, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
        with suppress(OSError):
            while data := await reader.read(_MOST_BYTES):
                await asyncio.sleep(self.delay_seconds)
                await self._is_free.wait()
                yield data


@asynccontextmanager
async def line(socket: Path, server: Path, random: Random) -> AsyncIterator[Line]:
    """A line from a new `socket` to the server's."""
    made = Line(server, random)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await made.serve(reader, writer)
        except OSError:
            writer.transport.abort()
        finally:
            tasks.discard(task)

    listener = await asyncio.start_unix_server(serve, socket)
    try:
        yield made
    finally:
        listener.close()
        made.cut()
        if tasks:
            await asyncio.wait(set(tasks), timeout=10)
