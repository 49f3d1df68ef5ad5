"""A rail that is switched off takes nothing new, and what is on its way ends."""

import asyncio
from dataclasses import replace

import pytest

from core import clock
from core.operations import switches
from core.operations.refusals import DepositOff, WithdrawOff
from core.payments import handover, requests, settlements
from core.payments.refusals import RailAway
from core.runtime import Runtime
from tests.core.operations.turning import turn_off, turn_off_at_the_pin, turn_on
from tests.core.payments.mpesa import START, breaks, set_up

PLAYED = switches.rail("played")


async def test_no_new_order_is_taken_and_no_money_held(runtime: Runtime) -> None:
    stage = await set_up(runtime)
    await turn_off(runtime, PLAYED)
    with pytest.raises(RailAway):
        await stage.deposit()
    with pytest.raises(RailAway):
        await stage.withdraw()
    assert (await stage.money(), stage.rail.asked) == ((START, START), [])


async def test_what_the_rail_was_asked_for_is_settled_by_its_report(runtime: Runtime) -> None:
    stage = await set_up(runtime)
    payment_id = await stage.asked_deposit(500)
    await turn_off(runtime, PLAYED)
    await stage.report(payment_id, paid=True)
    assert await stage.money() == (START + 50_000, START + 50_000)
    assert await stage.findings() == []


async def test_what_it_was_never_asked_for_comes_back_once(runtime: Runtime) -> None:
    stage = await set_up(runtime)
    await stage.withdraw(500)
    await turn_off(runtime, PLAYED)
    assert await stage.ask() == 1
    assert await stage.ask() == 0
    assert (await stage.money(), stage.rail.asked) == ((START, START), [])
    assert "It is back in your account" in (await stage.inbox())[-1]
    assert await stage.findings() == []


async def test_a_worker_killed_amid_giving_back_leaves_nothing_held_while_the_rail_is_off(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = await set_up(runtime)
    await stage.withdraw(500)
    await turn_off(runtime, PLAYED)

    async def die(*_: object, **__: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as killed:
        killed.setattr(settlements, "settle", die)
        killed.setattr(requests, "report", die)
        with pytest.raises(asyncio.CancelledError):
            await stage.ask()
    await stage.ask()
    assert (await stage.money(), stage.rail.asked) == ((START, START), [])
    assert await stage.findings() == []


async def test_a_withdrawal_whose_pin_was_slow_is_refused_where_its_switch_was_turned_meanwhile(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = await set_up(runtime)
    turn_off_at_the_pin(runtime, "withdraw", monkeypatch)
    with pytest.raises(WithdrawOff):
        await stage.withdraw(500)
    assert await stage.money() == (START, START)


async def test_a_withdrawal_whose_rail_was_disconnected_before_it_was_asked_comes_back_after_a_while(runtime: Runtime) -> None:
    stage = await set_up(runtime)
    await stage.withdraw(500)
    without = replace(stage.runtime, rails={})
    assert await handover.ask(without) == 0, "another worker may have the rail"
    with clock.at(clock.now() + requests.ANSWER_WITHIN["out"]):
        assert await handover.ask(without) == 1
        assert await handover.ask(without) == 0
    assert await stage.money() == (START, START)
    assert await stage.findings() == []


async def test_what_is_in_doubt_is_neither_given_back_nor_asked_again(runtime: Runtime) -> None:
    stage = await set_up(runtime)
    stage.rail.does = breaks
    payment_id = await stage.asked_withdrawal(500)
    await turn_off(runtime, PLAYED)
    await stage.change("UPDATE payment SET claimed_at = claimed_at - interval '1 hour'")
    assert (await stage.ask(), len(stage.rail.asked), await stage.status(payment_id)) == (0, 1, "new")
    stage.rail.does = None
    await turn_on(runtime, PLAYED)
    assert (await stage.ask(), len(stage.rail.asked)) == (1, 2)
    await stage.report(payment_id, paid=True)
    assert await stage.findings() == []


async def test_deposits_and_withdrawals_have_switches_of_their_own(runtime: Runtime) -> None:
    stage = await set_up(runtime)
    await turn_off(runtime, "deposit")
    with pytest.raises(DepositOff):
        await stage.deposit()
    await stage.withdraw(500, "before")
    await turn_off(runtime, "withdraw")
    with pytest.raises(WithdrawOff):
        await stage.withdraw(500, "after")
    assert await stage.ask() == 1, "what is held already is paid out"
