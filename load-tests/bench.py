"""`make bench`: how fast Jasho is, each figure beside a reference measured in the same run.

It prints one line for each figure, `bench NAME ours=X reference=Y ratio=Z unit=U`, and a table for people at the end. `bench.py
ledger`, and `ledger_neighbours`, `ussd` or `sms_outbox` in its place, measures a part. Ours and the reference take turns, and the
median of three turns counts, so that a machine's bad second hits both.
"""

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import structlog
from figures import Figure, table
from ledger import ledger
from neighbours import ledger_neighbours
from sms import sms_outbox

from core.membership import registration
from core.membership.refusals import AlreadyRegistered
from core.settings import Settings, as_environment
from gateway import logs, wiring
from gateway.cli.embedded import FOLDER, embedded
from gateway.cli.serve import prepare

HERE = Path(__file__).parent
CALLBACK = "/api/ussd/africastalking/local"
ECHO = "/echo"
PHONES = 64
NUMBERS = [f"+2547119{number:05d}" for number in range(PHONES)]
HOPS = 40
TURNS = 3
ROUND_SECONDS = 120
# A walk through the menus that needs no database: into My Account, Help and the terms, and back each time.
WALK = ("9", "0", "7", "3", "0", "4", "0", "0")


def main() -> None:
    figures: list[Figure] = []
    with embedded(FOLDER / "bench") as servers, (FOLDER / "bench.log").open("w") as file:
        # As a service in production logs: what that costs is part of the figures.
        logs.configure(Settings(env="production"), "bench")
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(file))
        settings = Settings(database_url=servers.database_url, redis_url=servers.redis_url)
        prepare(settings)
        asyncio.run(register(settings))
        for measure_part in (ussd, ledger, ledger_neighbours, sms_outbox):
            if not sys.argv[1:] or measure_part.__name__ in sys.argv[1:]:
                part = measure_part(settings)
                print("\n".join(figure.line for figure in part), flush=True)
                figures += part
    print(f"\n{table(figures)}")


def ussd(settings: Settings) -> list[Figure]:
    """One worker: hops a second, against a bare handler that echoes the same form on the same worker."""
    with serving(settings) as (port, process):
        hops = in_turns(port, process, is_dial_timed=False)
        sessions = in_turns(port, process, is_dial_timed=True)
    echoed = "a Starlette handler that echoes the form"
    return [
        Figure("ussd_hop", *hops, "hops/s", f"{echoed} (menu navigation with its Redis session)"),
        Figure("ussd_session", *sessions, "hops/s", f"{echoed} (whole sessions of 8 hops, the dial's look-up included)"),
    ]


async def register(settings: Settings) -> None:
    """Registers the phones' customers, once for all runs."""
    runtime = wiring.runtime(settings)
    for number in NUMBERS:
        with suppress(AlreadyRegistered):
            await registration.register(
                runtime, phone=number, name="Bench Phone", national_id="12345678", language="en", pin="4826"
            )
    await runtime.close()


@contextmanager
def serving(settings: Settings) -> Iterator[tuple[int, psutil.Process]]:
    """One worker that serves Jasho and the echo."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    uvicorn = str(Path(sys.executable).parent / "uvicorn")
    command = [uvicorn, "--factory", "server:create", "--app-dir", str(HERE), "--port", str(port)]
    options = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    process = subprocess.Popen([*command, *options], env={**os.environ, **as_environment(settings)})
    try:
        wait_until_ready(f"http://127.0.0.1:{port}/readyz")
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(20)


def wait_until_ready(url: str) -> None:
    for _ in range(200):
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own address
                return
        except urllib.error.URLError:
            time.sleep(0.1)
    raise SystemExit("bench: the service did not come up")


def in_turns(port: int, process: psutil.Process, *, is_dial_timed: bool) -> tuple[float, float]:
    """The medians of hops a second: ours, and the echo's."""
    ours: list[float] = []
    echoed: list[float] = []
    for turn in range(TURNS + 1):
        for path, figures in ((CALLBACK, ours), (ECHO, echoed)):
            before, begun = process.cpu_times(), time.perf_counter()
            speed, last = measure(port, path, f"{path[1:4]}{turn}{is_dial_timed}", is_dial_timed=is_dial_timed)
            after, seconds = process.cpu_times(), time.perf_counter() - begun
            busy = (after.user + after.system - before.user - before.system) / seconds
            waits = f"p50 {last['p50'] * 1000:.2f} ms  p99 {last['p99'] * 1000:.2f} ms"
            print(f"  turn {turn}  {path:34} {speed:7.0f} hops/s  {waits}  worker's core {busy:.0%}", file=sys.stderr)
            if turn:  # the first turn warms up
                figures.append(speed)
    return statistics.median(ours), statistics.median(echoed)


def measure(port: int, path: str, label: str, *, is_dial_timed: bool) -> tuple[float, dict[str, float]]:
    """Hops a second over several rounds of sessions. The dial itself is timed or not."""
    rounds, timed = [], []
    for number in range(4 if not is_dial_timed else 16):
        hops = HOPS if not is_dial_timed else len(WALK)
        phones = [bodies(f"{label}-{number}-{phone}", phone, hops) for phone in range(PHONES)]
        if is_dial_timed:
            rounds.append((path, [forms[:-1] for forms in phones]))
            timed.append(True)
        else:
            rounds += [(path, [forms[:1] for forms in phones]), (path, [forms[1:] for forms in phones])]
            timed += [False, True]
    plan = json.dumps({"port": port, "rounds": rounds})
    done = subprocess.run(
        [sys.executable, HERE / "client.py"], input=plan, stdout=subprocess.PIPE, text=True, check=True, timeout=ROUND_SECONDS
    )
    results = [json.loads(line) for line in done.stdout.splitlines()]
    counted = [result for result, is_timed in zip(results, timed, strict=True) if is_timed]
    return sum(result["hops"] for result in counted) / sum(result["seconds"] for result in counted), counted[-1]


def bodies(session: str, phone: int, hops: int) -> list[str]:
    """The forms of one session: the dial and `hops` inputs after it."""
    typed = [WALK[hop % len(WALK)] for hop in range(hops)]
    return [
        urllib.parse.urlencode(
            {
                "sessionId": f"ATUid_{session}",
                "phoneNumber": NUMBERS[phone],
                "networkCode": "63902",
                "serviceCode": "*384*96#",
                "text": "*".join(typed[:count]),
            }
        )
        for count in range(hops + 1)
    ]


if __name__ == "__main__":
    main()
