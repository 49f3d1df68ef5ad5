"""What tests stand on: the real PostgreSQL and Redis (the embedded ones), and the whole application over them.

Data, logs and what Redis held stay under `.jasho/test` until the next run, for `tests/after` to look through.
"""

import fcntl
import gc
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import hypothesis
import pytest
import redis
import structlog
from dotenv import dotenv_values

from core import refusing
from core.hashing import PinHasher
from core.runtime import Runtime
from core.settings import Settings
from gateway import logs, wiring
from gateway.app import application
from gateway.cli.embedded import Servers, embedded
from tests import databases, lock_order, posting_last
from tests.phone import Phone

FOLDER = Path(__file__).parent.parent / ".jasho" / "test"
LOGS = FOLDER / "logs"
REDIS_DUMPS = FOLDER / "redis"
# As gateway/cli/embedded.py starts the server.
_REDIS_DATABASES = 64
refusing.is_strict = True
posting_last.watch()
lock_order.watch(FOLDER / "locks")
# Nobody steals the tests' hashes. What a service that a test starts makes costs what it costs everywhere.
FULL_MEMORY_KIB = PinHasher.memory_kib
PinHasher.memory_kib = 256
JASHO = Path(sys.executable).parent / "jasho"
# `make coverage` measures the processes of the suite. What a test starts is left as it is everywhere else.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.pop("COVERAGE_PROCESS_START", None)
# A developer's own settings and secrets are not those of the tests: an empty variable outranks the one of a .env.
for variable in (*os.environ, *dotenv_values(".env")):
    if variable.startswith("JASHO_") or variable == "FORWARDED_ALLOW_IPS":
        os.environ[variable] = ""
AFTER = Path(__file__).parent / "after"
# Eight minutes, on two cores.
BUDGET_SECONDS = 480
# Whatever else starts a server stands on one of these.
_STARTERS = {"servers", "debian_redis", "own_folder", "browser"}
_BEGUN = pytest.StashKey[float]()

# Under `nohup`, or behind a script's `&`, a suite ignores these. What its tests start and stop would too, but no program inherits
# a handler.
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda *_: None)

# The same cases in every run, and however busy the machine is.
hypothesis.settings.register_profile(
    "steady",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    print_blob=True,
)
# `make soak`: something else every time.
hypothesis.settings.register_profile("soak", parent=hypothesis.settings.get_profile("steady"), derandomize=False)
hypothesis.settings.load_profile("steady")


def pytest_sessionstart(session: pytest.Session) -> None:
    session.config.stash[_BEGUN] = time.monotonic()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests of `make unit`, and lets those come last that look through what the others have left."""
    for item in items:
        is_system = item.get_closest_marker("system") or item.get_closest_marker("browser")
        if not is_system and not _STARTERS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.unit)
    items.sort(key=lambda item: AFTER in item.path.parents)


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: no collection of garbage need walk through it."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    with _guarded(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    with _guarded(item):
        return (yield)


@contextmanager
def _guarded(item: pytest.Item) -> Iterator[None]:
    """A test of `make unit` that starts a process, a server say, fails, however it is run.

    Not as it is torn down: the last test of a run takes the servers of the others with it.
    """
    with pytest.MonkeyPatch.context() as guard:
        if item.get_closest_marker("unit"):
            guard.setattr(subprocess.Popen, "__init__", _refuse)
        yield


def _refuse(*_: object, **__: object) -> None:
    pytest.fail("it starts a process and uses no fixture that says so: mark it `system`")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What the suite has taken of its budget, where it was the whole one."""
    is_whole = config.args == config.getini("testpaths") and not (config.option.markexpr or config.option.keyword)
    if is_whole and not config.option.collectonly:
        took = time.monotonic() - config.stash[_BEGUN]
        terminalreporter.write_line(f"suite: {took:.0f} s of {BUDGET_SECONDS} s")


@pytest.fixture(scope="session")
def run(request: pytest.FixtureRequest) -> str:
    """Names this run of the suite, the same in every process of it."""
    return str(getattr(request.config, "workerinput", {}).get("testrunuid", uuid4().hex))[:8]


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    for folder in (LOGS, REDIS_DUMPS):
        folder.mkdir(parents=True, exist_ok=True)
    with embedded(FOLDER) as running:
        databases.hurry(running.database_url)
        yield running


@pytest.fixture(scope="session")
def template(servers: Servers, run: str) -> Iterator[str]:
    with databases.running(servers.database_url, run):
        yield databases.template(servers.database_url, run)


@pytest.fixture(scope="session")
def redis_url(servers: Servers) -> Iterator[str]:
    """A numbered database of Redis that no other process of this or another run uses."""
    for number in range(_REDIS_DATABASES):
        with (FOLDER / f"redis-{number}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            url = f"{servers.redis_url}?db={number}"
            yield url
            dump_redis(url)
            return
    raise AssertionError("too many test runs at once")


@pytest.fixture(scope="session")
def worker_number(request: pytest.FixtureRequest) -> int:
    return int(str(getattr(request.config, "workerinput", {}).get("workerid", "gw0")).removeprefix("gw"))


@pytest.fixture
def settings(servers: Servers, template: str, redis_url: str) -> Settings:
    """A database of its own for each test, with the demo people in it."""
    return Settings(database_url=databases.copy(servers.database_url, template), redis_url=redis_url)


@pytest.fixture
def contrived(settings: Settings) -> Iterator[None]:
    """For a test that writes rows by hand which the ledger knows nothing of: its books are not proved after the suite."""
    yield
    databases.drop(settings.database_url)


@pytest.fixture
async def runtime(settings: Settings) -> AsyncIterator[Runtime]:
    made = wiring.runtime(settings)
    yield made
    await made.close()


@pytest.fixture
async def client(settings: Settings, redis_url: str) -> AsyncIterator[httpx2.AsyncClient]:
    """The whole application, called without a network between."""
    forget_sessions(redis_url)
    async with running_client(settings) as client:
        yield client
    dump_redis(redis_url)


@pytest.fixture
def phone(client: httpx2.AsyncClient) -> Callable[[str], Phone]:
    return lambda number: Phone(client, number)


@pytest.fixture(autouse=True, scope="session")
def _log_to_file(worker_number: int) -> Iterator[None]:
    LOGS.mkdir(parents=True, exist_ok=True)
    logs.configure(Settings(), "tests")
    with (LOGS / f"tests-{worker_number}.log").open("a") as file:
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(file), cache_logger_on_first_use=False)
        yield


@pytest.fixture(autouse=True)
def _log_stays() -> Iterator[None]:
    """A test that leaves another log behind would hide lines from those after it, and ids that it binds would be in theirs."""
    structlog.contextvars.clear_contextvars()
    before = structlog.get_config()["processors"]
    yield
    assert structlog.get_config()["processors"] is before


@pytest.fixture(scope="session")
def service_url(servers: Servers, template: str, redis_url: str) -> Iterator[str]:
    """A whole service in a process of its own, as `jasho serve` starts it."""
    environment = {"JASHO_DATABASE_URL": databases.copy(servers.database_url, template), "JASHO_REDIS_URL": redis_url}
    with serving(environment) as url:
        yield url


@pytest.fixture
def own_folder() -> Iterator[Path]:
    """A place for servers that a test starts for itself. Their logs stay."""
    folder = FOLDER / uuid4().hex[:8]
    folder.mkdir(parents=True)
    yield folder
    for log in folder.rglob("server.log"):
        shutil.copyfile(log, LOGS / f"{folder.name}-{log.parent.name}.log")
    shutil.rmtree(folder)


@contextmanager
def serving(environment: dict[str, str], *options: str) -> Iterator[str]:
    """`jasho serve` on a free port until the block ends. Fails with its last words where it does not come up."""
    port = free_port()
    log = LOGS / f"serve-{port}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [JASHO, "serve", "--port", str(port), *options], env={**os.environ, **environment}, stdout=output, stderr=output
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(url, process, log)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def wait_until_ready(url: str, process: "subprocess.Popen[Any]", log: Path) -> None:
    # A client for each look would read the machine's certificates each time.
    with httpx2.Client(timeout=1) as client:
        for _ in range(300):
            if process.poll() is not None:
                break
            with suppress(httpx2.TransportError):
                if client.get(f"{url}/readyz").status_code == 200:
                    return
            time.sleep(0.1)  # between two looks at another process
    raise AssertionError(f"the service did not come up:\n{log.read_text()[-2000:]}")


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@asynccontextmanager
async def running_client(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    app = application(settings, with_worker=False)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://localhost") as client,
    ):
        yield client


def forget_sessions(url: str) -> None:
    """The demo people's phones are the same in every test: what one left unfinished is not offered to the next."""
    with redis.Redis.from_url(url) as client:
        client.flushdb()


def dump_redis(url: str) -> None:
    """Keeps what Redis holds now, for `tests/after`: sessions are gone by the end of the suite."""
    with redis.Redis.from_url(url) as client, (REDIS_DUMPS / f"{uuid4().hex}.bin").open("wb") as file:
        for key in client.scan_iter(count=1000):
            file.write(key + b"\n" + (client.get(key) or b"") + b"\n")
