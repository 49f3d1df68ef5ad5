"""What others notice of one locked row: their transfers a second, and the longest wait, beside the same with none locked."""

import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import uvloop
from figures import Figure
from ledger import SECONDS, TOGETHER, TURNS, WALLETS, distinct, prepare, transfer

from core.db import conninfo
from core.errors import Busy
from core.ledger.poster import Poster
from core.settings import Settings

# Of all requests, those that need the locked row.
STUCK = 16
LOCKED = 0


def ledger_neighbours(settings: Settings) -> list[Figure]:
    """Both run in turns on one server; the median of the turns counts for the speed, the worst of all of them for the wait."""
    prepare(settings)
    ours: list[float] = []
    free: list[float] = []
    waits: list[float] = []
    free_waits: list[float] = []
    for turn in range(TURNS):
        for is_held, speeds, worst in ((False, free, free_waits), (True, ours, waits)):
            speed, longest = uvloop.run(beside(settings, is_held=is_held))
            speeds.append(speed)
            worst.append(longest * 1000)
        print(f"  turn {turn + 1}  free {free[-1]:.0f}, beside a locked row {ours[-1]:.0f} transfers/s", file=sys.stderr)
    remark = "the same with no row locked"
    speed, free_speed = statistics.median(ours), statistics.median(free)
    return [
        Figure("ledger_neighbours", speed, free_speed, "transfers/s", f"{remark} (others' transfers)"),
        Figure("ledger_neighbours_worst", max(waits), max(free_waits), "ms", f"{remark} (the longest wait of anybody else)"),
    ]


async def beside(settings: Settings, *, is_held: bool) -> tuple[float, float]:
    """Others' transfers a second and their longest wait, while some go on asking for one wallet."""
    poster = Poster(conninfo(settings.database_url), "KE")
    await poster.submit(distinct())
    counts, waits = [0] * TOGETHER, [0.0] * TOGETHER
    ends = time.perf_counter() + SECONDS

    async def other(number: int) -> None:
        while (begun := time.perf_counter()) < ends:
            payment = distinct()
            if WALLETS[LOCKED] in {leg.account for leg in payment.legs}:
                continue
            result = await poster.submit(payment)
            assert result.outcome == "posted", result
            waits[number] = max(waits[number], time.perf_counter() - begun)
            counts[number] += 1

    async def stuck(payer: int) -> None:
        while time.perf_counter() < ends:
            try:
                await poster.submit(transfer(payer, LOCKED))
            except Busy:
                return

    async with locked(settings) if is_held else nothing_locked():
        stubborn = [asyncio.create_task(stuck(payer)) for payer in range(1, STUCK + 1)]
        begun = time.perf_counter()
        await asyncio.gather(*(other(number) for number in range(TOGETHER)))
        seconds = time.perf_counter() - begun
    await asyncio.gather(*stubborn)
    await poster.close()
    return sum(counts) / seconds, max(waits)


@asynccontextmanager
async def locked(settings: Settings) -> AsyncIterator[None]:
    async with await psycopg.AsyncConnection.connect(settings.database_url) as stranger:
        await stranger.execute("SELECT FROM account WHERE id = %s FOR UPDATE", [WALLETS[LOCKED]])
        yield
        await stranger.rollback()


@asynccontextmanager
async def nothing_locked() -> AsyncIterator[None]:
    yield
