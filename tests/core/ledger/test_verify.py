"""`jasho ledger verify` finds what was changed behind the ledger's back, whatever it was, and names the row."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from core import clock, ids
from core.customers import profiles
from core.ledger import audit, holds, reversals
from core.ledger.chart import FEES, SystemAccount
from core.ledger.post import post
from core.ledger.seal import seal
from core.ledger.transfer import Leg, Transfer
from core.runtime import Runtime
from core.staff import Staff
from tests import databases


@dataclass(frozen=True)
class Books:
    """A ledger with a bit of everything in it, all of it sealed."""

    runtime: Runtime
    asha: UUID
    payment: UUID
    open_hold: UUID
    settled_hold: UUID
    reversal: UUID

    async def findings(self) -> list[tuple[str, str]]:
        return (await audit.verify(self.runtime.database)).findings

    async def damage(self, statement: str) -> None:
        """What somebody with the owner's password and ill will could do."""
        names = {name: getattr(self, name) for name in ("asha", "payment", "open_hold", "settled_hold", "reversal")}
        async with self.runtime.database.autocommit() as connection:
            await connection.execute(text("SET ROLE postgres"))
            await connection.execute(text("SET session_replication_role = replica"))
            await connection.execute(text(statement), {name: value for name, value in names.items() if f":{name}" in statement})
            await connection.invalidate()


async def seal_all(runtime: Runtime) -> None:
    """Seals until nothing is left. A seal ends before the oldest transaction of the whole server, so other tests' count too."""
    for _ in range(500):
        await seal(runtime.database)
        async with runtime.database.autocommit() as connection:
            if await connection.scalar(text("SELECT (SELECT count(*) FROM transfer) = (SELECT sum(transfers) FROM seal)")):
                return
        await asyncio.sleep(0.02)  # between two looks at other people's transactions
    raise AssertionError("some transaction of this server never ended")


@pytest.fixture
async def books(runtime: Runtime) -> AsyncIterator[Books]:
    asha, baraka = await profiles.find(runtime, "+254711000001"), await profiles.find(runtime, "+254722000002")
    assert asha is not None
    assert baraka is not None

    def wish(key: str) -> Transfer:
        legs = (Leg(asha.wallet, -10_700), Leg(baraka.wallet, 10_000), Leg(SystemAccount(FEES, "KES"), 700))
        return Transfer(ids.new_id(), asha.wallet, key, "send", legs, limited_minor=10_000)

    later = clock.now() + timedelta(hours=1)
    wishes = [wish("payment"), wish("mistake"), holds.reserve(wish("open"), later), holds.reserve(wish("settled"), later)]
    async with runtime.database.autocommit() as connection:
        answers = await post(connection, wishes, "KE")
        held = await holds.find(connection, wishes[3].id)
        assert held is not None
        answers += await post(connection, [holds.capture(held, "capture")], "KE")
    assert all(answer.is_done for answer in answers)
    undone = await reversals.reverse(runtime.database, wishes[1].id, country="KE", reason="wrong", requested_by=Staff("njeri"))
    await seal_all(runtime)
    made = Books(runtime, asha.wallet, wishes[0].id, wishes[2].id, wishes[3].id, undone.transfer_id)
    assert await made.findings() == []
    yield made
    await runtime.close()
    databases.drop(runtime.settings.database_url)


@pytest.mark.parametrize(
    ("statement", "invariant"),
    [
        ("UPDATE account SET balance = balance + 1 WHERE id = :asha", "all balances of a currency"),
        ("UPDATE account SET balance = balance + 1 WHERE id = :asha", "a balance and a version are those"),
        ("UPDATE account SET version = version + 1 WHERE id = :asha", "a balance and a version are those"),
        ("UPDATE account SET held = held + 1 WHERE id = :asha", "what is held is the sum"),
        ("UPDATE account SET spent = spent + 1 WHERE id = :asha", "what a day's limit counts"),
        ("UPDATE account SET currency = 'UGX' WHERE id = :asha", "every transfer nets to zero"),
        ("DELETE FROM account WHERE id = :asha", "every transfer nets to zero"),
        (
            "UPDATE posting SET amount = amount + 1 WHERE transfer_id = :payment AND account_id = :asha",
            "every transfer nets to zero",
        ),
        (
            "UPDATE posting SET balance_after = balance_after + 1 WHERE transfer_id = :payment AND account_id = :asha",
            "balance_after and version run on",
        ),
        (
            "UPDATE posting SET balance_after = -5 WHERE transfer_id = :payment AND account_id = :asha",
            "balance_after and version run on",
        ),
        (
            "UPDATE posting SET version = 70 WHERE transfer_id = :payment AND account_id = :asha",
            "a balance and a version are those",
        ),
        (
            "UPDATE posting SET version = 70 WHERE transfer_id = :payment AND account_id = :asha",
            "balance_after and version run on",
        ),
        ("UPDATE posting SET created_at = created_at - interval '1 us' WHERE transfer_id = :payment", "every sealed transfer"),
        ("UPDATE posting SET transfer_id = gen_random_uuid() WHERE transfer_id = :payment", "every transfer nets to zero"),
        ("DELETE FROM posting WHERE transfer_id = :payment", "every transfer has postings"),
        ("DELETE FROM posting WHERE transfer_id = :payment", "balance_after and version run on"),
        ("DELETE FROM transfer WHERE id = :payment", "every transfer nets to zero"),
        ("DELETE FROM transfer WHERE id = :payment", "every sealed transfer"),
        ("UPDATE transfer SET kind = 'sent' WHERE id = :payment", "every sealed transfer"),
        ("UPDATE transfer SET key = 'qayment' WHERE id = :payment", "every sealed transfer"),
        ("UPDATE transfer SET initiator = gen_random_uuid() WHERE id = :payment", "what a day's limit counts"),
        ("UPDATE transfer SET limited = limited - 1 WHERE id = :payment", "what a day's limit counts"),
        ("UPDATE transfer SET day = day - 1 WHERE id = :payment", "every sealed transfer"),
        ("UPDATE transfer SET request_hash = request_hash # 1 WHERE id = :payment", "every sealed transfer"),
        ("UPDATE transfer SET created_at = created_at + interval '1 us' WHERE id = :payment", "every sealed transfer"),
        ("UPDATE transfer SET settles = NULL WHERE kind = 'capture'", "a hold is open until"),
        ("UPDATE transfer SET reverses = gen_random_uuid() WHERE id = :reversal", "a reversal is of a transfer"),
        ("UPDATE transfer SET xid = xid + 1000000 WHERE id = :payment", "every sealed transfer"),
        (
            "INSERT INTO transfer VALUES (gen_random_uuid(), :asha, 'k', 1, 'send', 0, current_date, now())",
            "every transfer has postings",
        ),
        ("DELETE FROM reversal WHERE transfer_id = :reversal", "a reversal is of a transfer"),
        ("UPDATE hold_leg SET amount = amount + 1 WHERE hold_id = :open_hold AND amount < 0", "a hold is open until"),
        ("UPDATE hold_leg SET amount = amount - 1 WHERE hold_id = :open_hold", "what is held is the sum"),
        ("DELETE FROM open_hold WHERE hold_id = :open_hold", "a hold is open until"),
        ("DELETE FROM open_hold WHERE hold_id = :open_hold", "what is held is the sum"),
        ("INSERT INTO open_hold VALUES (:settled_hold, now())", "a hold is open until"),
        ("UPDATE seal SET digest = set_byte(digest, 3, 255 - get_byte(digest, 3))", "the seals follow"),
        ("UPDATE seal SET leaves = set_byte(leaves, 1, 255 - get_byte(leaves, 1)) WHERE number = 1", "the seals follow"),
        ("UPDATE seal SET leaves = set_byte(leaves, 1, 255 - get_byte(leaves, 1)) WHERE number = 1", "every sealed transfer"),
        ("UPDATE seal SET transfers = transfers + 1 WHERE number = 1", "the seals follow"),
        ("UPDATE seal SET to_xid = to_xid + 1 WHERE number = 1", "the seals follow"),
        ("UPDATE seal SET number = number + 1 WHERE number = (SELECT max(number) FROM seal)", "the seals follow"),
    ],
)
async def test_one_changed_value_anywhere_is_found_and_named(books: Books, statement: str, invariant: str) -> None:
    await books.damage(statement)
    found = dict(await books.findings())
    [named] = [row for name, row in found.items() if name.startswith(invariant)]
    assert any(character.isdigit() for character in named), "it says which row"


async def test_the_changed_transfer_is_named_and_not_only_its_seal(books: Books) -> None:
    await books.damage("UPDATE transfer SET kind = 'gift' WHERE id = :payment")
    [(_, row)] = await books.findings()
    assert row.startswith(f"transfer {books.payment} is not what seal ")


async def test_seals_form_a_chain_and_cover_every_transfer_once(books: Books) -> None:
    runtime = books.runtime
    assert await seal(runtime.database) == 0, "nothing new, nothing to seal"
    for key in ("one", "two", "three"):
        wish = Transfer(ids.new_id(), books.asha, key, "send", (Leg(books.asha, -100), Leg(SystemAccount(FEES, "KES"), 100)))
        await runtime.poster.submit(wish)
        await seal_all(runtime)
    report = await audit.verify(runtime.database)
    assert report.findings == []
    assert report.sealed == report.transfers == 13
    await books.damage("DELETE FROM seal WHERE number = (SELECT max(number) - 1 FROM seal)")
    assert any(name.startswith("the seals follow") for name, _ in await books.findings())


async def test_a_posting_of_an_earlier_release_by_a_clock_that_was_ahead_is_no_finding(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    legs = (Leg(books.asha, -100), Leg(SystemAccount(FEES, "KES"), 100))
    with monkeypatch.context() as ahead:
        ahead.setattr(clock, "now", lambda now=clock.now: now() + timedelta(hours=1))
        await books.runtime.poster.submit(Transfer(ids.new_id(), books.asha, "ahead", "send", legs))
    await books.damage("UPDATE account SET posted_at = NULL WHERE id = :asha")
    await books.runtime.poster.submit(Transfer(ids.new_id(), books.asha, "behind", "send", legs))
    assert await books.findings() == []
    await books.damage("UPDATE account SET posted_at = posted_at + interval '1 us' WHERE id = :asha")
    assert len(await books.findings()) == 1
