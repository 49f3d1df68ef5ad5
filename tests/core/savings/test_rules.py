"""What goals do by themselves: each week's or month's saving and each reminder once, whoever works and whatever breaks."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from structlog.testing import capture_logs

from core import clock
from core.credentials.refusals import WrongPin
from core.errors import BadAmount
from core.runtime import Runtime
from core.savings import goals, rules
from core.savings.goals import Goal
from core.savings.rules import Rule, next_saving_day
from core.settings import Settings
from gateway import wiring
from tests import pins
from tests.core.operations.turning import turn_off, turn_on
from tests.core.savings.saver import BARAKA, Saver, findings, kes

# A Sunday, nine in the morning in Nairobi.
START = datetime(2027, 1, 31, 6, tzinfo=UTC)
WEEK = timedelta(days=7)


@pytest.fixture
def asha(runtime: Runtime) -> Saver:
    return Saver(runtime)


async def saving(saver: Saver, units: int, rule: Rule = "weekly", name: str = "Cow") -> Goal:
    """A goal that saves by itself from now on."""
    goal = await saver.goal(name)
    await rules.set_rule(saver.runtime, await saver.customer(), goal.id, rule, kes(units), pin=pins.RIGHT)
    return goal


async def save_at(saver: Saver, moment: datetime) -> int:
    with clock.at(moment):
        return await rules.save(saver.runtime)


@contextmanager
def failing_at_the_commit(settings: Settings, goal_id: UUID) -> Iterator[None]:
    """Until the block ends, whatever was done for the goal is lost in the moment in which it would have been kept."""
    with psycopg.connect(settings.database_url, autocommit=True) as owner:
        owner.execute(
            "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the power is gone'; END $$"
        )
        owner.execute(
            "CREATE CONSTRAINT TRIGGER lose AFTER INSERT ON chore DEFERRABLE INITIALLY DEFERRED"
            f" FOR EACH ROW WHEN (NEW.subject = '{goal_id}') EXECUTE FUNCTION lose()"
        )
        yield
        owner.execute("DROP FUNCTION lose() CASCADE")


async def test_switching_it_on_takes_the_pin_and_moves_nothing_yet(asha: Saver) -> None:
    with clock.at(START):
        goal, customer = await asha.goal(), await asha.customer()
        with pytest.raises(WrongPin):
            await rules.set_rule(asha.runtime, customer, goal.id, "weekly", kes(100), pin=pins.WRONG)
        with pytest.raises(BadAmount):
            await rules.set_rule(asha.runtime, customer, goal.id, "weekly", kes(0), pin=pins.RIGHT)
        assert (await goals.get(asha.runtime, customer, goal.id)).rule is None
        await rules.set_rule(asha.runtime, customer, goal.id, "weekly", kes(100), pin=pins.RIGHT)
        on = await goals.get(asha.runtime, customer, goal.id)
        assert (on.rule, on.rule_amount, on.rule_next) == ("weekly", kes(100), date(2027, 2, 7))
        assert await rules.save(asha.runtime) == 0
    assert await save_at(asha, START + timedelta(days=6)) == 0
    assert await asha.balance() == 12_500


async def test_each_week_is_saved_for_once_however_often_the_worker_looks(asha: Saver, runtime: Runtime) -> None:
    with clock.at(START):
        goal = await saving(asha, 100)
    assert [await save_at(asha, START + WEEK) for _ in range(3)] == [1, 0, 0]
    assert await save_at(asha, START + WEEK + timedelta(days=6)) == 0
    assert await save_at(asha, START + 2 * WEEK) == 1
    assert (await asha.balance(goal.id), await asha.balance()) == (200, 12_300)
    told = [body.partition(" confirmed. ")[2] for body in (await asha.read())[-2:]]
    assert told == [
        "KES 100 went to Cow by itself, as you asked. Balance KES 12,400.",
        "KES 100 went to Cow by itself, as you asked. Balance KES 12,300.",
    ]
    assert await findings(runtime) == []


async def test_two_workers_at_once_save_once_for_each_goal(asha: Saver, settings: Settings, runtime: Runtime) -> None:
    with clock.at(START):
        saving_goals = [await saving(asha, 100, name=f"Cow {number}") for number in range(6)]
    other = wiring.runtime(settings)
    try:
        with clock.at(START + WEEK):
            done = await asyncio.gather(*(rules.save(one) for one in (runtime, other, runtime, other)))
            done.append(await rules.save(other))
    finally:
        await other.close()
    assert sum(done) == 6
    assert [await asha.balance(goal.id) for goal in saving_goals] == [100] * 6
    assert await asha.balance() == 11_900
    assert await findings(runtime) == []


async def test_a_worker_that_dies_over_it_has_saved_nothing_and_the_next_one_saves_once(
    asha: Saver, settings: Settings, runtime: Runtime
) -> None:
    with clock.at(START):
        unlucky, lucky = await saving(asha, 100, name="Cow"), await saving(asha, 200, name="Hen")
    with failing_at_the_commit(settings, unlucky.id):
        for _ in range(2):
            with capture_logs() as told:
                await save_at(asha, START + WEEK)
            assert [line["row"] for line in told if line["event"] == "a row's work failed"] == [str(unlucky.id)]
        # One goal's trouble is not the other's.
        assert (await asha.balance(unlucky.id), await asha.balance(lucky.id), await asha.balance()) == (0, 200, 12_300)
    # It has failed twice, so it is passed over for a while.
    assert [await save_at(asha, START + WEEK + timedelta(minutes=minutes)) for minutes in (0, 1, 1)] == [0, 1, 0]
    assert (await asha.balance(unlucky.id), await asha.balance(lucky.id), await asha.balance()) == (100, 200, 12_200)
    assert len([body for body in await asha.read() if "went to Cow by itself" in body]) == 1
    assert await findings(runtime) == []


async def test_a_monthly_saving_keeps_its_day_through_months_that_do_not_have_it(asha: Saver) -> None:
    with clock.at(START):
        goal = await saving(asha, 100, "monthly")
    days = []
    for day in range(1, 160):
        moment = START + timedelta(days=day)
        days += [clock.day(moment, "KE")] * await save_at(asha, moment)
    assert days == [date(2027, 2, 28), date(2027, 3, 31), date(2027, 4, 30), date(2027, 5, 31), date(2027, 6, 30)]
    assert await asha.balance(goal.id) == 500


async def test_where_the_money_is_short_she_is_told_once_owes_nothing_and_the_next_week_saves_again(
    asha: Saver, runtime: Runtime
) -> None:
    with clock.at(START):
        goal = await saving(asha, 12_501)
    before = len(await asha.read())
    assert [await save_at(asha, START + WEEK) for _ in range(3)] == [1, 0, 0]
    assert (await asha.read())[before:] == [
        "KES 12,501 did not go to Cow today: your balance is too low. You owe nothing. The next time is 14/02/2027."
    ]
    await asha.paid_in(1)
    assert await save_at(asha, START + WEEK) == 0
    assert await asha.balance() == 12_501
    assert await save_at(asha, START + 2 * WEEK) == 1
    assert (await asha.balance(goal.id), await asha.balance()) == (12_501, 0)
    assert await findings(runtime) == []


async def test_after_weeks_without_a_worker_it_saves_once_and_keeps_its_day_of_the_week(asha: Saver) -> None:
    with clock.at(START):
        goal = await saving(asha, 100)
    assert [await save_at(asha, START + 5 * WEEK + timedelta(days=3)) for _ in range(2)] == [1, 0]
    assert await save_at(asha, START + 6 * WEEK - timedelta(days=1)) == 0
    assert await save_at(asha, START + 6 * WEEK) == 1
    assert await asha.balance(goal.id) == 200


@pytest.mark.parametrize("hour", [17, 20, 23, 0, 4])
async def test_nobody_is_woken_by_her_savings(asha: Saver, hour: int) -> None:
    with clock.at(START):
        await saving(asha, 100)
    day = START + WEEK + timedelta(days=1)
    assert await save_at(asha, day.replace(hour=hour)) == 0
    with clock.at(day.replace(hour=hour)):
        assert await rules.remind(asha.runtime) == 0
    assert await save_at(asha, day.replace(hour=5)) == 1


async def test_what_was_switched_off_saves_nothing(asha: Saver) -> None:
    with clock.at(START):
        goal = await saving(asha, 100)
    with clock.at(START + timedelta(days=2)):
        await rules.stop_rule(asha.runtime, await asha.customer(), goal.id)
    assert await save_at(asha, START + WEEK) == 0
    assert await asha.balance() == 12_500


async def test_a_new_amount_holds_from_the_next_saving_and_the_old_one_is_not_saved_beside_it(asha: Saver) -> None:
    with clock.at(START):
        goal = await saving(asha, 100)
    await save_at(asha, START + WEEK)
    with clock.at(START + WEEK):
        await rules.set_rule(asha.runtime, await asha.customer(), goal.id, "monthly", kes(300), pin=pins.RIGHT)
    assert await save_at(asha, START + 2 * WEEK) == 0
    assert await save_at(asha, datetime(2027, 3, 7, 6, tzinfo=UTC)) == 1
    assert await asha.balance(goal.id) == 400


async def test_a_closed_wallet_stops_no_other_and_is_not_tried_for_ever(
    asha: Saver, runtime: Runtime, settings: Settings
) -> None:
    baraka = Saver(runtime, BARAKA)
    with clock.at(START):
        hers, his = await saving(asha, 100), await saving(baraka, 100)
    with psycopg.connect(settings.database_url, autocommit=True) as owner:
        owner.execute("UPDATE account SET status = 'closed' WHERE id = %s", [(await asha.customer()).wallet])
    assert [await save_at(asha, START + WEEK) for _ in range(2)] == [2, 0]
    assert (await asha.balance(hers.id), await baraka.balance(his.id)) == (0, 100)


@pytest.mark.parametrize(
    ("last", "today", "day_of_month", "next_day"),
    [
        (date(2027, 1, 31), date(2027, 1, 31), None, date(2027, 2, 7)),
        (date(2027, 1, 31), date(2027, 2, 6), None, date(2027, 2, 7)),
        (date(2027, 1, 31), date(2027, 2, 7), None, date(2027, 2, 14)),
        (date(2027, 1, 31), date(2027, 1, 31), 31, date(2027, 2, 28)),
        (date(2028, 1, 31), date(2028, 1, 31), 31, date(2028, 2, 29)),
        (date(2027, 2, 28), date(2027, 2, 28), 31, date(2027, 3, 31)),
        (date(2027, 1, 31), date(2027, 2, 1), 31, date(2027, 2, 28)),
        (date(2027, 1, 31), date(2027, 6, 15), 31, date(2027, 6, 30)),
        (date(2027, 12, 15), date(2027, 12, 15), 15, date(2028, 1, 15)),
        (date(2027, 12, 15), date(2027, 12, 20), 15, date(2028, 1, 15)),
    ],
)
def test_the_next_saving_is_after_today_and_on_its_own_day(
    last: date, today: date, day_of_month: int | None, next_day: date
) -> None:
    assert next_saving_day(last, today, day_of_month) == next_day


async def remind_at(saver: Saver, day: date) -> list[str]:
    """Two workers remind at once, and once more: what she then reads."""
    before = len(await saver.read())
    with clock.at(datetime(day.year, day.month, day.day, 6, tzinfo=UTC)):
        await asyncio.gather(*(rules.remind(saver.runtime) for _ in range(2)))
        assert await rules.remind(saver.runtime) == 0
    return (await saver.read())[before:]


async def test_a_week_before_the_day_she_is_reminded_once_of_what_is_missing(asha: Saver) -> None:
    with clock.at(START):
        await asha.goal(due=date(2027, 3, 10), saved=400)
    assert await remind_at(asha, date(2027, 3, 2)) == []
    assert await remind_at(asha, date(2027, 3, 3)) == [
        "10/03/2027 is the day of your goal Cow. Saved so far: KES 400 of KES 1,000. To save more dial *384*96#."
    ]
    assert await remind_at(asha, date(2027, 3, 4)) == []
    assert await remind_at(asha, date(2027, 3, 10)) == [
        "The day of your goal Cow has come: KES 400 of KES 1,000. Take it out or go on saving: dial *384*96#, choose 5."
    ]
    assert await remind_at(asha, date(2027, 3, 11)) == []


async def test_who_has_reached_her_goal_is_only_told_that_its_day_has_come(asha: Saver) -> None:
    with clock.at(START):
        await asha.goal(due=date(2027, 3, 10), is_locked=True, saved=1_000)
    assert await remind_at(asha, date(2027, 3, 3)) == []
    assert await remind_at(asha, date(2027, 3, 10)) == [
        "Well done! You have reached your goal Cow: KES 1,000. You can take it out now: dial *384*96#, choose 5."
    ]


async def test_who_has_just_chosen_a_near_day_is_not_reminded_of_it_at_once(asha: Saver) -> None:
    with clock.at(START):
        await asha.goal(due=date(2027, 2, 5))
    assert await remind_at(asha, date(2027, 1, 31)) == []
    assert len(await remind_at(asha, date(2027, 2, 5))) == 1


async def test_a_day_that_passed_without_a_worker_is_told_of_later_and_not_after_a_week(asha: Saver) -> None:
    with clock.at(START):
        await asha.goal("Cow", due=date(2027, 3, 10))
        await asha.goal("Hen", due=date(2027, 3, 9))
    assert [body.partition(" has come")[0] for body in await remind_at(asha, date(2027, 3, 17))] == ["The day of your goal Cow"]


async def test_a_reminder_that_a_crash_cut_off_is_sent_once_afterwards(asha: Saver, settings: Settings) -> None:
    with clock.at(START):
        goal = await asha.goal(due=date(2027, 3, 10))
    before = len(await asha.read())
    with failing_at_the_commit(settings, goal.id), clock.at(datetime(2027, 3, 10, 6, tzinfo=UTC)), capture_logs() as told:
        await rules.remind(asha.runtime)
    assert [line["row"] for line in told] == [str(goal.id)]
    assert len(await asha.read()) == before
    assert len(await remind_at(asha, date(2027, 3, 10))) == 1


async def test_savings_that_go_off_amid_a_round_stop_at_the_next_goal_which_saves_later(
    asha: Saver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with clock.at(START):
        await saving(asha, 100, name="Cow")
        await saving(asha, 100, name="Hen")
    save, before = rules._save, await asha.balance()

    async def save_and_turn(runtime: Runtime, *given: Any) -> None:
        await save(runtime, *given)
        await turn_off(runtime, "savings")

    with monkeypatch.context() as patched:
        patched.setattr(rules, "_save", save_and_turn)
        assert await save_at(asha, START + WEEK) == 1
    assert await asha.balance() == before - 100
    await turn_on(asha.runtime, "savings")
    assert await save_at(asha, START + WEEK) == 1
    assert await asha.balance() == before - 200
