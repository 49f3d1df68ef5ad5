"""A line to PostgreSQL over TCP that falls silent: it stays up, takes what is sent, and says nothing; nobody hangs up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict

from tests.crash.proxy import SOCKET

_MOST_BYTES = 65_536


class SilentLine:
    """`swallowed` counts what was sent into the silence."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._is_open = asyncio.Event()
        self._is_open.set()
        self._silences = 0
        self._forgets = False
        self.swallowed = 0

    def fall_silent(self, *, forgets: bool) -> None:
        """`forgets`: what was connected until the line is back stays silent for good, as behind a firewall that was restarted."""
        self._silences += 1
        self._forgets = forgets
        self._is_open.clear()

    def come_back(self) -> None:
        self._silences += 1
        self._is_open.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        born = self._silences
        ways: list[asyncio.Task[None]] = []
        ends = [writer]
        try:
            await self._passes(born)
            server_reader, server_writer = await asyncio.open_unix_connection(f"{self._server}/{SOCKET}")
            ends.append(server_writer)
            ways += [
                asyncio.ensure_future(self._pump(reader, server_writer, born)),
                asyncio.ensure_future(self._pump(server_reader, writer, born)),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in ends:
                end.close()
                with suppress(OSError):
                    await end.wait_closed()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, born: int) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(_MOST_BYTES):
                await self._passes(born)
                writer.write(data)
                await writer.drain()

    async def _passes(self, born: int) -> None:
        if self._is_open.is_set() and (born == self._silences or not self._forgets):
            return
        self.swallowed += 1
        if self._forgets:
            await asyncio.Event().wait()
        await self._is_open.wait()


@asynccontextmanager
async def silent_line(database_url: str) -> AsyncIterator[tuple[SilentLine, str]]:
    """A line before the database, and the database's address by way of it."""
    server = str(conninfo_to_dict(database_url)["host"])
    line = SilentLine(server)
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        task.add_done_callback(connections.discard)
        with suppress(asyncio.CancelledError):
            await line.serve(reader, writer)

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    by_way = database_url.replace(f"host={quote(server)}", f"host=127.0.0.1&port={port}")
    assert by_way != database_url
    try:
        yield line, by_way
    finally:
        listener.close()
        left = set(connections)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=10)
