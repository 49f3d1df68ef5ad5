"""A line to PostgreSQL that can be cut at the worst moment.

It knows of PostgreSQL's protocol only where a message ends, and three kinds of message: the driver's `Execute`, which asks for
the work, its `Query`, which may be a COMMIT, and the server's `ReadyForQuery`, by which it says that the work is committed.
"""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict

SOCKET = ".s.PGSQL.5432"
_EXECUTE = b"E"
_COMMIT = b"COMMIT\0"
_READY_FOR_QUERY = b"Z"


class Proxy:
    """Set what is to be lost; each loss counts it down. The line is cut then, unless it `is_silent`: it hangs and stays up."""

    def __init__(self, server: str) -> None:
        self._server = server
        self.requests_to_lose = 0
        self.answers_to_lose = 0
        self.commits_to_lose = 0
        self.is_silent = False
        self.lost = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side hangs up or the line is cut."""
        try:
            server_reader, server_writer = await asyncio.open_unix_connection(f"{self._server}/{SOCKET}")
        except OSError:
            writer.close()
            return
        is_answer_lost = asyncio.Event()
        directions = (
            asyncio.ensure_future(self._forward_requests(reader, server_writer, is_answer_lost)),
            asyncio.ensure_future(self._forward_answers(server_reader, writer, is_answer_lost)),
        )
        try:
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for direction in directions:
                direction.cancel()
            await asyncio.gather(*directions, return_exceptions=True)
            for end in (writer, server_writer):
                end.close()
                with suppress(OSError):
                    await end.wait_closed()

    async def _forward_requests(
        self, driver: asyncio.StreamReader, server: asyncio.StreamWriter, is_answer_lost: asyncio.Event
    ) -> None:
        async for message in _messages(driver, is_first_bare=True):
            if message[:1] == _EXECUTE and self.requests_to_lose:
                self.requests_to_lose -= 1
                self.lost += 1
                return
            if message[:1] == _EXECUTE and self.answers_to_lose:
                self.answers_to_lose -= 1
                is_answer_lost.set()
            if message[5:] == _COMMIT and self.commits_to_lose:
                self.commits_to_lose -= 1
                is_answer_lost.set()
            server.write(message)
            await server.drain()

    async def _forward_answers(
        self, server: asyncio.StreamReader, driver: asyncio.StreamWriter, is_answer_lost: asyncio.Event
    ) -> None:
        async for message in _messages(server, is_first_bare=False):
            if not is_answer_lost.is_set():
                driver.write(message)
                await driver.drain()
            elif message[:1] == _READY_FOR_QUERY:
                self.lost += 1
                if not self.is_silent:
                    return


async def _messages(reader: asyncio.StreamReader, *, is_first_bare: bool) -> AsyncIterator[bytes]:
    """Whole messages, until the sender hangs up: a letter and a length; the driver's first one has no letter."""
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        if is_first_bare:
            head = await reader.readexactly(4)
            yield head + await reader.readexactly(struct.unpack("!I", head)[0] - 4)
        while True:
            head = await reader.readexactly(5)
            yield head + await reader.readexactly(struct.unpack("!I", head[1:])[0] - 4)


@asynccontextmanager
async def listening(folder: Path, server: str) -> AsyncIterator[Proxy]:
    """A proxy in `folder` (its path must be short) before the server whose socket is in the folder `server`."""
    proxy = Proxy(server)
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            await proxy.serve(reader, writer)
        finally:
            connections.discard(task)

    listener = await asyncio.start_unix_server(serve, folder / SOCKET)
    try:
        yield proxy
    finally:
        listener.close()
        if connections:
            await asyncio.wait(set(connections), timeout=10)


@asynccontextmanager
async def line(database_url: str) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy before the database, and the database's address by way of it."""
    server = str(conninfo_to_dict(database_url)["host"])
    # pytest's own temporary folders have too long a name for a socket.
    with TemporaryDirectory(prefix="jasho-") as folder:
        async with listening(Path(folder), server) as proxy:
            by_way = database_url.replace(f"host={quote(server)}", f"host={folder}")
            assert by_way != database_url
            yield proxy, by_way
