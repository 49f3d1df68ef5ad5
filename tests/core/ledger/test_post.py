"""The ledger's one writer, against the real PostgreSQL."""

import asyncio
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from core import ids
from core.countries import CURRENCIES
from core.customers import profiles
from core.features import CHECKS
from core.ledger import audit
from core.ledger.chart import FEES, SystemAccount
from core.ledger.post import post
from core.ledger.transfer import Leg, Notice, PostingResult, Transfer
from core.money import Money
from core.runtime import Runtime

ASHA, BARAKA = "+254711000001", "+254722000002"


async def wallets(runtime: Runtime) -> tuple[UUID, UUID]:
    asha, baraka = await profiles.find(runtime, ASHA), await profiles.find(runtime, BARAKA)
    assert asha is not None
    assert baraka is not None
    return asha.wallet, baraka.wallet


def payment(payer: UUID, payee: UUID, minor: int, key: str, fee_minor: int = 700) -> Transfer:
    legs = (Leg(payer, -minor - fee_minor), Leg(payee, minor), Leg(SystemAccount(FEES, "KES"), fee_minor))
    return Transfer(ids.new_id(), payer, key, "send", legs)


async def posted(runtime: Runtime, *transfers: Transfer) -> list[PostingResult]:
    async with runtime.database.autocommit() as connection:
        return await post(connection, transfers, "KE")


async def test_many_transfers_in_one_call_are_judged_each_by_itself(runtime: Runtime) -> None:
    asha, baraka = await wallets(runtime)
    answers = await posted(
        runtime,
        payment(asha, baraka, 1_000_000, "a"),
        payment(asha, baraka, 1_000_000, "b"),
        payment(baraka, asha, 1_000_000, "c"),
        payment(asha, baraka, 1_000_000, "d"),
    )
    assert [answer.outcome for answer in answers] == ["posted", "not_enough", "posted", "posted"]
    assert answers[0].available_minor[:2] == (249_300, 1_320_000)
    assert answers[1].available_minor == ()


async def test_the_same_key_gets_the_first_answer_and_another_request_under_it_a_conflict(runtime: Runtime) -> None:
    asha, baraka = await wallets(runtime)
    [first] = await posted(runtime, payment(asha, baraka, 10_000, "key"))
    await posted(runtime, payment(asha, baraka, 10_000, "another"))
    again, other, other_initiator = await posted(
        runtime, payment(asha, baraka, 10_000, "key"), payment(asha, baraka, 20_000, "key"), payment(baraka, asha, 10_000, "key")
    )
    assert (again.outcome, again.transfer_id, again.available_minor[:2]) == (
        "repeated",
        first.transfer_id,
        first.available_minor[:2],
    )
    assert other.outcome == "key_conflict"
    assert other_initiator.outcome == "posted"


async def test_the_same_key_twice_in_one_call_and_racing_has_one_effect(runtime: Runtime) -> None:
    asha, baraka = await wallets(runtime)
    one, two = payment(asha, baraka, 10_000, "twice"), payment(asha, baraka, 10_000, "twice")
    assert [answer.outcome for answer in await posted(runtime, one, two)] == ["posted", "repeated"]
    racing = await asyncio.gather(*(posted(runtime, payment(asha, baraka, 5_000, "race")) for _ in range(12)))
    outcomes = [answer.outcome for [answer] in racing]
    assert sorted(outcomes) == ["posted"] + ["repeated"] * 11
    assert len({answer.transfer_id for [answer] in racing}) == 1


async def test_racing_payers_cannot_spend_more_than_there_is(runtime: Runtime) -> None:
    asha, baraka = await wallets(runtime)
    results = await asyncio.gather(*(posted(runtime, payment(asha, baraka, 300_000, f"r{number}")) for number in range(10)))
    assert [answer.outcome for [answer] in results].count("posted") == 4
    assert await verified(runtime) == []


async def test_a_transfer_that_does_not_add_up_or_mixes_currencies_is_never_posted_and_takes_no_neighbour_down(
    runtime: Runtime,
) -> None:
    asha, baraka = await wallets(runtime)
    good = payment(asha, baraka, 10_000, "good")
    lopsided = replace(good, id=ids.new_id(), key="lopsided", legs=(Leg(asha, -10_000), Leg(baraka, 9_999)))
    mixed = replace(good, id=ids.new_id(), key="mixed", legs=(Leg(asha, -10_000), Leg(SystemAccount(FEES, "UGX"), 10_000)))
    empty = replace(good, id=ids.new_id(), key="empty", legs=())
    nothing = replace(good, id=ids.new_id(), key="nothing", legs=(Leg(asha, 0), Leg(baraka, 0)))
    answers = await posted(runtime, lopsided, good, mixed, empty, nothing)
    assert [answer.outcome for answer in answers] == ["invalid", "posted", "invalid", "invalid", "invalid"]


async def test_a_closed_account_takes_no_money(runtime: Runtime) -> None:
    asha, baraka = await wallets(runtime)
    async with runtime.database.autocommit() as connection:
        await connection.execute(text("UPDATE account SET status = 'closed' WHERE id = :id"), {"id": baraka})
    [answer] = await posted(runtime, payment(asha, baraka, 10_000, "closed"))
    assert answer.outcome == "account_closed"


async def test_a_refused_transfer_tells_nobody_and_an_accepted_one_tells_the_balance(runtime: Runtime) -> None:
    asha, baraka = await wallets(runtime)
    told = (Notice(ASHA, "en", "Balance {balance}.", 0),)
    fine, dear = payment(asha, baraka, 10_050, "fine"), payment(asha, baraka, 9_000_000, "dear")
    await posted(runtime, replace(fine, notices=told), replace(dear, notices=told))
    async with runtime.database.autocommit() as connection:
        bodies = (await connection.scalars(text("SELECT body FROM outbox WHERE transfer_id IS NOT NULL"))).all()
    assert bodies == ["Balance KES 12,392.50."]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE posting SET amount = 1",
        "DELETE FROM posting",
        "DELETE FROM transfer",
        "UPDATE transfer SET kind = 'x'",
        "INSERT INTO transfer SELECT * FROM transfer",
        "UPDATE account SET balance = 1",
        "UPDATE account SET floor = NULL",
        "DELETE FROM account",
        "TRUNCATE posting",
    ],
)
async def test_the_application_itself_cannot_rewrite_history_or_balances(runtime: Runtime, statement: str) -> None:
    async with runtime.database.autocommit() as connection:
        with pytest.raises(DBAPIError, match="permission denied"):
            await connection.execute(text(statement))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE posting SET amount = 1",
        "DELETE FROM posting",
        "DELETE FROM transfer",
        "TRUNCATE posting, transfer",
        "DELETE FROM account",
    ],
)
async def test_not_even_the_owner_can_change_the_journal_by_mistake(runtime: Runtime, statement: str) -> None:
    async with runtime.database.autocommit() as connection:
        await connection.execute(text("RESET ROLE"))
        await connection.execute(text("SET ROLE postgres"))
        with pytest.raises(DBAPIError, match="append-only"):
            await connection.execute(text(statement))
        await connection.invalidate()


async def test_the_database_writes_money_as_the_code_does(runtime: Runtime) -> None:
    async with runtime.database.autocommit() as connection:
        for currency in CURRENCIES:
            for minor in (0, 1, 99, 100, 101, 1_250_000, 99_999_999_999, 123_456_789_012_345, -1, -507_00):
                said = await connection.scalar(
                    text("SELECT money_text(:minor, :currency)"), {"minor": minor, "currency": currency}
                )
                assert said == str(Money(minor, currency))


async def verified(runtime: Runtime) -> list[str]:
    return [invariant for invariant, _ in (await audit.verify(runtime.database, checks=CHECKS)).findings]
