"""The order of locks is watched in every test that uses a database: here, that the watching finds what crosses."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.customers import profiles
from core.runtime import Runtime
from core.savings import goals, rules
from core.tables.customers import customer
from core.tables.insurance import policy
from core.tables.messaging import outbox
from core.tables.savings import goal
from tests import lock_order
from tests.lock_order import ALL, CHANGE, KEY, NEW, SHARE, Crossed, Orders, Step, crossings, locks_of

HERS, HER_GOALS = customer.c.id == uuid4(), goal.c.customer_id == uuid4()
WRITE_CUSTOMER, WRITE_GOAL = update(customer).where(HERS).values(language="sw"), update(goal).where(HER_GOALS).values(name="x")


@pytest.fixture(autouse=True)
def orders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Orders:
    """What is contrived here is no service's."""
    contrived = Orders(tmp_path / "orders.jsonl")
    monkeypatch.setattr(lock_order, "_watching", [contrived])
    return contrived


async def work(connection: AsyncConnection, *statements: Any) -> None:
    for statement in statements:
        await connection.execute(statement)


async def test_two_services_that_take_the_same_rows_in_opposite_orders_are_named(runtime: Runtime, orders: Orders) -> None:
    async with runtime.database.transaction() as connection:
        await work(connection, WRITE_CUSTOMER, WRITE_GOAL)
    with pytest.raises(Crossed, match=r"'customer', 'no key update'.* after .'goal'"):
        async with runtime.database.transaction() as connection:
            await work(connection, WRITE_GOAL, WRITE_CUSTOMER)
    [(one, other)] = crossings(orders.steps())
    assert {one.held, other.held} == {("customer", CHANGE), ("goal", CHANGE)}


async def test_what_was_let_go_of_or_stands_alone_is_no_order(runtime: Runtime, orders: Orders) -> None:
    async with runtime.database.transaction() as connection:
        await work(connection, WRITE_CUSTOMER, WRITE_GOAL)
    async with runtime.database.autocommit() as connection:
        await work(connection, WRITE_GOAL, WRITE_CUSTOMER)
    async with runtime.database.transaction() as connection:
        part = await connection.begin_nested()
        await work(connection, WRITE_GOAL)
        await part.rollback()
        await work(connection, WRITE_CUSTOMER, WRITE_GOAL, WRITE_CUSTOMER)
    async with runtime.database.transaction() as connection:
        await work(connection, WRITE_GOAL)
    assert len(orders.steps()) == 1


async def test_a_service_is_named_by_the_function_that_opens_its_transaction(runtime: Runtime, orders: Orders) -> None:
    baraka = await profiles.find(runtime, "+254722000002")
    assert baraka is not None
    await rules.stop_rounding_up(runtime, baraka)
    assert orders.steps() == []
    [hers] = await goals.list_goals(runtime, baraka)
    await rules.round_up_into(runtime, baraka, hers.id)
    assert {step.by for step in orders.steps()} == {"core/savings/rules.py:round_up_into"}


def test_an_earlier_run_whose_process_had_the_same_number_is_not_compared(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTEST_XDIST_TESTRUNUID", "run")
    shared = lock_order.file_of_run(tmp_path)
    shared.write_text("a step of another process of the same run")
    assert lock_order.file_of_run(tmp_path).exists()
    monkeypatch.delenv("PYTEST_XDIST_TESTRUNUID")
    earlier = lock_order.file_of_run(tmp_path)
    earlier.write_text("a step of another run")
    assert not lock_order.file_of_run(tmp_path).exists()
    assert shared != earlier


@pytest.mark.parametrize(
    ("statement", "locks"),
    [
        (select(customer), []),
        (select(customer).with_for_update(), [("customer", ALL)]),
        (select(customer).with_for_update(key_share=True), [("customer", CHANGE)]),
        (select(customer).with_for_update(read=True), [("customer", SHARE)]),
        (select(customer).with_for_update(read=True, key_share=True), [("customer", KEY)]),
        (select(goal).join(customer).with_for_update(of=goal), [("goal", ALL)]),
        (select(goal.c.id).join(customer).with_for_update(), [("goal", ALL), ("customer", ALL)]),
        (WRITE_GOAL, [("goal", CHANGE)]),
        (delete(goal), [("goal", ALL)]),
        (insert(policy), [("policy", NEW), ("customer", KEY)]),
        (insert(outbox), []),
    ],
)
def test_a_statement_takes(statement: Any, locks: list[tuple[str, str]]) -> None:
    assert locks_of(statement) == locks


@pytest.mark.parametrize(
    ("one", "other", "is_crossing"),
    [
        (CHANGE, CHANGE, True),
        (KEY, ALL, True),
        (KEY, CHANGE, False),
        (SHARE, SHARE, False),
        (SHARE, CHANGE, True),
        (NEW, ALL, False),
    ],
)
def test_locks_that_do_not_wait_for_each_other_cross_nothing(one: str, other: str, is_crossing: bool) -> None:
    there = Step(("customer", one), ("goal", CHANGE))
    assert there.crosses(Step(("goal", CHANGE), ("customer", other))) is is_crossing
    assert not there.crosses(Step(("customer", other), ("goal", CHANGE)))
