"""Where one seal ends and the next one begins: each transfer is in one of them, and what none has seen yet is nobody's fault."""

import pytest
from sqlalchemy import text

from core.ledger import seal as sealing
from core.ledger.transfer import Transfer
from tests.core.ledger.test_seal import wish
from tests.core.ledger.test_verify import Books, books, seal_all

__all__ = ["books"]

NEIGHBOURS = 3


async def neighbours(books: Books) -> list[Transfer]:
    """Not sealed yet, of transactions that follow one another, the first of them right behind the last seal."""
    wishes = [wish(books, f"neighbour {number}") for number in range(NEIGHBOURS)]
    for place, made in enumerate(wishes):
        await books.runtime.poster.submit(made)
        await books.damage(f"UPDATE transfer SET xid = (SELECT max(to_xid) FROM seal) + {place} WHERE id = '{made.id}'")
    return wishes


async def last_seals(books: Books, most: int) -> list[tuple[int, int]]:
    """Number and transfers of the last ones, the oldest first."""
    async with books.runtime.database.autocommit() as connection:
        rows = await connection.execute(text(f"SELECT number, transfers FROM seal ORDER BY number DESC LIMIT {most}"))
        return [tuple(row) for row in rows][::-1]


async def test_a_transfer_at_either_end_of_a_seal_is_in_that_one_alone(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "_MOST_TOGETHER", 1)
    wishes = await neighbours(books)
    await seal_all(books.runtime)
    seals = await last_seals(books, NEIGHBOURS)
    assert [transfers for _, transfers in seals] == [1] * NEIGHBOURS
    assert await books.findings() == []
    for made, (number, _) in zip(wishes, seals, strict=True):
        await books.damage(f"UPDATE transfer SET kind = 'gift' WHERE id = '{made.id}'")
        [(_, finding)] = await books.findings()
        assert finding.startswith(f"transfer {made.id} is not what seal {number} ")
        await books.damage(f"UPDATE transfer SET kind = 'send' WHERE id = '{made.id}'")
    assert await books.findings() == []


async def test_the_ends_of_a_seal_of_many_are_guarded_as_its_middle_is(books: Books) -> None:
    wishes = await neighbours(books)
    await seal_all(books.runtime)
    [(number, transfers)] = await last_seals(books, 1)
    assert transfers == NEIGHBOURS
    for made in wishes:
        await books.damage(f"UPDATE transfer SET kind = 'gift' WHERE id = '{made.id}'")
        [(_, finding)] = await books.findings()
        assert finding.startswith(f"transfer {made.id} is not what seal {number} ")
        await books.damage(f"UPDATE transfer SET kind = 'send' WHERE id = '{made.id}'")


async def test_what_comes_right_behind_the_last_seal_is_no_finding_and_a_transfer_slipped_in_before_it_is(books: Books) -> None:
    before = await last_seals(books, 1)
    [made, *_] = await neighbours(books)
    assert await books.findings() == []
    assert await last_seals(books, 1) == before
    await books.damage(f"UPDATE transfer SET xid = (SELECT max(to_xid) FROM seal) - 1 WHERE id = '{made.id}'")
    assert f"seal {before[0][0]} has seen {before[0][1]} transfers, there are {before[0][1] + 1}" in {
        finding for _, finding in await books.findings()
    }
