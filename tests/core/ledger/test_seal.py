"""The chain of seals goes on where the database goes on in another cluster, and complains where it does not go on."""

import asyncio
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from core import clock, ids, migrations
from core.ledger import audit
from core.ledger.chart import FEES, SystemAccount
from core.ledger.post import post
from core.ledger.seal import LONGEST_UNSEALED, seal
from core.ledger.transfer import Leg, Transfer
from core.runtime import Runtime
from core.settings import Settings
from tests.core.ledger.test_verify import Books, books, seal_all

__all__ = ["books"]

pytestmark = pytest.mark.system

ELSEWHERE = "UPDATE ledger_era SET system_identifier = 1"
# As a cluster would read them that has counted further than this one will.
FAR = 10**12


def wish(books: Books, key: str) -> Transfer:
    return Transfer(ids.new_id(), books.asha, key, "send", (Leg(books.asha, -100), Leg(SystemAccount(FEES, "KES"), 100)))


async def eras(runtime: Runtime) -> list[int]:
    async with runtime.database.transaction() as connection:
        return list(await connection.scalars(text("SELECT DISTINCT xid >> 48 FROM transfer ORDER BY 1")))


async def as_if_from_a_busier_cluster(books: Books) -> None:
    """The chain begins anew over the same transfers, under numbers that this server will not reach in the test."""
    for statement in ("DELETE FROM seal", f"UPDATE transfer SET xid = xid + {FAR}"):
        await books.damage(statement)
    async with books.runtime.database.autocommit() as connection:
        await connection.execute(text("SET ROLE postgres"))
        await connection.execute(
            text(
                "INSERT INTO seal SELECT 1, 0, to_xid, transfers, leaves,"
                " ledger_digest(1, 0, to_xid, transfers, leaves, NULL), now() FROM (SELECT 1 + max(xid) AS to_xid,"
                " count(*)::int AS transfers, string_agg(ledger_leaf(t), ''::bytea ORDER BY xid, id) AS leaves"
                " FROM transfer t) AS t"
            )
        )
        await connection.invalidate()


async def test_a_database_in_another_cluster_posts_seals_and_proves_under_numbers_that_begin_again(books: Books) -> None:
    await as_if_from_a_busier_cluster(books)
    await books.damage(ELSEWHERE)
    await books.runtime.poster.submit(wish(books, "first in the new cluster"))
    await seal_all(books.runtime)
    assert await eras(books.runtime) == [0, 1]
    assert await books.findings() == []
    await books.damage("UPDATE transfer SET kind = 'gift' WHERE id = :payment")
    [(_, row)] = await books.findings()
    assert row.startswith(f"transfer {books.payment} is not what seal 1 ")


@pytest.mark.parametrize("who", ["the sealer", "the migration"])
async def test_a_database_behind_its_own_seals_begins_an_era_before_somebody_posts(
    books: Books, settings: Settings, who: str
) -> None:
    await as_if_from_a_busier_cluster(books)
    if who == "the sealer":
        await seal(books.runtime.database)
    else:
        await asyncio.to_thread(migrations.migrate, settings.database_url)
    await books.runtime.poster.submit(wish(books, "first"))
    await seal_all(books.runtime)
    assert await eras(books.runtime) == [0, 1]
    assert await books.findings() == []


async def test_many_who_find_themselves_elsewhere_at_once_begin_one_era(books: Books) -> None:
    await books.damage(ELSEWHERE)

    async def pay(number: int) -> None:
        async with books.runtime.database.autocommit() as connection:
            # Each on accounts of its own, so that nothing else lets one wait for the other.
            fees = [SystemAccount(FEES, "KES").stripe(stripe) for stripe in (2 * number, 2 * number + 1)]
            legs = (Leg(fees[0], -100), Leg(fees[1], 100))
            await post(connection, [Transfer(ids.new_id(), fees[0], f"key {number}", "send", legs)], "KE")

    await asyncio.gather(*(pay(number) for number in range(8)), *(seal(books.runtime.database) for _ in range(4)))
    await seal_all(books.runtime)
    assert await eras(books.runtime) == [0, 1]
    assert await books.findings() == []


async def test_an_era_that_somebody_deletes_does_not_lead_back_to_sealed_numbers(books: Books) -> None:
    await books.damage(ELSEWHERE)
    await books.runtime.poster.submit(wish(books, "first"))
    await seal_all(books.runtime)
    await books.damage("DELETE FROM ledger_era")
    await books.runtime.poster.submit(wish(books, "second"))
    await seal_all(books.runtime)
    assert await eras(books.runtime) == [0, 1, 2]
    assert await books.findings() == []


async def test_a_transaction_left_open_that_keeps_transfers_from_their_seal_is_complained_of(
    books: Books, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(settings.database_url) as forgotten:
        forgotten.execute("SELECT pg_current_xact_id()")
        await books.runtime.poster.submit(wish(books, "waits"))
        later = clock.now() + LONGEST_UNSEALED + timedelta(seconds=1)
        monkeypatch.setattr(clock, "now", lambda: later)
        with capture_logs() as lines:
            await seal(books.runtime.database)
    assert [line["event"] for line in lines if line["log_level"] == "warning"] == ["transfers are not sealed"]
    await seal_all(books.runtime)
    with capture_logs() as lines:
        await seal(books.runtime.database)
    assert lines == []
    assert (await audit.verify(books.runtime.database)).findings == []


@pytest.mark.race("core/ledger/era.sql:ledger_begin_era")
async def test_an_era_that_a_dump_holds_up_keeps_nobody_from_posting(books: Books, settings: Settings) -> None:
    with psycopg.connect(settings.database_url) as dump, psycopg.connect(settings.database_url) as owner:
        dump.execute("LOCK TABLE ledger_era IN ACCESS SHARE MODE")
        owner.execute("SET statement_timeout = '20s'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            owner.execute("SELECT ledger_begin_era(now())")
        owner.rollback()
        await as_if_from_a_busier_cluster(books)
        assert await seal(books.runtime.database) == 0
        await books.runtime.poster.submit(wish(books, "beside"))
        assert await eras(books.runtime) == [0]
    await seal(books.runtime.database)
    await books.runtime.poster.submit(wish(books, "later"))
    assert await eras(books.runtime) == [0, 1]
