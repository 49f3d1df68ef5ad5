"""The only way money moves: transfers in, one round trip, one result each.

`post` hands any number of transfers to the SQL function beside this file, which accepts or refuses each by itself, in the
caller's transaction. It writes the postings, balances, limits and notices of an accepted transfer together; a refused one leaves
every row as it was. Work that only moves money goes through `poster.py`, which shares one call among many requests.
"""

import asyncio
import random
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from itertools import count
from operator import attrgetter
from time import monotonic
from uuid import UUID

import msgspec
import psycopg
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock, ids
from core.db import after_commit
from core.faults import describe, reached
from core.ledger import limits
from core.ledger.chart import STRIPES, SystemAccount
from core.ledger.clocks import watch
from core.ledger.refusals import ClockWrong
from core.ledger.transfer import REFUSALS, Account, PostingResult, Transfer
from core.refusing import refuses

# Rows that somebody else holds are waited for this long at first, then shortly and after a pause: meanwhile others wait for those
# that are free. Once in so many tries it is long, for a turn at a row for which others always queue.
LOCK_WAIT_MS = 100
_SHORT_WAIT_MS, _LONG_WAIT_MS = 20, 400
_PAUSE_SECONDS = 0.03
_TRIES_TO_A_LONG_ONE = 8
_PATIENCE_SECONDS = 4.0
# The server itself says that nothing was done.
NOTHING_DONE = (
    psycopg.errors.DeadlockDetected,
    psycopg.errors.LockNotAvailable,
    psycopg.errors.QueryCanceled,
    psycopg.errors.SerializationFailure,
)

log = structlog.get_logger()

# Arrays travel in PostgreSQL's own text form: the driver would look at every element of every list.
_CALL = """SELECT * FROM ledger_post_2(
    %s, %s, %s::uuid[], %s::uuid[], %s::int[], %s::text[], %s::bigint[], %s::text[], %s::bigint[], %s::int[], %s::int[],
    %s::int[], %s::bigint[], %s::int[], %s::timestamptz[], %s::uuid[], %s::uuid[], %s::boolean[], %s::jsonb, %s::jsonb, %s)"""


async def post(
    connection: AsyncConnection, transfers: Sequence[Transfer], country: str, chains: Sequence[int] | None = None
) -> list[PostingResult]:
    """Posts the transfers in the connection's transaction, last in it. The results come in their order.

    `chains`: a number for each transfer; neighbours with the same number other than 0 stand or fall together. The `country`
    decides which day it is. Where a row stays locked it lets go of the others, so that nobody waits behind it, and tries again.
    Where nothing is posted it holds no row afterwards. Raises psycopg.Error where the database is away, a row stays locked for
    long, or something is wrong with the call as a whole.
    """
    driver = (await connection.get_raw_connection()).driver_connection
    assert isinstance(driver, psycopg.AsyncConnection)
    results = await _post_patiently(driver, transfers, country, chains)
    # The caller may go on with the lists before it commits.
    after_commit(connection, partial(tell, tuple(transfers), tuple(results)))
    return results


async def _post_patiently(
    driver: "psycopg.AsyncConnection[tuple[object, ...]]",
    transfers: Sequence[Transfer],
    country: str,
    chains: Sequence[int] | None,
) -> list[PostingResult]:
    """As the poster does, a deadlock and a row that stays locked are tried again, on another stripe of the service's accounts."""
    now_seconds = asyncio.get_running_loop().time
    deadline = now_seconds() + _PATIENCE_SECONDS
    stripe, wait_ms = random.randrange(STRIPES), LOCK_WAIT_MS  # noqa: S311 - spreads load, guards nothing
    await check_clock(driver)
    if driver.autocommit:
        reached.hand_over()
    for tries in count(1):
        if not driver.autocommit:
            await driver.execute("SAVEPOINT ledger_post")
        try:
            results = await post_on_driver(driver, transfers, country, chains, stripe=stripe, wait_ms=wait_ms)
        except NOTHING_DONE as error:
            await _let_go(driver)
            if now_seconds() > deadline:
                raise
            log.info("transfers are tried again", error=describe(error), transfers=len(transfers))
            stripe = (stripe + random.randrange(1, STRIPES)) % STRIPES  # noqa: S311
            wait_ms = _SHORT_WAIT_MS if tries % _TRIES_TO_A_LONG_ONE else _LONG_WAIT_MS
            await asyncio.sleep(_PAUSE_SECONDS)
            continue
        if not any(result.outcome == "posted" for result in results):
            await _let_go(driver)
        return results
    raise AssertionError("it never stops counting")


async def _let_go(driver: "psycopg.AsyncConnection[tuple[object, ...]]") -> None:
    if not driver.autocommit:
        await driver.execute("ROLLBACK TO SAVEPOINT ledger_post")


def tell(transfers: Sequence[Transfer], results: Sequence[PostingResult]) -> None:
    """Logs each transfer that was posted, by its reference. It is called when they are committed."""
    for transfer, result in zip(transfers, results, strict=True):
        if result.outcome == "posted":
            log.info("money moved", kind=transfer.kind, reference=ids.reference(transfer.id))


@refuses(*REFUSALS.values())
async def post_one(
    connection: AsyncConnection, transfer: Transfer, *, country: str, currency: str, **params: object
) -> PostingResult:
    """Posts one transfer in the caller's transaction, or raises the Refusal that undoes all of it.

    For work that also changes rows of its own: lock and write those first, the ledger's accounts last. Where the result is a
    repetition's, what the caller wrote is its own to undo. `params` fill the refusal's sentence (`needed=` for NotEnoughMoney).
    """
    [result] = await post(connection, [transfer], country)
    if not result.is_done:
        result.raise_refusal(currency, **params)
    return result


async def post_on_driver(
    driver: "psycopg.AsyncConnection[tuple[object, ...]]",
    transfers: Sequence[Transfer],
    country: str,
    chains: Sequence[int] | None = None,
    *,
    stripe: int,
    wait_ms: int | None = None,
) -> list[PostingResult]:
    """`post` on a connection of the driver itself, after `check_clock`.

    `stripe`: which row of each of the service's accounts the call locks; processes rarely share one. `wait_ms`: how long a row
    that somebody else holds is waited for, before psycopg.errors.LockNotAvailable; None as long as the session says. With 0
    nobody is waited for: what touches such a row is `busy`, and the rest is posted.
    """
    arguments = (*_arguments(transfers, country, chains, stripe), wait_ms)
    cursor = await driver.execute(_CALL, arguments, prepare=True)
    row = await cursor.fetchone()
    assert row is not None
    outcomes, firsts, details, available_minors = msgspec.convert(
        row, tuple[list[str], list[UUID | None], list[int | None], list[int | None]]
    )
    results = []
    begin = 0
    for transfer, outcome, first, detail in zip(transfers, outcomes, firsts, details, strict=True):
        end = begin + len(transfer.legs)
        is_done = outcome in ("posted", "repeated")
        available_minor = tuple(minor or 0 for minor in available_minors[begin:end]) if is_done else ()
        results.append(PostingResult(outcome, first or transfer.id, available_minor, detail))
        begin = end
    return results


async def check_clock(driver: "psycopg.AsyncConnection[tuple[object, ...]]") -> None:
    """ClockWrong: this process's clock is. It looks at the database's where that is due."""
    if not watch.is_due():
        return
    began_seconds = monotonic()
    row = await (await driver.execute("SELECT clock_timestamp()", prepare=False)).fetchone()
    [moment] = msgspec.convert(row, tuple[datetime])
    if watch.take(moment, monotonic() - began_seconds):
        raise ClockWrong


def _arguments(transfers: Sequence[Transfer], country: str, chains: Sequence[int] | None, stripe: int) -> tuple[object, ...]:
    position, rows = _positions(transfers, stripe)
    firsts: dict[tuple[UUID, str], int] = {}
    leg_ends: list[int] = []
    leg_accounts: list[int] = []
    leg_amounts: list[int] = []
    notices: list[dict[str, object]] = []
    for index, transfer in enumerate(transfers, start=1):
        firsts.setdefault((transfer.initiator, transfer.key), index)
        for notice in transfer.notices:
            number = len(leg_accounts) + notice.leg + 1
            text = {"phone": notice.phone, "language": notice.language, "body": notice.body}
            notices.append({"id": ids.new_id(), "transfer": index, "leg": number, **text})
        for leg in transfer.legs:
            leg_accounts.append(position[leg.account])
            leg_amounts.append(leg.amount_minor)
        leg_ends.append(len(leg_accounts))
    now = clock.now()
    today = clock.day(now, country)
    return (
        now,
        today,
        _uuids(rows),
        _uuids(transfer.id for transfer in transfers),
        _numbers(position[transfer.initiator] for transfer in transfers),
        _texts(transfer.key for transfer in transfers),
        _numbers(transfer.request_hash() for transfer in transfers),
        _texts(transfer.kind for transfer in transfers),
        _numbers(transfer.limited_minor for transfer in transfers),
        _numbers(firsts[transfer.initiator, transfer.key] for transfer in transfers),
        _numbers(leg_ends),
        _numbers(leg_accounts),
        _numbers(leg_amounts),
        None if chains is None else _numbers(chains),
        *_rare(transfers),
        msgspec.json.encode(notices).decode() if notices else None,
        limits.as_json(today),
    )


def _positions(transfers: Sequence[Transfer], stripe: int) -> tuple[dict[Account, int], list[UUID]]:
    """Each account's place in the lock order, and the rows in that order: people's by id, then the service's own by id."""
    people: set[UUID] = set()
    system: dict[SystemAccount, UUID] = {}
    for transfer in transfers:
        people.add(transfer.initiator)
        for leg in transfer.legs if transfer.settles is None else (*transfer.legs, *transfer.settles.legs):
            if isinstance(leg.account, SystemAccount):
                system[leg.account] = leg.account.stripe(stripe)
            else:
                people.add(leg.account)
    order: list[tuple[Account, UUID]] = [(account, account) for account in sorted(people, key=_number)]
    order += sorted(system.items(), key=lambda item: item[1])
    return {account: index for index, (account, _) in enumerate(order, start=1)}, [row for _, row in order]


def _rare(transfers: Sequence[Transfer]) -> tuple[str | None, str | None, str | None, str | None]:
    """What few transfers have. A column that no transfer of the call has is null as a whole."""
    until = [transfer.hold_until.isoformat() if transfer.hold_until else None for transfer in transfers]
    settles = [transfer.settles.id.hex if transfer.settles else None for transfer in transfers]
    reverses = [transfer.reverses.hex if transfer.reverses else None for transfer in transfers]
    at_most = ["true" if transfer.at_most else None for transfer in transfers]
    return _sparse(until), _sparse(settles), _sparse(reverses), _sparse(at_most)


# Python code compares two UUIDs; C compares their numbers, which is faster.
_number = attrgetter("int")


def _numbers(values: Iterable[int]) -> str:
    return "{" + ",".join(map(str, values)) + "}"


def _uuids(values: Iterable[UUID]) -> str:
    return "{" + ",".join([value.hex for value in values]) + "}"


def _sparse(values: list[str | None]) -> str | None:
    return "{" + ",".join([value or "NULL" for value in values]) + "}" if any(values) else None


def _texts(values: Iterable[str]) -> str:
    return '{"' + '","'.join([value.replace("\\", "\\\\").replace('"', '\\"') for value in values]) + '"}'
