"""Switches: what staff turn off is off in every process within seconds, and no failure of the database turns anything off."""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic

import pytest
from sqlalchemy import func, select

from core import features
from core.agents import cash
from core.approvals import consent
from core.customers import profiles, wallet
from core.customers.profiles import Customer
from core.db import Database
from core.faults.outage import Outage
from core.features import Duty
from core.insurance import covers
from core.money import Money
from core.operations import board, switches
from core.operations.refusals import InsuranceOff, SendOff, WithdrawOff
from core.operations.switches import Switches
from core.runtime import Runtime
from core.savings import opening, rules
from core.sending import approval, transfers
from core.settings import Settings
from core.staff import Staff
from core.tables.operations import switch_change
from tests.core.operations.turning import refresh, turn_off, turn_off_at_the_pin, turn_on
from tests.crash.proxy import line
from tests.pins import RIGHT

NEEMA, JUMA = Staff("Neema"), Staff("Juma")


@pytest.fixture
async def other(settings: Settings) -> AsyncIterator[Switches]:
    """The switches of another process."""
    made = Switches(settings.database_url, Outage("PostgreSQL"))
    yield made
    await made.close()


async def test_a_process_that_has_not_looked_for_a_while_looks_before_it_acts(runtime: Runtime, other: Switches) -> None:
    await other.look()
    assert not other.is_off("send")
    await board.turn(runtime.database, "send", is_off=True, by=NEEMA, why="fraud")
    refresh(other)
    await other.look()
    assert other.is_off("send")


def test_a_change_is_obeyed_within_five_seconds() -> None:
    assert switches._OLD_SECONDS < 5
    assert switches._REST_SECONDS < switches._OLD_SECONDS
    # A dead connection is noticed while somebody waits, and there is time for another one.
    assert switches._KEPT_SECONDS <= switches._WAIT_SECONDS * switches._MOST_WAITS / 2


async def test_without_the_database_what_was_seen_last_stands(
    runtime: Runtime, other: Switches, monkeypatch: pytest.MonkeyPatch
) -> None:
    await board.turn(runtime.database, "send", is_off=True, by=NEEMA, why="fraud")
    await other.look()

    async def fail(_: Database) -> board.Board:
        raise ConnectionRefusedError

    monkeypatch.setattr(other, "_read", fail)
    refresh(other)
    await other.look()
    assert other.is_off("send")
    assert not other.is_off("savings")


async def test_a_database_that_hangs_keeps_nobody_waiting_and_nothing_is_off(
    other: Switches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switches, "_WAIT_SECONDS", 0.01)
    hangs = asyncio.Event()

    async def hang(_: Database) -> board.Board:
        await hangs.wait()
        raise AssertionError

    monkeypatch.setattr(other, "_read", hang)
    await other.look()
    assert not other.is_off("send")


async def test_a_connection_that_has_died_without_a_sign_hides_no_change(runtime: Runtime, settings: Settings) -> None:
    async with line(settings.database_url) as (proxy, by_way):
        behind = Switches(by_way, Outage("PostgreSQL"))
        await behind.look()
        proxy.is_silent, proxy.answers_to_lose = True, 1
        await board.turn(runtime.database, "send", is_off=True, by=NEEMA, why="fraud")
        refresh(behind)
        await behind.look()
        await behind.close()
        assert (proxy.lost, behind.is_off("send")) == (1, True)


async def test_a_server_without_room_for_one_more_connection_hides_no_change(runtime: Runtime, settings: Settings) -> None:
    """Somebody who has connections moves money, so he knows what is off."""
    nowhere = settings.database_url.replace("host=", "host=/nowhere")
    full = Switches(nowhere, Outage("PostgreSQL"), customers=runtime.database)
    await board.turn(runtime.database, "send", is_off=True, by=NEEMA, why="fraud")
    await full.look()
    await full.close()
    assert full.is_off("send")


async def test_a_process_that_was_frozen_amid_a_look_looks_again_before_it_acts(
    runtime: Runtime, other: Switches, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, slept_seconds = other._read, 0.0
    monkeypatch.setattr(switches, "monotonic", lambda: monotonic() + slept_seconds)

    async def freeze(database: Database) -> board.Board:
        nonlocal slept_seconds
        seen = await read(database)
        if not slept_seconds:
            slept_seconds = 3600.0
            await board.turn(runtime.database, "send", is_off=True, by=NEEMA, why="fraud")
        return seen

    monkeypatch.setattr(other, "_read", freeze)
    await other.look()
    assert other.is_off("send")


async def test_a_crowd_looks_once(other: Switches, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    read = other._read

    async def count(database: Database) -> board.Board:
        looks.append(1)
        return await read(database)

    monkeypatch.setattr(other, "_read", count)
    await asyncio.gather(*(other.look() for _ in range(200)))
    await other.look()
    assert len(looks) == 1


async def test_of_two_at_once_the_second_learns_what_the_first_did(runtime: Runtime) -> None:
    both = await asyncio.gather(
        *(board.turn(runtime.database, "send", is_off=True, by=by, why=by.name) for by in (NEEMA, JUMA)),
    )
    [earlier] = [change for change in both if change is not None]
    async with runtime.database.autocommit() as connection:
        stands = (await board.read(connection)).changes["send"]
    assert (earlier, earlier.is_off) == (stands, True)
    assert stands.why == stands.by


async def test_off_on_and_off_again_is_off_and_the_history_stays(runtime: Runtime) -> None:
    for is_off in (True, False, True):
        assert await board.turn(runtime.database, "jobs", is_off=is_off, by=NEEMA, why="w") is None
    async with runtime.database.autocommit() as connection:
        assert (await board.read(connection)).off == {"jobs"}
        assert await connection.scalar(select(func.count()).select_from(switch_change)) == 3


async def person(runtime: Runtime, phone: str) -> Customer:
    customer = await profiles.find(runtime, phone)
    assert customer is not None
    return customer


async def test_a_feature_that_is_off_moves_nothing_at_its_last_step(runtime: Runtime) -> None:
    asha, baraka = await person(runtime, "+254711000001"), await person(runtime, "+254722000002")
    amount = Money(50_000, "KES")
    quoted = await transfers.quote(runtime, asha, amount)
    before = await wallet.get_balance(runtime, asha)
    await turn_off(runtime, "send")
    with pytest.raises(SendOff):
        await transfers.send_confirmed(runtime, asha, baraka, quoted, "late")
    with pytest.raises(SendOff):
        await transfers.send(runtime, sender=asha, recipient_phone=baraka.phone, amount=amount, pin=RIGHT, key="k")
    assert await wallet.get_balance(runtime, asha) == before


async def test_a_feature_turned_off_while_the_pin_is_compared_moves_nothing(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    asha = await person(runtime, "+254711000001")
    before = await wallet.get_balance(runtime, asha)
    turn_off_at_the_pin(runtime, "withdraw", monkeypatch)
    with pytest.raises(WithdrawOff):
        await cash.withdraw(runtime, customer=asha, agent_number="200100", amount=Money(50_000, "KES"), pin=RIGHT, key="k")
    monkeypatch.undo()
    turn_off_at_the_pin(runtime, "insurance", monkeypatch)
    with pytest.raises(InsuranceOff):
        await covers.buy(runtime, asha, covers.list_offers(runtime)[0].product.key, RIGHT, "k")
    assert await wallet.get_balance(runtime, asha) == before


async def test_a_send_is_not_rounded_up_into_savings_that_are_off(runtime: Runtime) -> None:
    asha = await person(runtime, "+254711000001")
    amount = Money(50_000, "KES")
    goal = await opening.open_goal(runtime, asha, name="Cow", target=Money(100_000, "KES"), key="goal")
    await rules.round_up_into(runtime, asha, goal.id)
    asha = await person(runtime, asha.phone)
    await turn_off(runtime, "savings")
    sent = await transfers.send(runtime, sender=asha, recipient_phone="+254722000002", amount=amount, pin=RIGHT, key="k")
    assert sent.saved is None
    await turn_on(runtime, "savings")
    again = await transfers.send(runtime, sender=asha, recipient_phone="+254722000002", amount=amount, pin=RIGHT, key="k")
    assert again == sent, "the same send, repeated, is the same"


async def test_a_yes_to_a_request_of_a_feature_that_is_off_leaves_the_request_waiting(runtime: Runtime) -> None:
    asha, amount = await person(runtime, "+254711000001"), Money(50_000, "KES")
    request = await approval.ask(runtime, asha, "+254722000002", amount, "order")
    before = await wallet.get_balance(runtime, asha)
    await turn_off(runtime, "send")
    with pytest.raises(SendOff):
        await consent.approve(runtime, asha, request, RIGHT, features.CARRIERS)
    assert await wallet.get_balance(runtime, asha) == before
    await turn_on(runtime, "send")
    await consent.approve(runtime, asha, request, RIGHT, features.CARRIERS)
    assert await wallet.get_balance(runtime, asha) < before


async def test_a_duty_that_begins_something_rests_while_its_feature_is_off_and_others_go_on(runtime: Runtime) -> None:
    rounds = []

    async def work(_: Runtime) -> int:
        rounds.append(1)
        return 1

    saves, expires = Duty("a", work, 1, switch="savings"), Duty("b", work, 1)
    await turn_off(runtime, "savings")
    assert (await saves.do(runtime), await expires.do(runtime), len(rounds)) == (0, 1, 1)
    await turn_on(runtime, "savings")
    assert (await saves.do(runtime), len(rounds)) == (1, 2)
    assert [duty.name for duty in features.DUTIES if duty.switch] == ["savings: save"]
