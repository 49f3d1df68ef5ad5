"""A process whose clock is away from the database's moves no money, says so once, and goes on when it is right again."""

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from core import clock
from core.features import Duty
from core.ledger import poster
from core.ledger.clocks import ClockWatch
from core.ledger.refusals import ClockWrong
from core.runtime import Runtime
from tests.clocks import move_clock
from tests.core.ledger.shop import Shop, payment


@pytest.fixture
def shop(runtime: Runtime) -> Shop:
    return Shop(runtime)


@pytest.mark.parametrize("ahead_seconds", [-40_000_000, -3_700, -65, 65, 900, 3_700, 40_000_000])
async def test_a_clock_that_is_wrong_moves_no_money_by_either_way_into_the_ledger(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, ahead_seconds: int
) -> None:
    asha, baraka = await shop.person(1_000), await shop.person()
    with monkeypatch.context() as patched, capture_logs() as logged:
        move_clock(patched, ahead_seconds)
        for ask in (shop.outcome, shop.outcome_together, shop.outcome):
            with pytest.raises(ClockWrong):
                await ask(payment(asha, baraka, 100))
    lines = [line for line in logged if line["event"] == "the clock is wrong"]
    assert len(lines) == 1
    assert abs(lines[0]["ahead_seconds"] - ahead_seconds) <= 2
    with capture_logs() as logged:
        assert await shop.outcome(payment(asha, baraka, 100)) == "posted"
        assert await shop.outcome_together(payment(asha, baraka, 900)) == "posted"
    assert [line["event"] for line in logged if "clock" in line["event"]] == ["the clock is right again"]


@pytest.mark.parametrize("ahead_seconds", [-50, 50])
async def test_a_clock_that_is_a_little_off_serves_customers(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, ahead_seconds: int
) -> None:
    asha, baraka = await shop.person(1_000), await shop.person()
    move_clock(monkeypatch, ahead_seconds)
    assert await shop.outcome(payment(asha, baraka, 100)) == "posted"


async def test_played_time_is_no_wrong_clock(shop: Shop) -> None:
    asha, baraka = await shop.person(1_000), await shop.person()
    with clock.at(clock.now() + timedelta(days=400)):
        assert await shop.outcome(payment(asha, baraka, 100)) == "posted"


async def test_one_wrong_clock_refuses_all_of_a_crowd_and_nothing_of_it_is_done_later(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    asha, baraka = await shop.person(1_000), await shop.person()
    wishes = [payment(asha, baraka, 100) for _ in range(5)]
    with monkeypatch.context() as patched:
        move_clock(patched, 900)
        for wish in wishes:
            with pytest.raises(ClockWrong):
                await shop.outcome_together(wish)
    assert [await shop.outcome_together(wish) for wish in wishes] == ["posted"] * 5


async def test_whoever_gives_up_while_the_clocks_are_compared_is_not_paid_for(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    asha, baraka = await shop.person(1_000), await shop.person()
    begun, goes_on = asyncio.Event(), asyncio.Event()

    async def compare_slowly(_: object) -> None:
        begun.set()
        await goes_on.wait()

    monkeypatch.setattr(poster, "check_clock", compare_slowly)
    asking = asyncio.create_task(shop.outcome_together(payment(asha, baraka, 100)))
    async with asyncio.timeout(20):
        await begun.wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        goes_on.set()
        assert await shop.outcome_together(payment(asha, baraka, 10)) == "posted"
    assert await shop.balance(baraka) == 10


@pytest.mark.parametrize("ahead_seconds", [-3_700, 3_700])
async def test_a_worker_whose_clock_is_wrong_does_no_duty_until_it_is_right(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, ahead_seconds: int
) -> None:
    async def settle_what_is_due(_: Runtime) -> int:
        return 1

    duty = Duty("a test's", settle_what_is_due, rest_seconds=1)
    with monkeypatch.context() as patched:
        move_clock(patched, ahead_seconds)
        assert await duty.do(runtime) == 0
    assert await duty.do(runtime) == 1


def test_an_answer_that_was_long_under_way_is_no_wrong_clock() -> None:
    watch = ClockWatch()
    assert not watch.take(clock.now() - timedelta(seconds=70), took_seconds=20)
    assert watch.take(clock.now() - timedelta(seconds=90), took_seconds=20)
    assert watch.take(clock.now() + timedelta(seconds=70), took_seconds=20)


def test_a_clock_that_is_set_between_two_looks_is_looked_at_before_it_moves_money(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = ClockWatch()
    assert watch.is_due()
    watch.take(clock.now(), took_seconds=0)
    assert not watch.is_due()
    move_clock(monkeypatch, 70)
    assert watch.is_due()
