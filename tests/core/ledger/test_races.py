"""Sealers, and those who find themselves in another cluster, in the same moment."""

import asyncio

import psycopg
import pytest

from core.ledger.seal import seal
from tests.core.ledger.test_seal import ELSEWHERE, eras, wish
from tests.core.ledger.test_verify import Books, books, seal_all
from tests.races import holding, wait_until_they_wait

__all__ = ["books"]


@pytest.mark.race("core/ledger/seal.sql:ledger_seal_2")
async def test_a_sealer_that_comes_while_another_one_seals_leaves_it_to_that_one(books: Books) -> None:
    await books.runtime.poster.submit(wish(books, "one"))
    async with holding(books.runtime, "SELECT pg_advisory_xact_lock(hashtext('ledger_seal'))"):
        assert await seal(books.runtime.database) == 0
    # Not in one go: a transaction of another test's database may keep the end of a seal back.
    await seal_all(books.runtime)
    assert await books.findings() == []


@pytest.mark.race("core/ledger/era.sql:ledger_era")
async def test_of_two_who_find_themselves_in_another_cluster_one_begins_the_era_and_both_are_in_it(
    books: Books,
) -> None:
    await books.damage(ELSEWHERE)
    runtime = books.runtime
    async with await psycopg.AsyncConnection.connect(runtime.settings.database_url) as first:
        await first.execute("LOCK TABLE ledger_era IN SHARE ROW EXCLUSIVE MODE")
        posting = asyncio.create_task(runtime.poster.submit(wish(books, "meanwhile")))
        await wait_until_they_wait(runtime, posting)
        # The other one has looked by now, and has found no era for this cluster.
        await first.execute("SELECT ledger_era(now())")
        await first.commit()
    assert (await posting).outcome == "posted"
    await seal_all(runtime)
    assert await eras(runtime) == [0, 1]
    assert await books.findings() == []
