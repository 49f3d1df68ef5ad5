"""Undoing a mistake: once, with a reason, by two people where it is much, and never out of money that is not there."""

import asyncio
from collections import Counter
from uuid import UUID, uuid4

import pytest

from core.countries import CURRENCIES
from core.errors import BadText, Refusal
from core.ledger.chart import EXCISE, FEES
from core.ledger.refusals import AccountClosed, AlreadyReversed, NeedsApproval, NotEnoughMoney
from core.ledger.reversals import ALONE_BELOW, reverse
from core.ledger.transfer import PostingResult
from core.runtime import Runtime
from core.staff import Staff
from tests.core.ledger.shop import Shop, payment

MUCH = ALONE_BELOW["KES"] * 100


@pytest.fixture
def shop(runtime: Runtime) -> Shop:
    return Shop(runtime)


async def undo(
    shop: Shop, transfer_id: UUID, *, approved_by: Staff | None = None, as_much_as_there: bool = False
) -> PostingResult:
    return await reverse(
        shop.runtime.database,
        transfer_id,
        country="KE",
        reason="sent to the wrong number",
        requested_by=Staff("Wambui"),
        approved_by=approved_by,
        as_much_as_there=as_much_as_there,
    )


async def sent(shop: Shop, asha: UUID, baraka: UUID, minor: int, fee: int = 0) -> UUID:
    wish = payment(asha, baraka, minor, fee=fee)
    assert await shop.outcome(wish) == "posted"
    return wish.id


async def test_all_of_it_goes_back_the_fee_and_its_excise_too(shop: Shop) -> None:
    asha, baraka = await shop.person(10_000), await shop.person()
    before = await shop.own(FEES), await shop.own(EXCISE)
    answer = await undo(shop, await sent(shop, asha, baraka, 6_000, fee=700))
    assert answer.outcome == "posted"
    assert (await shop.balance(asha), await shop.balance(baraka)) == (10_000, 0)
    assert (await shop.own(FEES), await shop.own(EXCISE)) == before
    assert await shop.findings() == []


async def test_what_the_receiver_has_spent_is_not_taken_from_her(shop: Shop) -> None:
    asha, baraka = await shop.person(10_000), await shop.person()
    mistake = await sent(shop, asha, baraka, 6_000)
    await sent(shop, baraka, await shop.person(), 4_000)
    with pytest.raises(NotEnoughMoney):
        await undo(shop, mistake)
    answer = await undo(shop, mistake, as_much_as_there=True)
    assert (answer.outcome, answer.detail) == ("posted", 2_000)
    assert (await shop.balance(asha), await shop.balance(baraka)) == (6_000, 0)
    assert await shop.findings() == []


async def test_as_much_as_is_there_is_never_more_than_was_sent_and_never_nothing(shop: Shop) -> None:
    asha, baraka = await shop.person(10_000), await shop.person(50_000)
    answer = await undo(shop, await sent(shop, asha, baraka, 6_000, fee=700), as_much_as_there=True)
    assert (answer.detail, await shop.balance(asha), await shop.balance(baraka)) == (6_000, 9_300, 50_000)
    poor = await shop.person()
    mistake = await sent(shop, asha, poor, 1_000)
    await sent(shop, poor, baraka, 1_000)
    with pytest.raises(NotEnoughMoney):
        await undo(shop, mistake, as_much_as_there=True)


async def test_a_transfer_undone_in_part_is_not_said_to_be_undone_whole(shop: Shop) -> None:
    # The account with the lower id is the receiver's, as in the order in which a whole reversal names its legs.
    asha, baraka = sorted([await shop.person(10_000), await shop.person(10_000)], reverse=True)
    mistake = await sent(shop, asha, baraka, 10_000)
    await sent(shop, baraka, await shop.person(), 15_000)
    answer = await undo(shop, mistake, as_much_as_there=True)
    assert answer.detail == 5_000
    await sent(shop, await shop.person(10_000), baraka, 10_000)
    with pytest.raises(AlreadyReversed):
        await undo(shop, mistake)
    assert await shop.balance(asha) == 5_000


async def test_however_many_undo_it_at_once_it_is_undone_once(shop: Shop) -> None:
    asha, baraka = await shop.person(10_000), await shop.person(50_000)
    mistake = await sent(shop, asha, baraka, 6_000)

    async def outcome(number: int) -> str:
        try:
            return (await undo(shop, mistake, as_much_as_there=number % 2 == 0)).outcome
        except Refusal as refusal:
            return refusal.code

    outcomes = Counter(await asyncio.gather(*map(outcome, range(8))))
    assert outcomes["posted"] == 1
    assert set(outcomes) <= {"posted", "repeated", "already_reversed"}
    assert (await shop.balance(asha), await shop.balance(baraka)) == (10_000, 50_000)
    assert await shop.one("SELECT count(*) FROM reversal") == "1"


async def test_who_asked_who_agreed_and_why_is_on_record(shop: Shop) -> None:
    asha, baraka = await shop.person(MUCH), await shop.person()
    answer = await undo(shop, await sent(shop, asha, baraka, MUCH), approved_by=Staff("Otieno"))
    record = "SELECT concat_ws(' | ', reason, requested_by, approved_by) FROM reversal WHERE transfer_id = :id"
    assert await shop.one(record, id=answer.transfer_id) == "sent to the wrong number | Wambui | Otieno"


async def test_who_undoes_a_little_alone_is_on_record_without_a_second_name(shop: Shop) -> None:
    asha, baraka = await shop.person(10_000), await shop.person()
    answer = await undo(shop, await sent(shop, asha, baraka, 6_000))
    record = "SELECT requested_by || coalesce(' and ' || approved_by, ' alone') FROM reversal WHERE transfer_id = :id"
    assert await shop.one(record, id=answer.transfer_id) == "Wambui alone"


@pytest.mark.parametrize("approved_by", [None, Staff.named("Wambui"), Staff.named(" Wambui ")])
async def test_nobody_undoes_much_by_herself(shop: Shop, approved_by: Staff | None) -> None:
    asha, baraka = await shop.person(MUCH), await shop.person()
    mistake = await sent(shop, asha, baraka, MUCH)
    with pytest.raises(NeedsApproval):
        await undo(shop, mistake, approved_by=approved_by)
    assert await shop.balance(baraka) == MUCH


async def test_a_little_needs_no_second_person(shop: Shop) -> None:
    asha, baraka = await shop.person(MUCH), await shop.person()
    assert (await undo(shop, await sent(shop, asha, baraka, MUCH - 1))).outcome == "posted"
    assert ALONE_BELOW.keys() == CURRENCIES.keys()


@pytest.mark.parametrize("reason", ["", "  "])
async def test_nothing_is_undone_without_a_reason(runtime: Runtime, reason: str) -> None:
    with pytest.raises(ValueError, match="a reason"):
        await reverse(runtime.database, uuid4(), country="KE", reason=reason, requested_by=Staff("Wambui"))


@pytest.mark.parametrize("name", ["", "  ", "12", "A" * 41, "A\x00"])
def test_nothing_is_undone_by_nobody(name: str) -> None:
    with pytest.raises(BadText):
        Staff.named(name)


async def test_what_never_happened_and_what_undid_something_cannot_be_undone(shop: Shop) -> None:
    asha, baraka = await shop.person(10_000), await shop.person()
    undone = await undo(shop, await sent(shop, asha, baraka, 6_000))
    for transfer_id in (uuid4(), undone.transfer_id):
        with pytest.raises(AlreadyReversed):
            await undo(shop, transfer_id)


async def test_money_does_not_come_back_into_a_closed_account(shop: Shop) -> None:
    asha, baraka = await shop.person(10_000), await shop.person()
    mistake = await sent(shop, asha, baraka, 6_000)
    await shop.close(asha)
    with pytest.raises(AccountClosed):
        await undo(shop, mistake)
    assert await shop.balance(baraka) == 6_000
