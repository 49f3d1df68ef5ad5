"""What happens to one goal happens to no other one like it: not to hers, and not to somebody else's."""

from datetime import UTC, date, datetime

import pytest

from core import chores, clock
from core.runtime import Runtime
from core.savings import goals, opening, rules
from core.savings.goals import Goal
from core.settings import Settings
from tests import pins
from tests.core.savings.saver import BARAKA, Saver, findings, kes
from tests.core.savings.test_rules import START, WEEK, failing_at_the_commit, save_at, saving


@pytest.fixture
def asha(runtime: Runtime) -> Saver:
    return Saver(runtime)


@pytest.fixture
def baraka(runtime: Runtime) -> Saver:
    return Saver(runtime, BARAKA)


async def read(saver: Saver, goal: Goal) -> Goal:
    return await goals.get(saver.runtime, await saver.customer(), goal.id)


async def test_a_rule_is_set_changed_and_stopped_for_one_goal_alone(asha: Saver, baraka: Saver) -> None:
    with clock.at(START):
        cow, hen, other = await saving(asha, 100), await saving(asha, 200, name="Hen"), await saving(baraka, 300)
        before = [await read(asha, hen), await read(baraka, other)]
        await rules.set_rule(asha.runtime, await asha.customer(), cow.id, "monthly", kes(50), pin=pins.RIGHT)
        assert [await read(asha, hen), await read(baraka, other)] == before
        await rules.stop_rule(asha.runtime, await asha.customer(), cow.id)
        assert (await read(asha, cow)).rule is None
        assert [await read(asha, hen), await read(baraka, other)] == before


async def test_the_saving_of_one_goal_moves_on_its_own_day_alone(asha: Saver, baraka: Saver) -> None:
    with clock.at(START):
        await saving(asha, 100)
    with clock.at(START + WEEK / 7):
        later = [(asha, await saving(asha, 200, name="Hen")), (baraka, await saving(baraka, 300))]
    assert await save_at(asha, START + WEEK) == 1
    assert [(await read(saver, goal)).rule_next for saver, goal in later] == [date(2027, 2, 8)] * 2
    assert [await saver.balance(goal.id) for saver, goal in later] == [0, 0]
    assert await save_at(asha, START + WEEK + WEEK / 7) == 2
    assert [await saver.balance(goal.id) for saver, goal in later] == [200, 300]
    assert await findings(asha.runtime) == []


async def test_a_goal_that_closes_leaves_the_others_open_with_their_rules(asha: Saver, baraka: Saver) -> None:
    with clock.at(START):
        cow, hen, other = await saving(asha, 100), await saving(asha, 200, name="Hen"), await saving(baraka, 300)
        await rules.round_up_into(asha.runtime, await asha.customer(), hen.id)
        await opening.close_goal(asha.runtime, await asha.customer(), cow.id)
    assert not (await read(asha, cow)).is_open
    for saver, goal in ((asha, hen), (baraka, other)):
        left = await read(saver, goal)
        assert (left.is_open, left.rule) == (True, "weekly")
    assert (await asha.customer()).round_up_goal == hen.id


async def test_a_reminder_of_one_goal_is_none_of_another_of_the_same_day(asha: Saver, settings: Settings) -> None:
    with clock.at(START):
        await asha.goal("Cow", due=date(2027, 3, 10))
        hen = await asha.goal("Hen", due=date(2027, 3, 10))
    for day, word in ((3, "is the day of your goal"), (10, "The day of your goal")):
        with clock.at(datetime(2027, 3, day, 6, tzinfo=UTC)):
            with failing_at_the_commit(settings, hen.id):
                await rules.remind(asha.runtime)
            assert await rules.remind(asha.runtime) == 1
            texts = (await asha.read())[-2:]
        assert all(word in body for body in texts)
        assert [sum(f"goal {name}" in body for body in texts) for name in ("Cow", "Hen")] == [1, 1]


async def test_goals_that_are_reminded_of_already_leave_the_round_to_those_that_are_not(
    asha: Saver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chores, "_MOST_A_ROUND", 1)
    with clock.at(START):
        for name in ("Cow", "Hen", "Goat"):
            await asha.goal(name, due=date(2027, 3, 10))
    with clock.at(datetime(2027, 3, 10, 6, tzinfo=UTC)):
        assert [await rules.remind(asha.runtime) for _ in range(4)] == [1, 1, 1, 0]


async def test_sends_are_rounded_up_into_the_goal_of_one_customer_alone(asha: Saver, baraka: Saver) -> None:
    cow, other = await asha.goal(), await baraka.goal()
    await rules.round_up_into(asha.runtime, await asha.customer(), cow.id)
    await rules.round_up_into(baraka.runtime, await baraka.customer(), other.id)
    await rules.stop_rounding_up(asha.runtime, await asha.customer())
    assert ((await asha.customer()).round_up_goal, (await baraka.customer()).round_up_goal) == (None, other.id)
