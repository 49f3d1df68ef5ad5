"""What the worker does about jobs that nobody sees to: once, however many workers there are and whatever breaks."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from core import clock
from core.jobs import applications, deadlines, hiring
from core.jobs.market import Job
from core.runtime import Runtime
from core.settings import Settings
from core.staff import Staff
from gateway import wiring
from tests.core.jobs.market import ASHA, BARAKA, PAY_MINOR, Market, broken


@pytest.fixture
async def market(runtime: Runtime) -> Market:
    market = await Market.of(runtime)
    # The demo's own job would expire beside those of the tests.
    await market.one("UPDATE job SET expires_at = expires_at + interval '1 year' WHERE number = 10420 RETURNING number")
    return market


@contextmanager
def later(**time: float) -> Iterator[None]:
    with clock.at(clock.now() + timedelta(**time)):
        yield


async def meet(market: Market) -> int:
    """Two workers at once. Each remembers by itself what has failed."""
    other = wiring.runtime(market.runtime.settings)
    try:
        return sum(await asyncio.gather(deadlines.meet(market.runtime), deadlines.meet(other)))
    finally:
        await other.close()


async def told(market: Market) -> tuple[int, int, int, int]:
    """How often: employer, off the list; applicant, off the list; reminder; Jasho decides, to both."""
    decides = await market.sms(ASHA, "is not paid after 7 days"), await market.sms(BARAKA, "haijalipwa kwa siku 7")
    assert decides[0] == decides[1]
    off_list = await market.sms(ASHA, "Nobody was hired"), await market.sms(BARAKA, "haipo tena")
    return (*off_list, await market.sms(ASHA, "waits for KES"), decides[0])


async def test_an_open_job_leaves_the_list_after_thirty_days_and_everybody_is_told_once(market: Market) -> None:
    job = await market.applied()
    with later(days=29, hours=23):
        assert await meet(market) == 0
    with later(days=30, minutes=1):
        assert await meet(market) == 1
        assert await meet(market) == 0
    assert (await market.status(job), await told(market)) == ("expired", (1, 1, 0, 0))
    assert await applications.list_applicants(market.runtime, market.asha, job.id) == []


async def test_who_does_not_pay_is_reminded_once_and_then_jasho_decides_once(market: Market) -> None:
    job = await market.finished()
    with later(days=2, hours=23):
        assert await meet(market) == 0
    for days in (3, 4, 6):
        with later(days=days, minutes=1):
            assert await meet(market) == (days == 3)
    assert (await market.status(job), await told(market)) == ("finished", (0, 0, 1, 0))
    with later(days=7, minutes=1):
        assert await meet(market) == 1
        assert await meet(market) == 0
    assert (await market.status(job), await told(market)) == ("disputed", (0, 0, 1, 1))
    assert await market.escrow(job) == PAY_MINOR
    await hiring.settle(market.runtime, str(job.number), pay_worker=True, by=Staff("Neema"))
    await market.check_books(job)


async def test_a_worker_that_comes_weeks_late_does_not_remind_of_what_jasho_decides(market: Market) -> None:
    job = await market.finished()
    with later(days=20):
        assert await meet(market) == 1
    assert (await market.status(job), await told(market)) == ("disputed", (0, 0, 0, 1))


@pytest.mark.parametrize("made", ["hired", "paid", "disputed"])
async def test_nobody_is_bothered_about_a_job_that_waits_for_nothing(market: Market, made: str) -> None:
    job: Job = await getattr(market, made)()
    with later(days=60):
        assert await meet(market) == 0
    assert (await market.status(job), await told(market)) == (made, (0, 0, 0, 0))


async def test_a_fault_in_the_middle_leaves_it_to_be_done_later_and_once(market: Market, settings: Settings) -> None:
    offered, finished = await market.applied(), await market.finished()
    with later(days=31):
        with broken(settings.database_url, "outbox"):
            assert await meet(market) == 0
        assert (await market.status(offered), await market.status(finished)) == ("open", "finished")
        assert await meet(market) == 2
        assert await meet(market) == 0
    assert await told(market) == (1, 1, 0, 1)


async def test_a_fault_while_reminding_does_not_use_up_the_reminder(market: Market, settings: Settings) -> None:
    await market.finished()
    with later(days=3, hours=1):
        with broken(settings.database_url, "outbox"):
            assert await meet(market) == 0
        assert await meet(market) == 1
    assert await told(market) == (0, 0, 1, 0)


async def test_paying_at_the_moment_of_the_deadline_has_one_winner(market: Market) -> None:
    job = await market.finished()
    with later(days=7, minutes=1):
        paid, _ = await asyncio.gather(market.pay(job), meet(market), return_exceptions=True)
    won = not isinstance(paid, BaseException)
    assert await market.status(job) == ("paid" if won else "disputed")
    assert await market.escrow(job) == (0 if won else PAY_MINOR)
    await market.check_books()
