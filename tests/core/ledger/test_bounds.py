"""A capture takes no more than its hold promised, a reversal sends back no more than was moved: the ledger itself refuses both.

So a bug of whoever asks for one, and a stranger who can call the ledger and nothing else, get no money out of it.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert

from core import clock, ids
from core.ledger import holds
from core.ledger.chart import EXCISE, FEES, TRUST, SystemAccount
from core.ledger.transfer import Leg, Transfer
from core.runtime import Runtime
from core.tables.ledger import reversal
from tests.core.ledger.shop import Shop, payment

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
FEE, TAX = SystemAccount(FEES, "KES"), SystemAccount(EXCISE, "KES")


@pytest.fixture
def shop(runtime: Runtime) -> Shop:
    return Shop(runtime)


def back(initiator: UUID, original: UUID, *legs: Leg) -> Transfer:
    return Transfer(ids.new_id(), initiator, f"reverse:{original}:{uuid4()}", "reversal", legs, reverses=original)


async def goes_back(shop: Shop, wish: Transfer) -> None:
    """The reversal is posted, and put on record as the service does."""
    assert await shop.outcome(wish) == "posted"
    async with shop.runtime.database.autocommit() as connection:
        await connection.execute(insert(reversal).values(transfer_id=wish.id, reason="wrong", requested_by="Njeri"))


REVERSALS: dict[str, Callable[[UUID, UUID, UUID], tuple[Leg, ...]]] = {
    "more than was moved": lambda asha, baraka, _: (Leg(baraka, -6_001), Leg(asha, 6_001)),
    "more by the fee, which stays": lambda asha, baraka, _: (Leg(baraka, -6_700), Leg(asha, 6_700)),
    "more of the fee than there was": lambda asha, baraka, _: (Leg(baraka, -5_999), Leg(FEE, -610), Leg(asha, 6_609)),
    "the tax out of the fee": lambda asha, _, __: (Leg(FEE, -610), Leg(TAX, -90), Leg(asha, 700)),
    "to somebody else": lambda _, baraka, njeri: (Leg(baraka, -6_000), Leg(njeri, 6_000)),
    "out of somebody else": lambda asha, _, njeri: (Leg(njeri, -6_000), Leg(asha, 6_000)),
    "the other way": lambda asha, baraka, _: (Leg(asha, -100), Leg(baraka, 100)),
    "out of the bank": lambda asha, _, __: (Leg(SystemAccount(TRUST, "KES"), -100), Leg(asha, 100)),
}


@pytest.mark.parametrize("what", REVERSALS)
async def test_a_reversal_of_anything_but_what_was_moved_is_refused(shop: Shop, what: str) -> None:
    asha, baraka, njeri = await shop.person(20_000), await shop.person(20_000), await shop.person(20_000)
    original = payment(asha, baraka, 6_000, fee=700)
    assert [leg.amount_minor for leg in original.legs] == [-6_700, 6_000, 609, 91]
    assert await shop.outcome(original) == "posted"
    assert await shop.outcome(back(asha, original.id, *REVERSALS[what](asha, baraka, njeri))) == "invalid"
    await goes_back(shop, back(asha, original.id, Leg(baraka, -5_000), Leg(FEE, -609), Leg(asha, 5_609)))
    assert await shop.findings() == []


async def test_nothing_goes_back_of_a_transfer_that_never_was_nor_of_a_reversal(shop: Shop) -> None:
    asha, baraka = await shop.person(20_000), await shop.person(20_000)
    original = payment(asha, baraka, 6_000)
    wish = back(asha, original.id, Leg(baraka, -6_000), Leg(asha, 6_000))
    assert await shop.outcome(wish) == "invalid"
    assert await shop.outcome(original) == "posted"
    undone = back(asha, original.id, Leg(baraka, -6_000), Leg(asha, 6_000))
    await goes_back(shop, undone)
    assert await shop.outcome(back(asha, undone.id, Leg(asha, -6_000), Leg(baraka, 6_000))) == "invalid"


CAPTURES: dict[str, Callable[[UUID, UUID, UUID], tuple[Leg, ...]]] = {
    "ten times the fee": lambda asha, _, __: (Leg(asha, -6_700), Leg(FEE, 6_700)),
    "all to the state": lambda asha, baraka, _: (Leg(asha, -6_700), Leg(baraka, 6_000), Leg(TAX, 700)),
    "more than was held": lambda asha, baraka, _: (Leg(asha, -6_701), Leg(baraka, 6_000), Leg(FEE, 609), Leg(TAX, 92)),
    "to somebody else": lambda asha, _, njeri: (Leg(asha, -6_000), Leg(njeri, 6_000)),
    "to the bank": lambda asha, _, __: (Leg(asha, -100), Leg(SystemAccount(TRUST, "KES"), 100)),
}


@pytest.mark.parametrize("what", CAPTURES)
async def test_a_capture_of_anything_but_what_was_held_is_refused_and_the_hold_stays(shop: Shop, what: str) -> None:
    asha, baraka, njeri = await shop.person(20_000), await shop.person(), await shop.person()
    hold = await shop.held(payment(asha, baraka, 6_000, fee=700), clock.now() + timedelta(hours=1))
    wish = holds.capture(hold, "wrong", CAPTURES[what](asha, baraka, njeri))
    assert await shop.outcome(wish) == "invalid"
    assert await shop.outcome(holds.capture(hold, "right")) == "posted"
    assert await shop.findings() == []


async def test_an_account_s_times_do_not_go_back_where_a_clock_does(shop: Shop) -> None:
    """A statement is in the order of an account's versions: its times have to be in that order too, whoever's clock was late."""
    with clock.at(NOW):
        asha, baraka = await shop.person(10_000), await shop.person()
        await shop.outcome(payment(asha, baraka, 100))
    with clock.at(NOW - timedelta(seconds=3)):
        for _ in range(2):
            assert await shop.outcome_together(replace(payment(asha, baraka, 100), id=ids.new_id())) == "posted"
    with clock.at(NOW + timedelta(seconds=3)):
        await shop.outcome(payment(asha, baraka, 100))
    query = "SELECT array_agg(created_at ORDER BY version) = array_agg(created_at ORDER BY created_at, version) FROM posting"
    for account in (asha, baraka):
        assert await shop.one(f"{query} WHERE account_id = :id", id=account) == "True"
    newest = "SELECT max(created_at) = (SELECT posted_at FROM account WHERE id = :id) FROM posting WHERE account_id = :id"
    assert await shop.one(newest, id=asha) == "True"
    assert await shop.findings() == []
