"""Money into savings goals and out of them: once, only by their owner, and never lost."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import clock
from core.credentials.refusals import WrongPin
from core.errors import BadAmount, BadDate, BadText, DayOutOfRange, KeyConflict, NotPermitted, Refusal
from core.ledger.refusals import AccountClosed, AccountNotEmpty, NotEnoughMoney, OverBalanceLimit
from core.money import Money
from core.runtime import Runtime
from core.savings import goals, opening, rules
from core.savings.refusals import GoalLocked, TooManyGoals
from core.sending import transfers
from core.settings import Settings
from gateway import wiring
from tests import pins
from tests.core.savings.saver import ASHA, BARAKA, Saver, findings, kes

NOON = datetime(2027, 1, 31, 9, tzinfo=UTC)
TODAY = date(2027, 1, 31)
# More tries with a PIN at the same time look like somebody guessing it.
AT_ONCE = 3


@pytest.fixture
def asha(runtime: Runtime) -> Saver:
    return Saver(runtime)


async def save(saver: Saver, goal_id: UUID, units: int, key: str = "key", pin: str = pins.RIGHT) -> goals.GoalReceipt:
    return await goals.save(saver.runtime, await saver.customer(), goal_id, kes(units), pin=pin, key=key)


async def withdraw(saver: Saver, goal_id: UUID, units: int, key: str = "key") -> goals.GoalReceipt:
    return await goals.withdraw(saver.runtime, await saver.customer(), goal_id, kes(units), pin=pins.RIGHT, key=key)


async def test_a_saving_that_is_asked_for_again_is_done_once_and_has_the_same_receipt(asha: Saver, runtime: Runtime) -> None:
    goal = await asha.goal()
    first = await save(asha, goal.id, 300)
    assert (first.amount, first.goal.balance, first.balance) == (kes(300), kes(300), kes(12_200))
    await save(asha, goal.id, 50, key="another")
    assert await save(asha, goal.id, 300) == first
    assert await asyncio.gather(*(save(asha, goal.id, 300) for _ in range(AT_ONCE))) == [first] * AT_ONCE
    assert (await asha.balance(goal.id), await asha.balance()) == (350, 12_150)
    assert [body for body in await asha.read() if "KES 300 saved to Cow. Balance KES 12,200." in body] != []
    assert await findings(runtime) == []


async def test_a_withdrawal_that_is_asked_for_again_is_done_once_and_has_the_same_receipt(asha: Saver, runtime: Runtime) -> None:
    goal = await asha.goal(saved=400)
    receipts = await asyncio.gather(*(withdraw(asha, goal.id, 300) for _ in range(AT_ONCE)))
    assert receipts == [receipts[0]] * AT_ONCE
    assert (receipts[0].goal.balance, receipts[0].balance) == (kes(100), kes(12_800))
    assert (await asha.balance(goal.id), await asha.balance()) == (100, 12_800)
    assert len([body for body in await asha.read() if "KES 300 taken out of Cow. Balance KES 12,800." in body]) == 1
    assert await findings(runtime) == []


async def test_another_saving_under_a_key_that_was_used_moves_nothing(asha: Saver) -> None:
    cow, hen = await asha.goal("Cow"), await asha.goal("Hen")
    await save(asha, cow.id, 300)
    for goal, units in ((cow, 301), (hen, 300)):
        with pytest.raises(KeyConflict):
            await save(asha, goal.id, units)
    assert (await asha.balance(cow.id), await asha.balance(hen.id)) == (300, 0)


async def test_no_more_comes_out_than_there_is_and_no_more_goes_in_than_she_has(asha: Saver) -> None:
    goal = await asha.goal(saved=100)
    with pytest.raises(NotEnoughMoney):
        await withdraw(asha, goal.id, 101)
    with pytest.raises(NotEnoughMoney):
        await save(asha, goal.id, 12_501)
    with pytest.raises(NotEnoughMoney):
        await goals.check_enough(asha.runtime, await asha.customer(), kes(12_501))
    with pytest.raises(NotEnoughMoney):
        await goals.check_withdrawal(asha.runtime, await asha.customer(), goal.id, kes(101))
    assert (await asha.balance(goal.id), await asha.balance()) == (100, 12_500)


async def test_withdrawals_at_once_take_no_more_than_there_is(asha: Saver, runtime: Runtime) -> None:
    goal = await asha.goal(saved=1_000)
    tries = await asyncio.gather(*(withdraw(asha, goal.id, 400, key=f"{n}") for n in range(AT_ONCE)), return_exceptions=True)
    assert sum(isinstance(one, NotEnoughMoney) for one in tries) == AT_ONCE - 2
    assert (await asha.balance(goal.id), await asha.balance()) == (200, 13_300)
    assert await findings(runtime) == []


async def test_a_wrong_pin_moves_nothing(asha: Saver) -> None:
    goal = await asha.goal()
    with pytest.raises(WrongPin):
        await save(asha, goal.id, 300, pin=pins.WRONG)
    assert await asha.balance(goal.id) == 0


async def test_nobody_touches_the_goal_of_somebody_else(asha: Saver, runtime: Runtime) -> None:
    thief, goal = Saver(runtime, BARAKA), await asha.goal(saved=500)
    customer = await thief.customer()
    for goal_id in (goal.id, uuid4()):
        tries = (
            goals.get(runtime, customer, goal_id),
            goals.check_withdrawal(runtime, customer, goal_id, kes(1)),
            save(thief, goal_id, 1),
            withdraw(thief, goal_id, 1),
            opening.close_goal(runtime, customer, goal_id),
            rules.set_rule(runtime, customer, goal_id, "weekly", kes(1), pin=pins.RIGHT),
            rules.stop_rule(runtime, customer, goal_id),
            rules.round_up_into(runtime, customer, goal_id),
        )
        assert [type(one) for one in await asyncio.gather(*tries, return_exceptions=True)] == [NotPermitted] * len(tries)
    assert (await asha.balance(goal.id), await thief.balance()) == (500, 3_200)
    assert [one.name for one in await goals.list_goals(runtime, customer)] == ["Karo"]


async def test_a_locked_goal_opens_on_its_day_and_not_before(asha: Saver) -> None:
    with clock.at(NOON):
        goal = await asha.goal(due=TODAY + timedelta(days=40), is_locked=True, saved=500)
        with pytest.raises(GoalLocked) as refusal:
            await withdraw(asha, goal.id, 500)
        assert refusal.value.params == {"date": "12/03/2027"}
    with clock.at(datetime(2027, 3, 11, 20, 59, tzinfo=UTC)), pytest.raises(GoalLocked):
        await withdraw(asha, goal.id, 500)  # a minute to midnight in Nairobi
    with clock.at(datetime(2027, 3, 11, 21, tzinfo=UTC)):
        await withdraw(asha, goal.id, 500)
    assert await asha.balance() == 13_000


async def test_a_goal_with_a_day_and_no_lock_gives_at_any_time(asha: Saver) -> None:
    goal = await asha.goal(due=clock.today("KE") + timedelta(days=40), saved=500)
    assert (await withdraw(asha, goal.id, 500)).goal.balance == kes(0)


async def test_a_withdrawal_fills_the_wallet_no_further_than_it_may_hold_and_leaves_the_days_limit_alone(asha: Saver) -> None:
    goal = await asha.goal(saved=487_501)
    with pytest.raises(OverBalanceLimit):
        await withdraw(asha, goal.id, 487_501)
    assert await asha.balance(goal.id) == 487_501
    assert (await withdraw(asha, goal.id, 487_500, key="another")).balance == kes(500_000)
    assert await asha.one("SELECT spent FROM account WHERE id = :id", id=(await asha.customer()).wallet) == 0


async def test_a_goal_is_opened_once_however_often_it_is_asked_for(asha: Saver, runtime: Runtime) -> None:
    opened = await asyncio.gather(*(asha.goal() for _ in range(6)))
    assert opened == [opened[0]] * 6
    assert [goal.id for goal in await goals.list_goals(runtime, await asha.customer())] == [opened[0].id]
    customer = await asha.customer()
    for name, target, due in (("Hen", 1_000, None), ("Cow", 999, None), ("Cow", 1_000, TODAY)):
        with pytest.raises(KeyConflict):
            await opening.open_goal(runtime, customer, name=name, target=kes(target), due=due, key="test:Cow")


async def test_ten_goals_fit_and_no_two_of_them_share_a_name(asha: Saver, runtime: Runtime) -> None:
    customer, name = await asha.customer(), "School fees for Juma"
    wishes = (opening.open_goal(runtime, customer, name=name.title(), target=kes(10), key=f"{n}") for n in range(12))
    opened = await asyncio.gather(*wishes, return_exceptions=True)
    assert sum(isinstance(one, TooManyGoals) for one in opened) == 2
    names = [goal.name for goal in await goals.list_goals(runtime, customer)]
    assert len({one.casefold() for one in names}) == len(names) == 10
    assert "School Fees For Ju 2" in names
    assert all(len(one) <= 20 for one in names)
    with pytest.raises(TooManyGoals):
        await opening.check_room(runtime, customer)
    closed = (await goals.list_goals(runtime, customer))[4]
    await opening.close_goal(runtime, customer, closed.id)
    assert (
        await opening.open_goal(runtime, customer, name=name, target=kes(10), key="12")
    ).name.casefold() == closed.name.casefold()


async def test_a_closed_goal_takes_no_money_and_does_nothing_by_itself_any_more(asha: Saver, runtime: Runtime) -> None:
    goal, customer = await asha.goal(), await asha.customer()
    await rules.set_rule(runtime, customer, goal.id, "weekly", kes(10), pin=pins.RIGHT)
    await rules.round_up_into(runtime, customer, goal.id)
    await opening.close_goal(runtime, customer, goal.id)
    await opening.close_goal(runtime, customer, goal.id)
    assert (await asha.customer()).round_up_goal is None
    closed = await goals.get(runtime, customer, goal.id)
    assert (closed.is_open, closed.rule, closed.rule_next) == (False, None, None)
    assert await goals.list_goals(runtime, customer) == []
    for attempt in (
        save(asha, goal.id, 10),
        rules.set_rule(runtime, customer, goal.id, "weekly", kes(10), pin=pins.RIGHT),
        rules.round_up_into(runtime, customer, goal.id),
    ):
        with pytest.raises(AccountClosed):
            await attempt
    with pytest.raises(KeyConflict):
        await asha.goal()  # the same request again, which would name the closed goal as hers to save to
    assert await asha.balance() == 12_500


async def test_what_was_saved_before_the_goal_was_closed_still_has_its_receipt(asha: Saver, runtime: Runtime) -> None:
    goal = await asha.goal()
    receipt = await save(asha, goal.id, 10, key="in")
    await withdraw(asha, goal.id, 10, key="out")
    await opening.close_goal(runtime, await asha.customer(), goal.id)
    assert (await save(asha, goal.id, 10, key="in")).reference == receipt.reference
    assert await asha.balance() == 12_500


async def test_a_goal_is_never_closed_over_money_that_arrives_meanwhile(asha: Saver, runtime: Runtime) -> None:
    customer = await asha.customer()
    for number in range(6):
        goal = await asha.goal(f"Cow {number}")
        closed, saved = await asyncio.gather(
            opening.close_goal(runtime, customer, goal.id),
            goals.save_confirmed(runtime, customer, goal.id, kes(10), f"{number}"),
            return_exceptions=True,
        )
        is_open = (await goals.get(runtime, customer, goal.id)).is_open
        if is_open:
            assert isinstance(closed, AccountNotEmpty)
            assert await asha.balance(goal.id) == 10
        else:
            assert isinstance(saved, AccountClosed)
            assert await asha.balance(goal.id) == 0
    assert await findings(runtime) == []


@pytest.mark.parametrize(
    "name", ["", "   ", "4826", "31/12", "A" * 21, "Cow {balance}", "Cow\u4e2d", "Cow|hen", "Cow\n\u0000", "?"]
)
def test_a_name_that_no_phone_can_show_or_that_may_be_a_pin_is_refused(name: str) -> None:
    with pytest.raises(BadText):
        opening.read_name(name)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("  School   fees ", "School fees"),
        ("Ng\u2019ombe", "Ng'ombe"),
        ("Nyu\u0308mba", "Nyümba"),
        ("Šule", "Sule"),
        ("A" * 20, "A" * 20),
    ],
)
def test_a_name_is_kept_as_a_phone_can_show_it(typed: str, name: str) -> None:
    assert opening.read_name(typed) == name


@pytest.mark.parametrize("due", [TODAY, TODAY - timedelta(days=1), date(2037, 2, 1), date(9999, 12, 31), date(1, 1, 1)])
def test_a_day_that_is_not_ahead_or_too_far_off_is_refused(due: date) -> None:
    with clock.at(NOON), pytest.raises(DayOutOfRange):
        opening.check_due(due, "KE")


@pytest.mark.parametrize(
    ("now", "due"),
    [(NOON, date(2027, 2, 1)), (NOON, date(2037, 1, 31)), (datetime(2028, 2, 29, 9, tzinfo=UTC), date(2038, 2, 28))],
)
def test_a_day_within_ten_years_is_taken(now: datetime, due: date) -> None:
    with clock.at(now):
        assert opening.check_due(due, "KE") is None


async def test_what_a_goal_cannot_be_is_refused_and_nothing_is_opened(asha: Saver, runtime: Runtime) -> None:
    customer = await asha.customer()
    wrong: list[tuple[type[Refusal], Money, date | None, bool]] = [
        (BadAmount, kes(0), None, False),
        (BadAmount, Money(1_050, "KES"), None, False),
        (BadAmount, Money(1_000, "UGX"), None, False),
        (BadAmount, kes(1_000_000_000), None, False),
        (BadDate, kes(10), None, True),
        (DayOutOfRange, kes(10), date(2020, 1, 1), False),
    ]
    for refusal, target, due, is_locked in wrong:
        with pytest.raises(refusal):
            await opening.open_goal(runtime, customer, name="Cow", target=target, due=due, is_locked=is_locked, key="key")
    assert await goals.list_goals(runtime, customer) == []


@pytest.mark.parametrize("minor", [0, -100, 150, 100_000_000_000])
async def test_an_amount_that_no_phone_could_take_out_again_is_not_saved(asha: Saver, minor: int) -> None:
    goal, customer = await asha.goal(), await asha.customer()
    for attempt in (
        goals.save(asha.runtime, customer, goal.id, Money(minor, "KES"), pin=pins.RIGHT, key="key"),
        goals.withdraw(asha.runtime, customer, goal.id, Money(minor, "KES"), pin=pins.RIGHT, key="key"),
    ):
        with pytest.raises(BadAmount):
            await attempt
    assert await asha.balance() == 12_500


@hypothesis.settings(
    max_examples=12, deadline=None, derandomize=True, database=None, suppress_health_check=list(hypothesis.HealthCheck)
)
@given(moves=st.lists(st.tuples(st.integers(-4_000, 4_000).filter(bool), st.integers(0, 3)), min_size=1, max_size=12))
def test_whatever_is_saved_and_taken_out_the_goal_holds_the_sum_and_nothing_is_lost(
    settings: Settings, moves: list[tuple[int, int]]
) -> None:
    async def play() -> None:
        runtime = wiring.runtime(settings)
        try:
            await check_moves(Saver(runtime, ASHA), moves)
        finally:
            await runtime.close()

    asyncio.run(play())


async def check_moves(saver: Saver, moves: list[tuple[int, int]]) -> None:
    """Plays saves (above 0) and withdrawals (below), each under one of four keys, against a sum on paper."""
    customer, run = await saver.customer(), uuid4().hex
    goal = await opening.open_goal(saver.runtime, customer, name=f"Goal {run[:8]}", target=kes(100), key=run)
    wallet, saved = await saver.balance(), 0
    done: dict[tuple[bool, int], int] = {}
    for units, number in moves:
        known, key = done.get((units > 0, number)), f"{run}:{number}"
        try:
            if units > 0:
                await goals.save_confirmed(saver.runtime, customer, goal.id, kes(units), key)
            else:
                await goals.withdraw(saver.runtime, customer, goal.id, kes(-units), pin=pins.RIGHT, key=key)
        except KeyConflict:
            assert known not in (None, units)
        except NotEnoughMoney:
            assert known is None
            assert wallet < units if units > 0 else saved < -units
        else:
            assert known in (None, units)
            if known is None:
                done[units > 0, number], wallet, saved = units, wallet - units, saved + units
        assert (await saver.balance(), await saver.balance(goal.id)) == (wallet, saved)
    if saved:
        await goals.withdraw(saver.runtime, customer, goal.id, kes(saved), pin=pins.RIGHT, key=f"{run}:last")
    await opening.close_goal(saver.runtime, customer, goal.id)
    assert await findings(saver.runtime) == []


async def test_saved_money_is_not_spent_by_a_send(asha: Saver, runtime: Runtime) -> None:
    goal = await asha.goal()
    await save(asha, goal.id, 12_000)
    with pytest.raises(NotEnoughMoney):
        await transfers.send(
            runtime, sender=await asha.customer(), recipient_phone=BARAKA, amount=kes(600), pin=pins.RIGHT, key="send"
        )
    assert await asha.balance(goal.id) == 12_000
