"""A service that pays in a process of its own, and servers, to be killed."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import psutil

from tests.crash.bank import Receipt

_ROOT = Path(__file__).parents[2]


class Payer:
    """The process, and the receipts that it has handed out."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.receipts: list[Receipt] = []

    async def read(self, most: int | None = None) -> None:
        """Reads receipts until there are so many, or the process has ended."""
        assert self._process.stdout is not None
        while most is None or len(self.receipts) < most:
            line = await self._process.stdout.readline()
            if not line.endswith(b"\n"):
                return
            self.receipts.append(msgspec.json.decode(line, type=Receipt))

    def kill(self) -> None:
        self._process.kill()

    async def ended(self) -> int:
        """Reads the rest; answers with the number it ended with, negative where a signal has ended it."""
        await self.read()
        return await self._process.wait()


@asynccontextmanager
async def paying(database_url: str, name: str, count: int, failpoint: str = "", nth: int = 0) -> AsyncIterator[Payer]:
    """Pays `count` payments in a process of its own. It is gone when the block ends."""
    options = [failpoint, str(nth)] if failpoint else []
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.crash.payer", name, str(count), *options),
        cwd=_ROOT,
        env={**os.environ, "JASHO_DATABASE_URL": database_url},
        stdout=asyncio.subprocess.PIPE,
    )
    payer = Payer(process)
    try:
        yield payer
    finally:
        if process.returncode is None:
            payer.kill()
        await payer.ended()


def kill_postgres(folder: Path) -> None:
    """The power goes: the embedded PostgreSQL of the folder and all its processes, at once."""
    number = int((folder / "postgres" / "postmaster.pid").read_text().split()[0])
    postmaster = psutil.Process(number)
    assert postmaster.name() == "postgres"
    postmaster.send_signal(signal.SIGSTOP)  # so that it has no more children than we see
    killed = [postmaster, *postmaster.children(recursive=True)]
    for process in killed:
        process.kill()
    _, alive = psutil.wait_procs(killed, timeout=30)
    assert alive == []
