"""Sealers, and those who find themselves in another cluster, in the same moment."""

import pytest

from core.ledger.poster import Poster
from core.ledger.seal import seal
from tests.core.ledger.test_seal import ELSEWHERE, eras, wish
from tests.core.ledger.test_verify import Books, books, seal_all
from tests.races import holding, race

__all__ = ["books"]


@pytest.mark.race("core/ledger/seal.sql:ledger_seal")
async def test_a_sealer_that_comes_while_another_one_seals_leaves_it_to_that_one(books: Books) -> None:
    await books.runtime.poster.submit(wish(books, "one"))
    async with holding(books.runtime, "SELECT pg_advisory_xact_lock(hashtext('ledger_seal'))"):
        assert await seal(books.runtime.database) == 0
    assert await seal(books.runtime.database) == 1
    assert await books.findings() == []


@pytest.mark.race("core/ledger/era.sql:ledger_era")
async def test_of_those_who_find_themselves_in_another_cluster_one_begins_the_era(books: Books) -> None:
    await books.damage(ELSEWHERE)
    runtime = books.runtime
    posters = [Poster(runtime.settings.database_url, "KE") for _ in range(2)]
    posts = (poster.submit(wish(books, f"key {number}")) for number, poster in enumerate(posters))
    answers = await race(runtime, "LOCK TABLE ledger_era IN SHARE ROW EXCLUSIVE MODE", *posts)
    for poster in posters:
        await poster.close()
    assert [answer.outcome for answer in answers] == ["posted"] * 2
    await seal_all(runtime)
    assert await eras(runtime) == [0, 1]
    assert await books.findings() == []
