"""What goes wrong while customers pay."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from subprocess import Popen

import psutil
import psycopg
import redis
from lines import Line
from measures import SWALLOWED, Harmed
from servers import end, freeze

from gateway.cli.embedded import Servers, embedded

_AWAY_SECONDS = (0.5, 4.0)
_FREEZE_SECONDS = (0.5, 5.0)
_FAR_SECONDS = (-4_000, -900, -90, 90, 900, 3_700)
_LOOK_SECONDS, _MOST_LOOKS = 0.2, 75
_POSTGRES, _REDIS = "postgres", "valkey-server"


@dataclass
class Harm:
    """Each kind comes once before any comes again; their order and length are the random's. `service` may be replaced."""

    folder: Path
    clocks: Path
    servers: Servers
    postgres: Line
    valkey: Line
    random: Random
    stack: ExitStack
    start: Callable[[], Awaitable["Popen[bytes]"]]
    service: "Popen[bytes]"
    done: Counter[str] = field(default_factory=Counter)
    harmed: list[Harmed] = field(default_factory=list)
    # When something was broken.
    troubles: list[tuple[float, float]] = field(default_factory=list)
    _left: list[str] = field(default_factory=list)

    @property
    def kinds(self) -> dict[str, Callable[[], Awaitable[None]]]:
        return {
            "a process killed": self._kill_process,
            "a process frozen": self._freeze_process,
            "the service killed": self._kill_service,
            "a clock moved": self._move_clock,
            "PostgreSQL killed": lambda: self._end(_POSTGRES, signal.SIGKILL),
            "PostgreSQL stopped": lambda: self._end(_POSTGRES, signal.SIGINT),
            "PostgreSQL frozen": lambda: asyncio.to_thread(freeze, self.folder, _POSTGRES, self._draw(_FREEZE_SECONDS)),
            "PostgreSQL cut": lambda: self._cut(self.postgres),
            "PostgreSQL held": lambda: self._hold(self.postgres),
            "PostgreSQL forgotten": lambda: self._forget(self.postgres),
            "PostgreSQL slow": lambda: self._slow(self.postgres, self.random.choice((0.05, 0.2, 0.4))),
            "PostgreSQL full": self._fill_postgres,
            SWALLOWED: self._swallow,
            "Redis killed": lambda: self._end(_REDIS, signal.SIGKILL),
            "Redis frozen": lambda: asyncio.to_thread(freeze, self.folder, _REDIS, self._draw(_FREEZE_SECONDS)),
            "Redis cut": lambda: self._cut(self.valkey),
            "Redis held": lambda: self._hold(self.valkey),
            "Redis forgotten": lambda: self._forget(self.valkey),
            "Redis slow": lambda: self._slow(self.valkey, self.random.choice((0.05, 0.2))),
            "Redis full": self._fill_redis,
        }

    async def act(self, only: str | None = None) -> str:
        """Does something, and returns its kind once it is over."""
        kinds = self.kinds
        if not self._left:
            self._left = self.random.sample(list(kinds), len(kinds))
        kind = only or self._left.pop()
        began_seconds = time.monotonic()
        await kinds[kind]()
        self.troubles.append((began_seconds, time.monotonic()))
        self.done[kind] += 1
        return kind

    def heal(self) -> None:
        for file in self.clocks.iterdir():
            file.write_text("0")

    def _draw(self, between: tuple[float, float]) -> float:
        return self.random.uniform(*between)

    def _workers(self) -> list[psutil.Process]:
        """Those that answer requests: uvicorn's, in the order of their start."""
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(self.service.pid).children()
            return [child for child in children if any("spawn_main" in part for part in child.cmdline())]
        return []

    async def _one_of_workers(self) -> psutil.Process:
        """One that answers requests, once there is any: those that were killed are started again. Raises TimeoutError."""
        for _ in range(_MOST_LOOKS):
            if workers := self._workers():
                return self.random.choice(workers)
            await asyncio.sleep(_LOOK_SECONDS)
        raise TimeoutError("no process answers requests")

    async def _kill_process(self) -> None:
        worker, began_seconds = await self._one_of_workers(), time.monotonic()
        worker.kill()
        # uvicorn starts another within half a second, which then needs one or two.
        await asyncio.sleep(4)
        self.harmed.append(Harmed(began_seconds, time.monotonic()))

    async def _freeze_process(self) -> None:
        worker, began_seconds = await self._one_of_workers(), time.monotonic()
        worker.suspend()
        await asyncio.sleep(self._draw((1, 12)))
        # uvicorn ends one that has been silent for long.
        with suppress(psutil.NoSuchProcess):
            worker.resume()
        self.harmed.append(Harmed(began_seconds, time.monotonic()))

    async def _kill_service(self) -> None:
        began_seconds = time.monotonic()
        with suppress(psutil.NoSuchProcess):
            for process in [psutil.Process(self.service.pid), *self._workers()]:
                process.kill()
        self.service.wait()
        self.service = await self.start()
        self.harmed.append(Harmed(began_seconds, time.monotonic(), is_all=True))

    async def _move_clock(self) -> None:
        file = self.clocks / str((await self._one_of_workers()).pid)
        file.write_text(str(self.random.choice(_FAR_SECONDS)))
        await asyncio.sleep(8)
        file.write_text("0")

    async def _end(self, name: str, how: signal.Signals) -> None:
        await asyncio.to_thread(end, self.folder, name, how)
        await asyncio.sleep(self._draw(_AWAY_SECONDS))
        await asyncio.to_thread(self.stack.enter_context, embedded(self.folder))

    async def _cut(self, line: Line) -> None:
        line.cut()
        await asyncio.sleep(self._draw(_AWAY_SECONDS))
        line.is_cut = False

    async def _hold(self, line: Line) -> None:
        """What the line holds arrives late."""
        line.hold()
        await asyncio.sleep(self._draw((0.5, 10)))
        line.free()

    async def _forget(self, line: Line) -> None:
        """As by a firewall between: whoever goes on with an old connection hears nothing, and a new one is well."""
        line.forget()
        await asyncio.sleep(self._draw(_AWAY_SECONDS))

    async def _slow(self, line: Line, delay_seconds: float) -> None:
        line.delay_seconds = delay_seconds
        await asyncio.sleep(8)
        line.delay_seconds = 0

    async def _swallow(self) -> None:
        self.postgres.swallows = 0.1
        await asyncio.sleep(5)
        self.postgres.swallows = 0

    async def _fill_postgres(self) -> None:
        """It writes nothing any more and answers readers, as on a full disk."""
        await self._alter("SET default_transaction_read_only = on")
        await asyncio.sleep(self._draw(_AWAY_SECONDS))
        await self._alter("RESET default_transaction_read_only")

    async def _alter(self, change: str) -> None:
        async with await psycopg.AsyncConnection.connect(self.servers.database_url, autocommit=True) as connection:
            await connection.execute(f"ALTER SYSTEM {change}".encode())
            await connection.execute("SELECT pg_reload_conf()")

    async def _fill_redis(self) -> None:
        with redis.Redis.from_url(self.servers.redis_url) as client:
            kept = client.config_get("maxmemory*")
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("maxmemory", 1)
            await asyncio.sleep(self._draw(_AWAY_SECONDS))
            client.config_set("maxmemory", kept["maxmemory"])
            client.config_set("maxmemory-policy", kept["maxmemory-policy"])
