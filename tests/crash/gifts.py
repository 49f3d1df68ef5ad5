"""Small transfers between the people of the bank test, and who asks for them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import psycopg

from core import ids
from core.ledger.poster import Poster
from core.ledger.transfer import Leg, PostingResult, Transfer
from tests.crash import bank

LOW, HIGH = sorted([bank.wallet("KES", 0), bank.wallet("KES", 1)])


@asynccontextmanager
async def posting(database: str, most_waiting: int = 1_000, lanes: int = 1) -> AsyncIterator[Poster]:
    made = Poster(database, bank.COUNTRY, most_waiting=most_waiting, lanes=lanes)
    yield made
    await made.close()


def gift(key: str, minor: int = 100, giver: UUID = LOW, taker: UUID = HIGH) -> Transfer:
    return Transfer(ids.new_id(), giver, key, "gift", (Leg(giver, -minor), Leg(taker, minor)))


def keys_in(database_url: str) -> set[str]:
    """The keys of all gifts that were made."""
    with psycopg.connect(database_url) as connection:
        return {key for (key,) in connection.execute("SELECT key FROM transfer WHERE kind = 'gift'")}


async def submitted(poster: Poster, *transfers: Transfer) -> "list[PostingResult | BaseException]":
    return await asyncio.gather(*(poster.submit(transfer) for transfer in transfers), return_exceptions=True)


def outcomes(answers: "Sequence[PostingResult | BaseException]") -> list[str]:
    return [answer.outcome if isinstance(answer, PostingResult) else type(answer).__name__ for answer in answers]


async def waits_for_lock(database_url: str) -> None:
    """Returns when somebody waits for a lock in this database."""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as watcher:
        for _ in range(500):
            cursor = await watcher.execute(
                "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.rowcount:
                return
            await asyncio.sleep(0.01)  # between two looks at another process
    raise AssertionError("nobody waits for a lock")


async def waits_since(database_url: str, least_ms: int) -> None:
    """Returns when a call of the ledger has been under way for so long."""
    waiting = """SELECT min(clock_timestamp() - query_start) >= %s * interval '1 ms' FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE '%%ledger_post_2%%' AND state = 'active' AND pid <> pg_backend_pid()"""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as watcher:
        for _ in range(500):
            cursor = await watcher.execute(waiting, [least_ms])
            if await cursor.fetchone() == (True,):
                return
            await asyncio.sleep(0.01)  # between two looks at another process
    raise AssertionError("nobody waits so long")
