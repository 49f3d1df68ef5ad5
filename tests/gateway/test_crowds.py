"""A process that is full: who is let go, who is answered, and what that costs in memory, files and lines of the log."""

import asyncio
import resource
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from gateway import connection
from gateway.connection import MOST_AT_WORK, MOST_OPEN, Connection
from tests.conftest import free_port

ASK = b"GET /work HTTP/1.1\r\nHost: x\r\n\r\n"
ALIVE = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
HALF = b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx"
LARGE = b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module", autouse=True)
def files_for_a_crowd() -> Iterator[None]:
    """Both ends of each connection are in this process, and people's own limit is often 1,024."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


class Work:
    """An application whose work takes as long as a test wants it to."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()
        self.begun = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        if scope["path"] == "/read":
            await receive()
            await receive()
        if scope["path"] == "/work":
            self.begun += 1
            await self.may_end.wait()
        body = b"x" * 64 * 1024 * 1024 if scope["path"] == "/large" else b"done"
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def serving(work: Work) -> AsyncIterator[uvicorn.Server]:
    config = uvicorn.Config(
        work,
        port=free_port(),
        http=Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=1,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    yield server
    work.may_end.set()
    server.should_exit = True
    await task


class Caller:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def status(self) -> str:
        """Of the answer; empty where the service hung up."""
        try:
            return (await asyncio.wait_for(self._reader.readline(), 20)).decode()[9:12]
        except ConnectionResetError:
            return ""

    async def close(self) -> None:
        self._writer.close()


@asynccontextmanager
async def calling(server: uvicorn.Server, count: int, data: bytes = b"") -> AsyncIterator[list[Caller]]:
    async with AsyncExitStack() as stack:
        callers = []
        for _ in range(count):
            caller = Caller(*await asyncio.open_connection("127.0.0.1", server.config.port))
            stack.push_async_callback(caller.close)
            caller.send(data)
            callers.append(caller)
        yield callers


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110 - it happens in uvicorn
            await asyncio.sleep(0)


async def test_a_process_with_enough_at_work_says_so_and_is_alive() -> None:
    work = Work()
    async with serving(work) as server, calling(server, MOST_AT_WORK, ASK) as first:
        await until(lambda: work.begun == MOST_AT_WORK)
        async with calling(server, 1, ASK) as [late], calling(server, 1, ALIVE) as [watching]:
            assert (await late.status(), await watching.status()) == ("503", "200")
        work.may_end.set()
        assert {await caller.status() for caller in first} == {"200"}
        async with calling(server, 1, ASK) as [later]:
            assert await later.status() == "200"


async def test_callers_who_say_nothing_keep_nobody_out() -> None:
    work = Work()
    work.may_end.set()
    async with serving(work) as server, calling(server, MOST_OPEN) as silent, calling(server, 40, ASK) as honest:
        assert {await caller.status() for caller in honest} == {"200"}
        assert await silent[0].status() == ""
        assert len(server.server_state.connections) <= MOST_OPEN


async def test_callers_who_do_not_end_what_they_send_keep_nobody_out() -> None:
    work = Work()
    work.may_end.set()
    async with serving(work) as server, calling(server, MOST_AT_WORK, HALF) as halves:
        await until(lambda: len(server.server_state.tasks) == MOST_AT_WORK)
        async with calling(server, 1, ASK) as [honest]:
            assert await honest.status() == "200"
        assert await halves[0].status() == ""


async def test_where_all_are_at_work_nobody_is_let_go_for_another() -> None:
    work = Work()
    async with serving(work) as server, calling(server, MOST_AT_WORK, ASK) as first:
        await until(lambda: work.begun == MOST_AT_WORK)
        async with calling(server, MOST_OPEN - MOST_AT_WORK + 10):
            pass
        work.may_end.set()
        assert {await caller.status() for caller in first} == {"200"}


async def test_an_answer_that_nobody_reads_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_ANSWER_SECONDS", 0.1)
    async with serving(Work()) as server:
        with socket.create_connection(("127.0.0.1", server.config.port)) as opened:
            opened.sendall(LARGE)
            await until(lambda: server.server_state.total_requests == 1)
            await until(lambda: not server.server_state.connections)
            assert not server.server_state.tasks


async def test_a_line_that_idles_after_an_answer_is_ended() -> None:
    work = Work()
    work.may_end.set()
    async with serving(work) as server, calling(server, 1, ASK) as [caller]:
        assert await caller.status() == "200"
        await until(lambda: not server.server_state.connections)
