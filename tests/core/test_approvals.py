"""What needs a customer's yes: neither side alone moves money, and together they move it once."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from core import clock
from core.agents import approval as agent_approval
from core.agents import directory
from core.approvals import consent
from core.approvals.refusals import ApprovalClosed
from core.credentials.refusals import MoneyOutWaits, WrongPin
from core.customers import profiles
from core.customers.refusals import OwnNumber, UnknownRecipient
from core.errors import KeyConflict, Refusal
from core.features import CARRIERS
from core.ledger.refusals import AmountTooSmall, NotEnoughMoney
from core.runtime import Runtime
from core.sending import approval as send_approval
from tests import pins
from tests.core.counter import ASHA, BARAKA, NJERI, change, check_books, held, kes, one, person, received, shop

DAY = timedelta(hours=24)


async def ask(runtime: Runtime, shillings: int = 2_000, *, phone: str = ASHA, key: str = "k", pin: str = pins.RIGHT) -> UUID:
    """The agent asks; what then waits for the customer."""
    agent = await shop(runtime)
    await agent_approval.ask(runtime, agent=agent, customer_phone=phone, amount=kes(shillings), pin=pin, key=key)
    [waiting] = await consent.list_waiting(runtime, await person(runtime, phone), CARRIERS)
    return waiting.id


async def approve(runtime: Runtime, approval_id: UUID, *, phone: str = ASHA, pin: str = pins.RIGHT) -> consent.ApprovalReceipt:
    return await consent.approve(runtime, await person(runtime, phone), approval_id, pin, CARRIERS)


async def outcomes(*asked: Awaitable[object]) -> list[str]:
    """What became of each, all begun together."""
    results = await asyncio.gather(*asked, return_exceptions=True)
    return sorted(type(result).__name__ for result in results)


async def status(runtime: Runtime) -> str:
    return await one(runtime, "SELECT string_agg(status, ' ' ORDER BY created_at) FROM approval")


async def test_nothing_moves_when_only_the_agent_wants_it(runtime: Runtime) -> None:
    await ask(runtime)
    assert await held(runtime, ASHA) == 1_250_000
    assert await held(runtime, NJERI, "float") == 10_000_000
    words = "Mama Njeri Shop, agent 200100, asks to pay you KES 2,000, fee KES 29, from your account. Dial *384*96#."
    assert await received(runtime, ASHA, words) == 1


async def test_nothing_moves_when_only_the_customer_wants_it(runtime: Runtime) -> None:
    with pytest.raises(ApprovalClosed):
        await approve(runtime, uuid4())
    assert await held(runtime, ASHA) == 1_250_000


async def test_her_yes_moves_the_money_and_tells_both(runtime: Runtime) -> None:
    receipt = await approve(runtime, await ask(runtime))
    assert (receipt.fee, receipt.balance) == (kes(29), kes(10_471))
    assert await held(runtime, NJERI, "float") == 10_000_000 + 200_000
    assert await held(runtime, NJERI, "commission") == 1_200
    assert await received(runtime, NJERI, f"{receipt.reference} confirmed. Pay KES 2,000 in cash to Asha") == 1
    assert await received(runtime, ASHA, f"{receipt.reference} confirmed.") == 1
    assert (await person(runtime, ASHA)).has_approvals is False
    await check_books(runtime)


async def test_two_yeses_at_the_same_moment_move_the_money_once(runtime: Runtime) -> None:
    approval_id = await ask(runtime)
    told = await outcomes(*(approve(runtime, approval_id) for _ in range(3)))
    assert told == ["ApprovalReceipt"] * 3
    assert await held(runtime, ASHA) == 1_250_000 - 202_900
    assert (await approve(runtime, approval_id)).balance == kes(10_471)
    assert await received(runtime, ASHA, "in cash at Mama Njeri Shop") == 1
    await check_books(runtime)


async def test_a_yes_and_a_no_at_the_same_moment_end_in_one_of_them(runtime: Runtime) -> None:
    approval_id, asha = await ask(runtime), await person(runtime, ASHA)
    told = await outcomes(approve(runtime, approval_id), consent.refuse(runtime, asha, approval_id, CARRIERS))
    moved = await held(runtime, ASHA) != 1_250_000
    assert told == (["ApprovalClosed", "ApprovalReceipt"] if moved else ["ApprovalClosed", "UUID"])
    assert await status(runtime) == ("approved" if moved else "refused")


async def test_a_yes_and_the_end_of_its_day_at_the_same_moment_end_in_one_of_them(runtime: Runtime) -> None:
    approval_id = await ask(runtime)
    # As a machine whose clock is a day ahead would see it.
    await change(runtime, "UPDATE approval SET expires_at = :soon", soon=clock.now() + timedelta(seconds=30))

    async def expire() -> int:
        with clock.at(clock.now() + timedelta(minutes=1)):
            return await consent.expire(runtime, CARRIERS)

    told = await outcomes(approve(runtime, approval_id), expire(), expire())
    moved = await held(runtime, ASHA) != 1_250_000
    assert told == (["ApprovalReceipt", "int", "int"] if moved else ["ApprovalClosed", "int", "int"])
    assert await status(runtime) == ("approved" if moved else "expired")
    assert await received(runtime, NJERI, "Do not pay out") == (0 if moved else 1)
    await check_books(runtime)


async def test_her_no_moves_nothing_and_the_agent_is_told_not_to_pay(runtime: Runtime) -> None:
    approval_id = await ask(runtime)
    await consent.refuse(runtime, await person(runtime, ASHA), approval_id, CARRIERS)
    assert await received(runtime, NJERI, "Asha Wanjiku 0711000001 said no. Do not pay out KES 2,000.") == 1
    with pytest.raises(ApprovalClosed):
        await approve(runtime, approval_id)
    assert await held(runtime, ASHA) == 1_250_000


async def test_a_no_that_comes_again_is_a_no_again_and_the_agent_is_told_once(runtime: Runtime) -> None:
    approval_id, asha = await ask(runtime), await person(runtime, ASHA)
    told = await outcomes(*(consent.refuse(runtime, asha, approval_id, CARRIERS) for _ in range(3)))
    assert told == ["UUID"] * 3
    assert await received(runtime, NJERI, "said no. Do not pay out KES 2,000.") == 1
    with pytest.raises(ApprovalClosed):
        await consent.refuse(runtime, await person(runtime, BARAKA), approval_id, CARRIERS)


async def test_somebody_elses_yes_or_no_counts_for_nothing(runtime: Runtime) -> None:
    approval_id = await ask(runtime)
    with pytest.raises(ApprovalClosed):
        await approve(runtime, approval_id, phone=BARAKA)
    with pytest.raises(ApprovalClosed):
        await consent.refuse(runtime, await person(runtime, NJERI), approval_id, CARRIERS)
    assert await status(runtime) == "waiting"


async def test_what_nobody_answers_in_a_day_ends_once_and_the_agent_is_told(runtime: Runtime) -> None:
    approval_id = await ask(runtime)
    assert await consent.expire(runtime, CARRIERS) == 0
    with clock.at(clock.now() + DAY):
        assert await consent.list_waiting(runtime, await person(runtime, ASHA), CARRIERS) == []
        assert (await person(runtime, ASHA)).has_approvals is False
        with pytest.raises(ApprovalClosed):
            await approve(runtime, approval_id)
        done = await asyncio.gather(*(consent.expire(runtime, CARRIERS) for _ in range(3)))
        assert sum(done) == 1
        assert await consent.expire(runtime, CARRIERS) == 0
    assert await status(runtime) == "expired"
    assert await received(runtime, NJERI, "Asha Wanjiku 0711000001 did not answer within a day.") == 1


async def test_a_worker_that_dies_before_it_has_told_the_agent_has_ended_nothing(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(*_: object) -> None:
        raise ConnectionError

    await ask(runtime)
    with clock.at(clock.now() + DAY):
        with monkeypatch.context() as fault:
            fault.setattr("core.agents.approval.notices.tell", die)
            assert await consent.expire(runtime, CARRIERS) == 0
        assert await status(runtime) == "waiting"
        assert await consent.expire(runtime, CARRIERS) == 1
    assert await received(runtime, NJERI, "did not answer") == 1


async def test_the_same_request_again_asks_her_once(runtime: Runtime) -> None:
    await asyncio.gather(*(ask(runtime) for _ in range(3)))
    assert await ask(runtime) is not None
    assert await received(runtime, ASHA, "asks to pay you") == 1
    with pytest.raises(KeyConflict):
        await ask(runtime, 3_000)


async def test_an_agent_has_one_request_open_to_a_customer_at_a_time(runtime: Runtime) -> None:
    agent = await shop(runtime)
    asked = (
        agent_approval.ask(runtime, agent=agent, customer_phone=ASHA, amount=kes(100), pin=pins.RIGHT, key=f"{number}")
        for number in range(3)
    )
    assert await outcomes(*asked) == ["Customer"] + ["RequestWaits"] * 2
    await ask(runtime, phone=BARAKA, key="baraka")
    [waiting] = await consent.list_waiting(runtime, await person(runtime, ASHA), CARRIERS)
    await consent.refuse(runtime, await person(runtime, ASHA), waiting.id, CARRIERS)
    assert await ask(runtime, key="again") is not None


async def test_two_agents_who_happen_to_use_the_same_key_ask_apart(runtime: Runtime) -> None:
    other = await directory.add(runtime, BARAKA, "Duka la Baraka", "Kisumu")
    await ask(runtime, 100)
    await agent_approval.ask(runtime, agent=other, customer_phone=ASHA, amount=kes(200), pin=pins.RIGHT, key="k")
    waiting = await consent.list_waiting(runtime, await person(runtime, ASHA), CARRIERS)
    assert [(one.other, one.amount) for one in waiting] == [("Mama Njeri Shop", kes(100)), ("Duka la Baraka", kes(200))]


async def test_an_agents_key_asks_one_customer_and_no_other_one(runtime: Runtime) -> None:
    with pytest.raises(WrongPin):
        await ask(runtime, phone=BARAKA, pin=pins.WRONG)
    asked = await ask(runtime)
    with pytest.raises(KeyConflict):
        await ask(runtime, phone=BARAKA)
    await approve(runtime, asked)
    with pytest.raises(KeyConflict):
        await ask(runtime, phone=BARAKA)
    assert await received(runtime, BARAKA, "asks to pay you") == 0
    assert await ask(runtime, phone=BARAKA, key="another") is not None


@pytest.mark.parametrize(
    ("shillings", "phone", "pin", "refusal"),
    [
        (2_000, ASHA, pins.WRONG, WrongPin),
        (2_000, NJERI, pins.RIGHT, OwnNumber),
        (2_000, "+254799999999", pins.RIGHT, UnknownRecipient),
        (49, ASHA, pins.RIGHT, AmountTooSmall),
    ],
)
async def test_a_request_that_is_refused_asks_nobody(
    runtime: Runtime, shillings: int, phone: str, pin: str, refusal: type[Refusal]
) -> None:
    with pytest.raises(refusal):
        await ask(runtime, shillings, phone=phone, pin=pin)
    assert await one(runtime, "SELECT count(*) FROM approval") == "0"


async def test_an_agent_learns_nothing_of_her_balance_by_asking(runtime: Runtime) -> None:
    assert await ask(runtime, 250_000) is not None


async def test_a_yes_that_cannot_be_done_leaves_the_question_open(runtime: Runtime) -> None:
    approval_id = await ask(runtime, 12_400)
    with pytest.raises(NotEnoughMoney):
        await approve(runtime, approval_id)
    with pytest.raises(WrongPin):
        await approve(runtime, approval_id, pin=pins.WRONG)
    await change(runtime, "UPDATE pin SET money_out_from = :later", later=clock.now() + timedelta(hours=1))
    with pytest.raises(MoneyOutWaits):
        await approve(runtime, approval_id)
    assert await status(runtime) == "waiting"
    assert await held(runtime, ASHA) == 1_250_000


async def test_a_shop_that_has_closed_gets_nothing_and_breaks_nothing(runtime: Runtime) -> None:
    approval_id = await ask(runtime)
    await change(runtime, "UPDATE customer SET status = 'closed' WHERE phone = :phone", phone=NJERI)
    asha = await person(runtime, ASHA)
    assert [waiting.id for waiting in await consent.list_waiting(runtime, asha, CARRIERS)] == [approval_id]
    with pytest.raises(Refusal):
        await consent.approve(runtime, asha, approval_id, pins.RIGHT, CARRIERS)
    await consent.refuse(runtime, asha, approval_id, CARRIERS)
    assert await held(runtime, ASHA) == 1_250_000


async def test_a_large_transfer_asked_for_by_sms_moves_after_her_yes_and_once(runtime: Runtime) -> None:
    asha = await person(runtime, ASHA)
    first = await send_approval.ask(runtime, asha, BARAKA, kes(9_000), "sms")
    assert await send_approval.ask(runtime, asha, BARAKA, kes(9_000), "sms") == first
    [waiting] = await consent.list_waiting(runtime, asha, CARRIERS)
    assert (waiting.kind, waiting.other, waiting.number, waiting.fee) == ("send", "Baraka Otieno", "0722000002", kes(90))
    assert await held(runtime, ASHA) == 1_250_000
    told = await outcomes(*(approve(runtime, first) for _ in range(3)))
    assert told == ["ApprovalReceipt"] * 3
    assert await held(runtime, BARAKA) == 320_000 + 900_000
    assert await held(runtime, ASHA) == 1_250_000 - 909_000
    await check_books(runtime)


async def test_a_few_large_transfers_may_wait_and_no_more(runtime: Runtime) -> None:
    asha = await person(runtime, ASHA)
    asked = (send_approval.ask(runtime, asha, BARAKA, kes(5_000), f"sms {number}") for number in range(8))
    told = await outcomes(*asked)
    assert told == ["RequestWaits"] * 3 + ["UUID"] * send_approval.MOST_WAITING
    with clock.at(clock.now() + DAY):
        assert await consent.expire(runtime, CARRIERS) == send_approval.MOST_WAITING
    words = "You did not approve sending KES 5,000 to 0722000002 within a day."
    assert await received(runtime, ASHA, words) == send_approval.MOST_WAITING


async def test_asking_takes_no_longer_room_than_its_day(runtime: Runtime) -> None:
    await ask(runtime)
    with clock.at(clock.now() + DAY):
        assert await ask(runtime, key="tomorrow") is not None
    assert (await profiles.find(runtime, ASHA)) is not None
