"""What the suite has left behind, looked through: no PIN anywhere, and every book in balance. Runs last, by itself."""

import asyncio
import multiprocessing
import os
import re
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from core.customers import checks as customers_checks
from core.features import CHECKS
from core.hashing import CODE_DIGITS, code_digits
from core.ledger import audit
from core.settings import Settings
from gateway import wiring
from gateway.cli.embedded import Servers
from tests import databases, lock_order, pins
from tests.conftest import FOLDER, LOGS, REDIS_DUMPS
from tests.pins import found_in

pytestmark = pytest.mark.system
_PHONE = re.compile(r"(?<![0-9])(?:\+?254|0) ?7[0-9]{2} ?[0-9]{3} ?[0-9]{3}(?![0-9])")
_NO_PHONE = re.compile(r"reference\W+[0-9A-Z]{10}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32,}")


# Tests of the ledger open accounts for nobody, and others close them past the service: tests/core/test_checks.py tries these.
_PROVED = {name: query for name, query in CHECKS.items() if name not in customers_checks.CHECKS}


@dataclass(frozen=True)
class Left:
    """What is in a database that a test has worked in. `codes`: one-time codes of six digits; four stand in too many numbers."""

    url: str
    pins: list[bytes]
    codes: frozenset[bytes]
    bodies: list[bytes]
    transfers: int
    findings: list[str]


@pytest.fixture(scope="module")
def left_behind(servers: Servers) -> list[Left]:
    """Of all the databases that the suite's tests have worked in."""
    with psycopg.connect(servers.database_url) as connection:
        rows = connection.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [databases.PREFIX]).fetchall()
    urls = [databases.url_of(servers.database_url, name) for (name,) in rows]
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(look_through, urls, chunksize=10))


def look_through(url: str) -> Left:
    with psycopg.connect(url) as connection:
        pins_found = found_in(rows_of(connection))
        issued = connection.execute("SELECT id, purpose FROM one_time_code").fetchall()
        bodies = connection.execute("SELECT body FROM outbox WHERE code_id IS NOT NULL").fetchall()
    codes = [code_digits(Settings().pin_pepper, code_id, purpose) for code_id, purpose in issued if CODE_DIGITS[purpose] >= 6]
    report = asyncio.run(verify(url))
    return Left(
        url,
        pins_found,
        frozenset(code.encode() for code in codes),
        [body.encode() for (body,) in bodies],
        report.transfers,
        [str(finding) for finding in report.findings],
    )


def rows_of(connection: psycopg.Connection) -> bytes:
    """Each row of each table of ours, as a dump would have it."""
    tables = connection.execute(
        "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    ).fetchall()
    assert ("posting",) in tables
    rows = bytearray()
    for (table,) in tables:
        with connection.cursor().copy(f"COPY {table} TO STDOUT".encode()) as copy:
            for part in copy:
                rows += part
    return bytes(rows)


async def verify(url: str) -> audit.AuditReport:
    runtime = wiring.runtime(Settings(database_url=url))
    try:
        return await audit.verify(runtime.database, checks=_PROVED)
    finally:
        await runtime.close()


@pytest.mark.parametrize(
    "leak",
    [
        f"text=4*0722000002*500*{pins.RIGHT}&",
        f"4%2A0722000002%2A500%2A{pins.RIGHT}",
        f'{{"pin": "{pins.NEW}"}}',
        f"\u00a4{pins.WRONG}\u00a3",
        f"INSERT INTO x VALUES ('{pins.OTHER_WRONG}')",
    ],
)
def test_the_search_would_find_a_pin(leak: str) -> None:
    assert found_in(leak.encode())
    assert not found_in(f"2026-11-23 00:00:01.{pins.RIGHT}+00 1{pins.RIGHT}5 \\x{pins.RIGHT}ab".encode())


def test_no_pin_is_in_a_log() -> None:
    logs = all_logs()
    assert any(path.parent == LOGS and path.stat().st_size for path in logs), "the suite logged nothing: was it run?"
    assert {path.name: found for path in logs if (found := found_in(logged(path)))} == {}


@pytest.mark.parametrize("leak", ["phone=+254711000001", "%2B254722000002&", '"0733000003"', "to 0711 000 004"])
def test_the_search_would_find_a_phone_number(leak: str) -> None:
    assert phones_in(leak)
    assert not phones_in("…001 reference=0711000001 01234567-0123-7123-8123-254711000001 2026-11-26T07:11:00.000001Z")


def test_no_phone_number_is_in_a_log_of_ours() -> None:
    """PostgreSQL's own log may quote the row of an error: it is kept like the database."""
    logs = [*LOGS.glob("tests-*.log"), *LOGS.glob("serve-*.log")]
    assert any(path.stat().st_size for path in logs), "the suite logged nothing: was it run?"
    assert {path.name: found for path in logs if (found := phones_in(path.read_text(errors="replace")))} == {}


def test_no_pin_was_in_redis() -> None:
    dumps = list(REDIS_DUMPS.iterdir())
    assert any(b":session" in dump.read_bytes() for dump in dumps), "the suite kept no session: was it run?"
    assert {dump.name: found for dump in dumps if (found := found_in(dump.read_bytes()))} == {}


def test_no_pin_is_in_a_database(left_behind: list[Left]) -> None:
    assert left_behind, "the suite left no database: was it run?"
    assert {left.url: left.pins for left in left_behind if left.pins} == {}


def test_the_search_would_find_a_pin_in_a_database(left_behind: list[Left]) -> None:
    with psycopg.connect(left_behind[0].url) as connection:
        named = connection.execute("UPDATE customer SET name = %s", [f"Asha {pins.RIGHT}"]).rowcount
        assert len(found_in(rows_of(connection))) == named > 0
        connection.rollback()


def test_no_one_time_code_is_kept_anywhere(left_behind: list[Left]) -> None:
    places = [logged(path) for path in all_logs()]
    places += [dump.read_bytes() for dump in REDIS_DUMPS.iterdir()]
    places += [body for left in left_behind for body in left.bodies]
    known = {code for left in left_behind for code in left.codes}
    assert len(known) > 10, "the suite issued no codes: was it run?"
    code = re.compile(rb"(?<![0-9A-Za-z.-])(?:" + b"|".join(known) + rb")(?![0-9A-Za-z-])")
    assert [match[0] for place in places if (match := code.search(place))] == []


def test_every_book_is_in_balance(left_behind: list[Left]) -> None:
    assert {left.url: left.findings for left in left_behind if left.findings} == {}
    assert sum(left.transfers for left in left_behind) > 100


def logged(path: Path) -> bytes:
    """What a log says, but for what PostgreSQL counts at a checkpoint: kilobytes, of any number of digits."""
    return b"".join(line for line in path.read_bytes().splitlines(keepends=True) if b" checkpoint complete: " not in line)


def phones_in(text: str) -> list[str]:
    """Kenya's numbers, as all people of the tests have. A greeting for developers names one; a receipt may look like one."""
    lines = [line for line in text.splitlines() if "jasho dial" not in line]
    return [line[:200] for line in lines if _PHONE.search(_NO_PHONE.sub("", line))]


def all_logs() -> list[Path]:
    """Those of the servers too."""
    found = []
    for folder, inner, names in os.walk(FOLDER):
        inner[:] = [name for name in inner if name != "base"]  # where PostgreSQL has its tables, in half a million files
        found += [Path(folder, name) for name in names if name.endswith(".log")]
    return found


def test_no_two_services_took_rows_in_opposite_orders() -> None:
    """The last run's, of all its processes. A duty of the worker logs what it fails with, and goes on."""
    files = sorted((FOLDER / "locks").glob("*.jsonl"), key=lambda file: file.stat().st_mtime)
    assert files
    assert lock_order.crossings(lock_order.Orders(files[-1]).steps()) == []
