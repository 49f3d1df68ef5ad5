"""What a migration costs those who post meanwhile: `PYTHONPATH=. .venv/bin/python load-tests/migration.py`, a minute and
a half.

Each of 64 payers posts one transfer after the other, first alone, then beside a migration. Beside both stands what used to
stop everybody: a VACUUM that works on the journal, or a writer that does not end. A line for each case:
`migration beside=... what=... migration=... posts=N failed=N p50_ms=N worst_ms=N`.
"""

import asyncio
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from uuid import uuid4

import psycopg

from core import ids, migrations
from core.db import conninfo
from core.ledger.chart import TRUST, SystemAccount
from core.ledger.poster import Poster
from core.ledger.transfer import Leg, Transfer
from gateway.cli.embedded import FOLDER, embedded
from tests import databases
from tests.core.scratch import versions_with
from tests.crash import bank

PAYERS = 64
SECONDS = 4.0
# Enough for a VACUUM that waits between its pages to be at work all the time.
ROWS = 30_000
TOGETHER = 500
ADDS = "op.add_column('posting', sa.Column('note', sa.Text(), nullable=True))"
_KEYS = itertools.count()


def deposit() -> Transfer:
    wallet = bank.wallet("KES", next(_KEYS) % bank.WALLETS)
    return Transfer(ids.new_id(), wallet, uuid4().hex, "deposit", (Leg(wallet, 100), Leg(SystemAccount(TRUST, "KES"), -100)))


async def measure(url: str, migrate: Callable[[], object] | None) -> str:
    """The figures of the 64 while the migration runs, once, from a second after they have begun."""
    poster = Poster(conninfo(url), bank.COUNTRY)
    until, is_over, failed = time.monotonic() + SECONDS, asyncio.Event(), 0
    seconds: list[float] = []

    async def pay() -> None:
        nonlocal failed
        while time.monotonic() < until or not is_over.is_set():
            begun = time.monotonic()
            try:
                await poster.submit(deposit())
            except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
                failed += 1
                print(f"failed: {type(error).__name__}", file=sys.stderr)
            seconds.append(time.monotonic() - begun)

    async def run() -> str:
        if migrate is None:
            is_over.set()
            return "none"
        await asyncio.sleep(1)  # they have begun by then
        begun = time.monotonic()
        try:
            await asyncio.to_thread(migrate)
        except migrations.Blocked:
            return f"gave_up_after_{time.monotonic() - begun:.1f}s"
        finally:
            is_over.set()
        return f"{time.monotonic() - begun:.1f}s"

    took, *_ = await asyncio.gather(run(), *(pay() for _ in range(PAYERS)))
    await poster.close()
    milliseconds = sorted(1000 * each for each in seconds)
    middle = statistics.median(milliseconds)
    return f"migration={took} posts={len(seconds)} failed={failed} p50_ms={middle:.0f} worst_ms={milliseconds[-1]:.0f}"


@contextmanager
def vacuum(url: str) -> Iterator[None]:
    """A VACUUM of the journal and the accounts, slow enough to last."""
    with psycopg.connect(url, autocommit=True) as connection, psycopg.connect(url, autocommit=True) as other:
        connection.execute("SET vacuum_cost_delay = '20ms'")
        connection.execute("SET vacuum_cost_limit = 1")
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert row is not None
        working = asyncio.get_running_loop().run_in_executor(
            None, _until_cancelled, connection, "VACUUM (DISABLE_PAGE_SKIPPING) posting, transfer, account"
        )
        yield
        if working.done():
            print("the VACUUM ended before the migration", file=sys.stderr)
        other.execute("SELECT pg_cancel_backend(%s)", [row[0]])


def _until_cancelled(connection: "psycopg.Connection[tuple[object, ...]]", statement: str) -> None:
    try:
        connection.execute(statement.encode())
    except psycopg.errors.QueryCanceled:
        return


@contextmanager
def open_writer(url: str) -> Iterator[None]:
    """Somebody who has written in journal and accounts, and does not end."""
    with psycopg.connect(url) as connection:
        connection.execute("LOCK TABLE posting, transfer, account IN ROW EXCLUSIVE MODE")
        yield
        connection.rollback()


async def main() -> None:
    with embedded(FOLDER / "migration" / uuid4().hex[:8]) as servers, tempfile.TemporaryDirectory() as folder:
        with psycopg.connect(servers.database_url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE migration")
        url = databases.url_of(servers.database_url, "migration")
        migrations.migrate(url)
        await bank.open_accounts(url)
        poster = Poster(conninfo(url), bank.COUNTRY)
        for _ in range(ROWS // TOGETHER):
            await asyncio.gather(*(poster.submit(deposit()) for _ in range(TOGETHER)))
        await poster.close()
        versions = versions_with(Path(folder), ADDS)
        beside: dict[str, Callable[[str], AbstractContextManager[None]]] = {
            "nobody": lambda _: nullcontext(),
            "vacuum": vacuum,
            "open_writer": open_writer,
        }
        work: dict[str, Callable[[], object] | None] = {
            "nothing": None,
            "nothing_to_do": lambda: migrations.migrate(url),
            "adds_a_column": lambda: migrations.migrate(url, versions=versions),
        }
        # Once it is there, the column is not added again: whoever stops the migration comes first.
        for name in ("open_writer", "vacuum", "nobody"):
            for what, migrate in work.items():
                with beside[name](url):
                    print(f"migration beside={name} what={what} {await measure(url, migrate)}", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
