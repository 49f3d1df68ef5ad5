"""The proof of the seals: in pieces, behind the last one that was proved, and of what an attacker would like to hide there."""

from datetime import timedelta

import pytest
from sqlalchemy import event, text

from core import clock, ids
from core.ledger import audit, proof, seal
from core.ledger.chart import FEES, SystemAccount
from core.ledger.proof import AS_SEALED, FOLLOW, SealName
from core.ledger.transfer import Leg, Transfer
from tests.core.ledger.test_verify import Books, books, seal_all

__all__ = ["books"]


def wish(books: Books, key: str, kind: str = "send") -> Transfer:
    return Transfer(ids.new_id(), books.asha, key, kind, (Leg(books.asha, -100), Leg(SystemAccount(FEES, "KES"), 100)))


async def sealed(books: Books, count: int) -> None:
    """So many more transfers, each with a seal of its own."""
    for number in range(count):
        await books.runtime.poster.submit(wish(books, f"sealed {number}"))
        await seal_all(books.runtime)


async def newest(books: Books) -> SealName:
    name = (await audit.verify(books.runtime.database)).proved
    assert name is not None
    return name


async def findings(books: Books, since: SealName) -> list[tuple[str, str]]:
    return (await audit.verify(books.runtime.database, since=since)).findings


async def test_the_proof_reads_each_transfer_once_however_many_seals_there_are(books: Books) -> None:
    """Were its transfers looked for among all others for each seal, a month of seals would take days."""
    await sealed(books, 20)
    asked: list[str] = []

    def listen(*arguments: object) -> None:
        asked.extend(argument for argument in arguments if isinstance(argument, str) and "ledger_leaves(" in argument)

    event.listen(books.runtime.database.engine.sync_engine, "before_cursor_execute", listen)
    assert await books.findings() == []
    assert len(asked) == 1


@pytest.mark.parametrize("most", [1, 2, 3, 5, 100])
async def test_wherever_a_piece_ends_a_change_and_a_missing_seal_are_found(
    books: Books, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    await sealed(books, 6)
    monkeypatch.setattr(proof, "_MOST_TOGETHER", most)
    assert await books.findings() == []
    await books.damage("UPDATE transfer SET kind = 'gift' WHERE key LIKE 'sealed%'")
    assert [name for name, _ in await books.findings()] == [AS_SEALED] * 6
    await books.damage("UPDATE transfer SET kind = 'send' WHERE key LIKE 'sealed%'")
    await books.damage("DELETE FROM seal WHERE number = (SELECT max(number) - 2 FROM seal)")
    found = await books.findings()
    assert FOLLOW in {name for name, _ in found}, found


async def test_what_was_proved_is_not_proved_again_and_what_came_later_is(books: Books) -> None:
    since = await newest(books)
    await sealed(books, 3)
    await books.damage("UPDATE transfer SET created_at = created_at + interval '1 us' WHERE id = :payment")
    assert await findings(books, since) == []
    await books.damage("UPDATE transfer SET created_at = created_at + interval '1 us' WHERE key = 'sealed 1'")
    [(name, _)] = await findings(books, since)
    assert name == AS_SEALED
    assert len(await books.findings()) == 2


async def test_seals_that_were_deleted_or_made_anew_are_missed_by_whoever_kept_the_name_of_the_last_one(books: Books) -> None:
    """A database says nothing against whoever rewrites all of it. A line on paper does."""
    await sealed(books, 2)
    since = await newest(books)
    await books.damage("DELETE FROM seal WHERE number = (SELECT max(number) FROM seal)")
    assert await findings(books, since) == [(FOLLOW, f"seal {since} is not there any more")]
    await books.damage("UPDATE transfer SET kind = 'gift' WHERE key = 'sealed 1'")
    await seal_all(books.runtime)
    assert await books.findings() == [], "the new seal has seen nothing else"
    assert await findings(books, since) == [(FOLLOW, f"seal {since} is not there any more")]


@pytest.mark.parametrize(
    "written", ["", "1", "0:0123456789abcdef", "1:xyz", "1:0123456789ABCDEF", "١:0123456789abcdef", "1:0123456789abcdef "]
)
def test_what_is_not_the_name_of_a_seal_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="is not the name of a seal"):
        SealName.parse(written)


def test_a_seals_name_is_read_as_it_is_written() -> None:
    name = SealName(812, "0123456789abcdef")
    assert SealName.parse(str(name)) == name


async def test_a_transfer_forged_below_all_seals_is_found(books: Books) -> None:
    await books.damage(
        "INSERT INTO transfer (id, initiator, key, request_hash, kind, limited, day, created_at, xid)"
        " SELECT gen_random_uuid(), initiator, 'forged', 1, kind, 0, day, created_at, -5 FROM transfer WHERE id = :payment"
    )
    await books.damage(
        "WITH forged AS (SELECT id FROM transfer WHERE key = 'forged'), moved AS ("
        " UPDATE account SET version = version + 2, posted_at = now() WHERE id = :asha RETURNING id, version, balance)"
        " INSERT INTO posting SELECT moved.id, version - v, forged.id, CASE v WHEN 1 THEN 5 ELSE -5 END,"
        " balance + CASE v WHEN 1 THEN 5 ELSE 0 END, now() FROM forged, moved, (VALUES (0), (1)) AS two (v)"
    )
    count, forged = await books.findings()
    assert count == (AS_SEALED, "seal 1 has seen 4 transfers, there are 5")
    assert (forged[0], forged[1].endswith(" is not what seal 1 has seen")) == (AS_SEALED, True)


async def test_no_two_different_transfers_have_one_leaf(books: Books) -> None:
    """Key, hash and kind stood side by side once: `a|5`, 7 and `x` read like `a`, 5 and `7|x`."""
    await books.runtime.poster.submit(wish(books, "a|5", kind="x"))
    await books.damage("UPDATE transfer SET request_hash = 7 WHERE key = 'a|5'")
    await seal_all(books.runtime)
    await books.damage("UPDATE transfer SET key = 'a', request_hash = 5, kind = '7|x' WHERE key = 'a|5'")
    [(name, _)] = await books.findings()
    assert name == AS_SEALED


async def test_in_quiet_times_a_seal_comes_for_many_transfers_or_after_half_a_minute(books: Books) -> None:
    """A proof looks at each seal: one every two seconds would be 1.3 million in a month."""
    database, now = books.runtime.database, clock.now()
    with clock.at(now):
        await sealed(books, 1)
        await books.runtime.poster.submit(wish(books, "waits"))
        assert await seal.seal_when_due(database) == 0
    with clock.at(now + timedelta(seconds=31)):
        for _ in range(500):
            if await seal.seal_when_due(database):
                break
    async with database.autocommit() as connection:
        assert await seal.unsealed_for(connection) == timedelta()


async def test_of_many_transfers_the_seal_comes_at_once(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    await sealed(books, 1)
    monkeypatch.setattr(seal, "_FEWEST", 2)
    for number in range(2):
        await books.runtime.poster.submit(wish(books, f"waits {number}"))
    for _ in range(500):
        if await seal.seal_when_due(books.runtime.database):
            break
    async with books.runtime.database.autocommit() as connection:
        assert await connection.scalar(text("SELECT max(transfers) FROM seal")) >= 2
        assert await seal.unsealed_for(connection) == timedelta()


async def test_the_release_before_proves_what_this_one_has_sealed(books: Books) -> None:
    """It may run `jasho ledger verify` after `jasho migrate`, as it was taught to: leaf by leaf, by the function's old name."""
    await sealed(books, 2)
    async with books.runtime.database.autocommit() as connection:
        as_before = """SELECT count(*) FROM seal s WHERE s.leaves <> (
            SELECT string_agg(ledger_leaf(t), ''::bytea ORDER BY t.xid, t.id) FROM transfer t
            WHERE t.xid >= s.from_xid AND t.xid < s.to_xid)"""
        assert await connection.scalar(text(as_before)) == 0
