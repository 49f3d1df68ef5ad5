"""Customers pay each other by USSD and SMS while everything breaks: was anything lost, doubled, halved or untrue?

`PYTHONPATH=.:load-tests python load-tests/faults/drive.py [--seed N] [--faults N] [--only KIND] [--plant FAULT]`.

The seed decides the faults and what the network repeats and reorders. `jasho serve --workers 2` in production mode has its
PostgreSQL and Redis behind lines that are cut, held, slowed, forgotten, and swallow answers; processes are killed and frozen,
clocks moved. At the end the books are proved, and every sentence that a customer read is held against them. It prints one line,
and fails where something was lost, doubled, halved, unasked, untrue, not told or told twice, where a wait was longer than 8 s, a
code later than 5 s or the log longer than the faults, and where too little happened to tell. What was written to the service's
log stays as `faults.log` in the folder of the local data.

`--plant` puts a fault into the service, by which the driver shows that it notices.
"""

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from pathlib import Path
from random import Random, SystemRandom
from urllib.parse import quote, unquote

import httpx2
import psycopg
from harm import Harm
from lines import line
from measures import MOST_CODE_SECONDS, Figures, count_lines, counted, failings, longest_quiet
from people import GIVEN_UP_SECONDS, Customer, Town, Versions
from provider import Provider
from psycopg.conninfo import conninfo_to_dict
from service import HOST, JASHO, wait_until_ready
from verdict import Books, Verdict, judge, read_books

from core import migrations
from core.ledger import audit
from core.messaging import outbox
from core.settings import Settings, as_environment
from gateway import wiring
from gateway.cli.embedded import FOLDER, Servers, embedded
from tests.conftest import free_port
from tests.crash import upgrade

PHONES = tuple(f"+2547110008{number:02}" for number in range(8))
SOCKET, VALKEY = ".s.PGSQL.5432", "valkey.sock"
WORKERS = 2
UNREST = 0.08
# Sometimes long enough to see that a code leaves in time.
QUIET_SECONDS = (0.5, 7.0)
# What customers have begun ends, and SMS leave: a dead worker's lease takes a minute to end.
SETTLE_SECONDS = 90.0
MOST_SHOWN = 20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(1_000_000))
    parser.add_argument("--faults", type=int, default=20, help="how many; each kind comes once before any comes again")
    parser.add_argument("--only", help="this kind of fault alone")
    parser.add_argument(
        "--plant", default="", help="a fault of the service itself: forgotten keys, denial, nothing paid, silence, old balances"
    )
    given = parser.parse_args()
    return asyncio.run(drive(given))


async def drive(given: argparse.Namespace) -> int:
    say(f"faults seed={given.seed}")
    FOLDER.mkdir(exist_ok=True)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=FOLDER)))
        # A socket's path is short.
        sockets = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="jasho-")))
        restarts = stack.enter_context(ExitStack())
        servers = restarts.enter_context(embedded(folder))
        provider = stack.enter_context(Provider())
        straight = production(servers, provider)
        migrations.migrate(straight.database_url)
        await upgrade.open_people(straight, PHONES)
        postgres = await stack.enter_async_context(line(sockets / SOCKET, _postgres_socket(servers), Random(given.seed)))
        valkey = await stack.enter_async_context(line(sockets / VALKEY, _valkey_socket(servers), Random(given.seed)))
        service = Service(behind(straight, sockets), folder, given.plant)
        process = await service.start()
        harm = Harm(folder, service.clocks, servers, postgres, valkey, Random(given.seed), restarts, service.start, process)
        try:
            town = await live(f"http://{HOST}:{service.port}", servers, provider, harm, given.seed, given)
        finally:
            shutil.copy(service.log, FOLDER / "faults.log")
            harm.service.terminate()
            await asyncio.to_thread(harm.service.wait, 30)
        books = read_books(servers.database_url, PHONES)
        verdict = judge(books, town.payments, town.readings, doubted=town.doubts)
        verdict.lost += await proved(straight)
    with (FOLDER / "faults.log").open(errors="replace") as lines:
        log = count_lines(lines)
    return tell(given, books, harm, town, verdict, log)


def behind(straight: Settings, sockets: Path) -> Settings:
    """The servers by way of the lines."""
    return replace(
        straight,
        database_url=f"postgresql://postgres@/postgres?host={quote(str(sockets))}",
        redis_url=f"unix://{quote(str(sockets / VALKEY))}",
    )


def production(servers: Servers, provider: Provider) -> Settings:
    vendors = {
        "JASHO_AT_USERNAME": "faults",
        "JASHO_AT_API_KEY": "not-a-real-key",
        "JASHO_AT_BASE_URL": f"http://{HOST}:{provider.port}",
    }
    return replace(upgrade.production(servers.database_url, servers.redis_url), vendors=vendors)


def _postgres_socket(servers: Servers) -> Path:
    return Path(str(conninfo_to_dict(servers.database_url)["host"])) / SOCKET


def _valkey_socket(servers: Servers) -> Path:
    return Path(unquote(servers.redis_url.removeprefix("unix://")))


class Service:
    """`jasho serve` at one port, in however many lives."""

    def __init__(self, settings: Settings, folder: Path, plant: str) -> None:
        self._folder = folder
        self._plant = plant
        self._settings = settings
        self.clocks = folder / "clocks"
        self.clocks.mkdir()
        self.log = folder / "serve.log"
        self.port = free_port()

    async def start(self) -> "subprocess.Popen[bytes]":
        process = self._begin()
        await asyncio.to_thread(wait_until_ready, self.port, process, self.log)
        return process

    def _begin(self) -> "subprocess.Popen[bytes]":
        environment = {
            **os.environ,
            **as_environment(self._settings),
            "PYTHONPATH": str(Path(__file__).parent / "moved"),
            "FAULTS_CLOCKS": str(self.clocks),
            "FAULTS_PLANT": self._plant,
        }
        command = [str(JASHO), "serve", "--workers", str(WORKERS), "--port", str(self.port)]
        with self.log.open("a") as output:
            return subprocess.Popen(command, env=environment, stdout=output, stderr=output)


async def live(url: str, servers: Servers, provider: Provider, harm: Harm, seed: int, given: argparse.Namespace) -> Town:
    """Everybody pays until so many faults have come, and a while longer without any."""
    versions = Versions(servers.database_url)
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
    async with httpx2.AsyncClient(timeout=GIVEN_UP_SECONDS, limits=limits) as client:
        town = Town(url, client, provider, versions, Random(seed + 1), UNREST)
        customers = [Customer(town, phone, [other for other in PHONES if other != phone]) for phone in PHONES]
        tasks = [asyncio.create_task(customer.live()) for customer in customers]
        try:
            for number in range(given.faults):
                await asyncio.sleep(harm.random.uniform(*QUIET_SECONDS))
                kind = await harm.act(given.only)
                say(f"{number + 1}/{given.faults} {kind}: {len(town.payments)} payments, {len(town.readings)} screens read")
        finally:
            town.is_over.set()
            harm.heal()
            await asyncio.gather(*tasks)
        town.unsent = await settle(servers.database_url)
        town.doubts = await read_doubts(servers.database_url)
        for customer in customers:
            customer.read_sms()
        await versions.close()
    return town


async def settle(database_url: str) -> list[str]:
    """Waits until every SMS has left that may. Returns what has not.

    One of which nobody knows whether it has left waits for a report, which this provider does not send, and others of its phone
    wait behind it.
    """
    until = time.monotonic() + SETTLE_SECONDS
    query = """SELECT format('%s %s after %s attempts, for %s s, not before %s s', kind, status, attempts,
                             round(extract(epoch FROM now() - created_at)), round(extract(epoch FROM next_at - now())))
               FROM outbox o WHERE status IN ('queued', 'sending')
               AND NOT EXISTS (SELECT FROM outbox doubted WHERE doubted.phone = o.phone AND doubted.status = 'unsure')"""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        while True:
            rows = await (await connection.execute(query)).fetchall()
            if not rows or time.monotonic() > until:
                return [row[0] for row in rows]
            await asyncio.sleep(0.5)


async def read_doubts(database_url: str) -> dict[str, list[tuple[float, float]]]:
    """When a phone waited behind an SMS whose worker had died, by `time.monotonic`: until its lease was over."""
    query = """SELECT phone, extract(epoch FROM begun_at - now())::float FROM sms_attempt
               WHERE outcome IS NULL OR outcome = 'unsure'"""
    doubts: dict[str, list[tuple[float, float]]] = defaultdict(list)
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        now_seconds = time.monotonic()
        for phone, ago_seconds in await (await connection.execute(query)).fetchall():
            began_seconds = now_seconds + ago_seconds
            doubts[phone].append((began_seconds, began_seconds + outbox.LEASE.total_seconds()))
    return doubts


async def proved(settings: Settings) -> list[str]:
    runtime = wiring.runtime(settings)
    try:
        report = await audit.verify(runtime.database)
        return [str(finding) for finding in report.findings]
    finally:
        await runtime.close()


def tell(given: argparse.Namespace, books: Books, harm: Harm, town: Town, verdict: Verdict, log: Counter[str]) -> int:
    """Prints what was seen, and returns the exit code."""
    figures = measure(given.faults, books, harm, town, verdict, log)
    for name, findings in figures.findings.items():
        for finding in findings[:MOST_SHOWN]:
            say(f"FOUND {name}: {finding}")
    for phone, wait in town.code_waits:
        if (seconds := longest_quiet(wait, [*harm.troubles, *town.doubts.get(phone, ())])) > MOST_CODE_SECONDS:
            began = time.strftime("%H:%M:%S", time.localtime(time.time() - time.monotonic() + wait.began_seconds))
            how = "left" if wait.is_answered else "had not left"
            say(f"FOUND a code of {phone} from {began} that {how} after {seconds:.1f} of {wait.seconds:.1f} s")
    for text, times in verdict.unread.most_common(MOST_SHOWN):
        say(f"not judged, {times} times: {text!r}")
    numbers = " ".join(f"{name.replace(' ', '_')}={len(findings)}" for name, findings in figures.findings.items())
    levels = " ".join(f"log_{level}={log[level]}" for level in ("warning", "error", "traceback"))
    print(
        f"faults seed={given.seed} transfers={figures.transfers} faults={figures.faults.total()} {numbers} "
        f"longest_wait={figures.longest_wait_seconds:.1f}s code={figures.longest_code_seconds:.1f}s "
        f"sentences={figures.sentences} not_judged={figures.not_judged} swallowed={figures.swallowed} {levels}"
    )
    reasons = failings(figures)
    for reason in reasons:
        say(f"FAILED: {reason}")
    return 1 if reasons else 0


def measure(faults: int, books: Books, harm: Harm, town: Town, verdict: Verdict, log: Counter[str]) -> Figures:
    return Figures(
        {
            "lost": verdict.lost,
            "doubled": verdict.doubled,
            "halves": verdict.halves,
            "unasked": verdict.unasked,
            "untrue sentences": verdict.untrue,
            "unsent": town.unsent,
            "untold": verdict.untold,
            "told twice": verdict.twice,
        },
        transfers=len(books.transfers),
        sentences=len(town.readings),
        not_judged=verdict.unread.total(),
        asked_faults=faults,
        faults=harm.done,
        swallowed=harm.postgres.swallowed,
        longest_wait_seconds=max((wait.seconds for wait in counted(town.waits, harm.harmed)), default=0.0),
        longest_code_seconds=max(
            (longest_quiet(wait, [*harm.troubles, *town.doubts.get(phone, ())]) for phone, wait in town.code_waits), default=0.0
        ),
        log=log,
    )


def say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
