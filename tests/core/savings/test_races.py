"""A goal that is closed while its owner changes it."""

import pytest

from core.ledger.refusals import AccountClosed
from core.runtime import Runtime
from core.savings import goals, opening, rules
from tests import pins
from tests.core.savings.saver import Saver, kes
from tests.races import race


@pytest.mark.race("core/savings/goals.py:lock")
async def test_a_rule_that_comes_while_its_goal_closes_is_refused_and_saves_nothing_by_itself(runtime: Runtime) -> None:
    asha = Saver(runtime)
    goal, customer = await asha.goal(), await asha.customer()
    closed, ruled = await race(
        runtime,
        "SELECT FROM goal WHERE id = %(id)s FOR UPDATE",
        opening.close_goal(runtime, customer, goal.id),
        rules.set_rule(runtime, customer, goal.id, "weekly", kes(10), pin=pins.RIGHT),
        id=goal.id,
    )
    assert closed is None
    assert isinstance(ruled, AccountClosed)
    after = await goals.get(runtime, customer, goal.id)
    assert (after.is_open, after.rule) == (False, None)
