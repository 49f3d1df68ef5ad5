"""A night of faults before a service in production mode and its worker: is the log short, and does it name each cause once?

`python load-tests/night.py [--seed N] [--seconds N] [--only KIND]`. The seed decides the faults: PostgreSQL killed, stopped
and frozen, Valkey killed and frozen, a provider of SMS that refuses, hangs up, falls silent or answers garbage, and broken
callbacks. The quiet hours are left out: a fault comes every twenty seconds at most, and with each of the ten kinds it takes
three minutes; `--only "provider refuses"` has one kind alone. It fails where the log is larger than 1 MB, has a line that is
no JSON, does not name an outage exactly once in a process that met it, or holds what it must not. The log
stays as `night.log` in the folder of the local data.
"""

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random, SystemRandom

from night_faults import KINDS, Night
from night_log import MOST_BYTES, bytes_of_faults, examine
from provider import Provider
from service import HOST, JASHO, wait_until_ready

from core import migrations
from core.settings import Settings, as_environment
from gateway.cli.embedded import FOLDER, embedded
from tests.conftest import free_port
from tests.crash import upgrade

# Longer than the service waits after the last failure until it says that an outage is over.
QUIET_SECONDS = 9


@dataclass(frozen=True)
class Running:
    port: int
    log: Path


@contextmanager
def running(settings: Settings, folder: Path) -> Iterator[Running]:
    """A service and a worker that write into one file."""
    log, port = folder / "night.log", free_port()
    environment = {**os.environ, **as_environment(settings)}
    commands = (["serve", "--no-worker", "--port", str(port)], ["worker"])
    with log.open("w") as output:
        started = [
            subprocess.Popen([str(JASHO), *command], env=environment, stdout=output, stderr=output) for command in commands
        ]
    try:
        wait_until_ready(port, started[0], log)
        yield Running(port, log)
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(60)


def production(database_url: str, redis_url: str, provider: Provider) -> Settings:
    vendors = {
        "JASHO_AT_USERNAME": "night",
        "JASHO_AT_API_KEY": "not-a-real-key",
        "JASHO_AT_BASE_URL": f"http://{HOST}:{provider.port}",
    }
    return replace(upgrade.production(database_url, redis_url), vendors=vendors)


def play(seed: int, seconds: int, only: str | None) -> int:
    print(f"night seed={seed}", file=sys.stderr, flush=True)
    FOLDER.mkdir(exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=FOLDER)))
        servers = stack.enter_context(embedded(folder))
        provider = stack.enter_context(Provider())
        settings = production(servers.database_url, servers.redis_url, provider)
        migrations.migrate(settings.database_url)
        asyncio.run(upgrade.open_people(settings))
        with running(settings, folder) as service:
            night = Night(service.port, folder, provider, Random(seed), stack)
            night.keep(only)
            customers = [threading.Thread(target=night.use, args=(phone,)) for phone in upgrade.PHONES]
            for customer in customers:
                customer.start()
            try:
                until = time.monotonic() + seconds
                time.sleep(3)
                while time.monotonic() < until or night.is_incomplete:
                    night.fault()
                    time.sleep(QUIET_SECONDS)
            finally:
                night.is_over.set()
                for customer in customers:
                    customer.join()
        kept = Path(shutil.copy(service.log, FOLDER / "night.log"))
    text = kept.read_text(errors="replace")
    findings = examine(text, night, settings)
    for finding in findings[:20]:
        print(f"FOUND {finding}", file=sys.stderr)
    size = f"lines={len(text.splitlines())} bytes={len(text.encode())} of={MOST_BYTES} faults_bytes={bytes_of_faults(text)}"
    print(f"night seed={seed} faults={sum(night.faults.values())} requests={night.requests} {size} findings={len(findings)}")
    return 1 if findings else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(1_000_000))
    parser.add_argument("--seconds", type=int, default=180, help="at least; each kind of fault comes once in any case")
    parser.add_argument("--only", choices=KINDS, help="this kind of fault alone")
    given = parser.parse_args()
    return play(given.seed, given.seconds, given.only)


if __name__ == "__main__":
    sys.exit(main())
