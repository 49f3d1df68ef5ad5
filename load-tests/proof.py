"""How long the ledger's proof takes: `python load-tests/proof.py TRANSFERS SEALS`, a million and a thousand if nothing is said.

It posts the transfers into an empty database, with so many seals over them, and proves them. It prints when the turn of each
invariant comes; the seals are proved beside the others.
"""

import asyncio
import logging
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog
from ledger import TOGETHER, distinct, prepare
from sqlalchemy import text

from core import migrations
from core.ledger import audit
from core.ledger.seal import seal
from core.runtime import Runtime
from core.settings import Settings
from gateway import wiring
from gateway.cli.embedded import embedded


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    transfers, seals = (int(argument) for argument in [*sys.argv[1:], "1000000", "1000"][:2])
    with TemporaryDirectory() as folder, embedded(Path(folder)) as servers:
        settings = Settings(database_url=servers.database_url)
        migrations.migrate(settings.database_url)
        prepare(settings)
        asyncio.run(measure(settings, transfers, seals))


async def measure(settings: Settings, transfers: int, seals: int) -> None:
    runtime = wiring.runtime(settings)
    begun = time.perf_counter()
    await post(runtime, transfers, seals)
    print(f"posted in {time.perf_counter() - begun:.0f} s", flush=True)
    begun = time.perf_counter()

    def announce(invariant: str) -> None:
        print(f"  at {time.perf_counter() - begun:5.2f} s  {invariant}", flush=True)

    report = await audit.verify(runtime.database, announce)
    seconds = time.perf_counter() - begun
    print(f"proof transfers={report.transfers} seals={seals} seconds={seconds:.1f} findings={report.findings}")
    await runtime.close()


async def post(runtime: Runtime, transfers: int, seals: int) -> None:
    """Posts so many, and seals as often on the way."""
    each = max(transfers // seals, 1)
    posted, sealed = 0, 0
    while posted < transfers:
        together = min(TOGETHER, each, transfers - posted)
        await asyncio.gather(*(runtime.poster.submit(distinct()) for _ in range(together)))
        posted += together
        if posted // each > sealed:
            sealed = posted // each
            await seal(runtime.database)
    await seal(runtime.database)
    async with runtime.database.autocommit() as connection:
        await connection.execute(text("SET ROLE postgres"))
        await connection.execute(text("VACUUM ANALYZE"))
        await connection.invalidate()


if __name__ == "__main__":
    main()
