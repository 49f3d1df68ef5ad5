"""The pay of a job: kept once, let out once, whoever is first and whatever breaks in the middle."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError

from core import clock
from core.credentials.refusals import BadPin, MoneyOutWaits, WrongPin
from core.errors import KeyConflict, NotPermitted
from core.features import ENDINGS
from core.jobs import applications, hiring, texts
from core.jobs import market as listings
from core.jobs.market import Job
from core.jobs.refusals import JobClosed, UnknownJob
from core.ledger.refusals import AccountClosed, NotEnoughMoney, OverBalanceLimit, OverDayLimit
from core.membership import closing
from core.money import Money
from core.runtime import Runtime
from core.sending import transfers
from core.settings import Settings
from core.staff import Staff
from tests import pins
from tests.core.jobs.market import ASHA, ASHA_MINOR, BARAKA, BARAKA_MINOR, NJERI, PAY_MINOR, Market, broken, new_key
from tests.races import wait_until_they_wait


@pytest.fixture
async def market(runtime: Runtime) -> Market:
    return await Market.of(runtime)


async def test_the_pay_leaves_the_employer_at_the_hire_and_reaches_the_worker_when_she_pays(market: Market) -> None:
    job = await market.applied(market.baraka, market.njeri)
    receipt = await market.hire(job)
    assert receipt.balance == Money(ASHA_MINOR - PAY_MINOR, "KES")
    assert (await market.escrow(job), await market.balance(market.baraka)) == (PAY_MINOR, BARAKA_MINOR)
    await hiring.finish(market.runtime, market.baraka, job.id)
    paid = await market.pay(job)
    assert paid.balance == receipt.balance
    assert await market.balance(market.baraka) == BARAKA_MINOR + PAY_MINOR
    assert await market.status(job) == "paid"
    assert await market.sms(NJERI, "Somebody else was chosen for Picking tea") == 1
    assert await market.sms(BARAKA, paid.reference) == await market.sms(ASHA, paid.reference) == 1
    await market.check_books(job)


async def test_a_hire_that_a_deadlock_has_undone_is_done_all_the_same(market: Market, settings: Settings) -> None:
    job = await market.applied(market.baraka)
    async with await psycopg.AsyncConnection.connect(settings.database_url) as stranger:
        await stranger.execute("SET deadlock_timeout = '1min'")  # so that it is the other one who is ended
        await stranger.execute("SELECT FROM customer WHERE id = %s FOR UPDATE", [market.asha.id])
        hire = asyncio.create_task(market.hire(job))
        await wait_until_they_wait(market.runtime, hire)
        await stranger.execute("SELECT FROM job WHERE id = %s FOR UPDATE", [job.id])
        await stranger.rollback()
        assert (await hire).balance == Money(ASHA_MINOR - PAY_MINOR, "KES")
    assert await market.escrow(job) == PAY_MINOR
    await market.check_books()


async def test_no_side_is_told_the_others_balance(market: Market) -> None:
    await market.paid()
    await hiring.cancel(market.runtime, market.asha, (await market.hired()).id)
    await hiring.give_up(market.runtime, market.baraka, (await market.hired()).id)
    for pays in (True, False):
        job = await market.disputed()
        await hiring.settle(market.runtime, str(job.number), pay_worker=pays, by=Staff("Neema"))
    assert await market.sms(BARAKA, "KES 12,") == await market.sms(BARAKA, "KES 11,") == 0
    assert await market.sms(ASHA, "KES 3,") == await market.sms(ASHA, "KES 4,") == 0
    assert await market.sms(ASHA, "{") == await market.sms(BARAKA, "{") == 0


async def test_the_same_hire_or_payment_twice_is_done_once_and_gets_the_same_receipt(market: Market) -> None:
    job = await market.applied()
    hires = await asyncio.gather(*(market.hire(job, key="hire") for _ in range(3)))
    pays = await asyncio.gather(*(market.pay(job, key="pay") for _ in range(3)))
    assert (set(hires), set(pays)) == ({await market.hire(job, key="hire")}, {await market.pay(job, key="pay")})
    assert (await market.balance(market.asha), await market.balance(market.baraka)) == (
        ASHA_MINOR - PAY_MINOR,
        BARAKA_MINOR + PAY_MINOR,
    )
    assert await market.sms(BARAKA, hires[0].reference) == 0
    assert await market.sms(ASHA, hires[0].reference) == await market.sms(BARAKA, pays[0].reference) == 1
    await market.check_books(job)


async def test_another_key_for_what_is_done_already_does_nothing(market: Market) -> None:
    job = await market.hired()
    with pytest.raises(JobClosed):
        await market.hire(job)
    await market.pay(job)
    with pytest.raises(JobClosed):
        await market.pay(job)
    assert await market.balance(market.baraka) == BARAKA_MINOR + PAY_MINOR


async def test_a_key_that_has_paid_for_something_else_hires_nobody(market: Market) -> None:
    first, second = await market.applied(), await market.applied()
    await market.hire(first, key="one")
    with pytest.raises(KeyConflict):
        await market.hire(second, key="one")
    await transfers.send(
        market.runtime, sender=market.asha, recipient_phone=BARAKA, amount=Money(10_000, "KES"), pin=pins.RIGHT, key="two"
    )
    with pytest.raises(KeyConflict):
        await market.hire(second, key="two")
    assert await market.status(second) == "open"
    assert await market.moved(second) == 0


async def test_two_applicants_hired_at_once_are_one_hire(market: Market) -> None:
    job = await market.applied(market.baraka, market.njeri)
    asked = await asyncio.gather(market.hire(job, market.baraka), market.hire(job, market.njeri), return_exceptions=True)
    assert sorted(type(one).__name__ for one in asked) == ["JobClosed", "JobReceipt"]
    assert await market.escrow(job) == ASHA_MINOR - await market.balance(market.asha) == PAY_MINOR
    assert await market.one("SELECT count(*) FROM account WHERE kind = 'escrow'") == "1"
    assert await market.one("SELECT count(*) FROM application WHERE status = 'hired'") == "1"


Step = Callable[[Market, Job], Awaitable[object]]
PAY: Step = lambda market, job: market.pay(job)  # noqa: E731
CANCEL: Step = lambda market, job: hiring.cancel(market.runtime, market.asha, job.id)  # noqa: E731
FINISH: Step = lambda market, job: hiring.finish(market.runtime, market.baraka, job.id)  # noqa: E731
GIVE_UP: Step = lambda market, job: hiring.give_up(market.runtime, market.baraka, job.id)  # noqa: E731
DISPUTE: Step = lambda market, job: hiring.dispute(market.runtime, market.asha, job.id)  # noqa: E731
COMPLAIN: Step = lambda market, job: hiring.dispute(market.runtime, market.baraka, job.id)  # noqa: E731


@pytest.mark.parametrize(
    "steps",
    [(PAY, CANCEL), (PAY, GIVE_UP), (CANCEL, GIVE_UP), (CANCEL, FINISH), (PAY, DISPUTE), (DISPUTE, COMPLAIN), (PAY, PAY)],
    ids=["pay-cancel", "pay-give-up", "cancel-give-up", "cancel-finish", "pay-dispute", "dispute-complain", "pay-pay"],
)
async def test_of_two_steps_at_once_one_wins_and_the_money_moves_once(market: Market, steps: tuple[Step, Step]) -> None:
    for first, second in (steps, steps[::-1]):
        job = await market.hired()
        before = await market.balance(market.asha), await market.balance(market.baraka)
        asked = await asyncio.gather(first(market, job), second(market, job), return_exceptions=True)
        assert [type(one) for one in asked].count(JobClosed) == 1, asked
        status, kept = await market.status(job), await market.escrow(job)
        after = await market.balance(market.asha), await market.balance(market.baraka)
        gone = {"paid": (0, PAY_MINOR), "refunded": (PAY_MINOR, 0)}.get(status, (0, 0))
        assert (after[0] - before[0], after[1] - before[1]) == gone
        assert kept == (PAY_MINOR if gone == (0, 0) else 0)
    await market.check_books()


async def test_a_worker_who_withdraws_at_the_same_moment_is_hired_or_gone_and_never_both(market: Market) -> None:
    job = await market.applied()
    hired, withdrawn = await asyncio.gather(
        market.hire(job), applications.withdraw(market.runtime, market.baraka, job.id), return_exceptions=True
    )
    assert isinstance(hired, JobClosed) is not isinstance(withdrawn, JobClosed)
    assert await market.escrow(job) == (0 if isinstance(hired, JobClosed) else PAY_MINOR)
    await market.check_books()


async def test_not_enough_money_leaves_everything_as_it_was(market: Market) -> None:
    job = await market.applied(market.baraka, market.njeri, pay=Money(ASHA_MINOR + 100, "KES"))
    with pytest.raises(NotEnoughMoney) as refused:
        await market.hire(job)
    assert refused.value.params["needed"] == "KES 12,501"
    assert await listings.get(market.runtime, job.id) == await listings.get_by_number(market.runtime, str(job.number))
    assert (await market.status(job), await market.balance(market.asha)) == ("open", ASHA_MINOR)
    assert len(await applications.list_applicants(market.runtime, market.asha, job.id)) == 2
    assert await market.one("SELECT count(*) FROM account WHERE kind = 'escrow'") == "0"
    assert await market.sms(NJERI, "Somebody else") == await market.sms(BARAKA, "Umeajiriwa") == 0


async def test_hiring_counts_against_the_employers_day_like_sending_does(market: Market) -> None:
    await market.deposit(market.asha, 60_000_000)
    for _ in range(2):
        await market.hire(await market.applied(pay=Money(25_000_000, "KES")))
    job = await market.applied(pay=Money(100, "KES"))
    with pytest.raises(OverDayLimit):
        await market.hire(job)
    assert await market.status(job) == "open"


async def test_pay_that_comes_back_leaves_the_days_limit_as_it_was(market: Market) -> None:
    await market.deposit(market.asha, 60_000_000)
    for _ in range(2):
        job = await market.applied(pay=Money(25_000_000, "KES"))
        await market.hire(job)
        await hiring.cancel(market.runtime, market.asha, job.id)
    job = await market.applied(pay=Money(100, "KES"))
    with pytest.raises(OverDayLimit):
        await market.hire(job)
    assert await market.balance(market.asha) > 60_000_000


async def test_a_worker_whose_wallet_is_full_is_not_paid_by_the_employer_but_by_a_decision(market: Market) -> None:
    job = await market.finished()
    await market.deposit(market.baraka, 50_000_000 - BARAKA_MINOR)
    with pytest.raises(OverBalanceLimit):
        await market.pay(job)
    assert (await market.status(job), await market.escrow(job)) == ("finished", PAY_MINOR)
    await hiring.dispute(market.runtime, market.baraka, job.id)
    await hiring.settle(market.runtime, str(job.number), pay_worker=True, by=Staff("Neema"))
    assert (await market.balance(market.baraka), await market.escrow(job)) == (50_000_000 + PAY_MINOR, 0)


async def test_hiring_and_paying_want_the_right_pin_and_the_time_after_a_forgotten_one(market: Market) -> None:
    applied, hired = await market.applied(), await market.hired()
    for typed, refusal in (("12", BadPin), (pins.WRONG, WrongPin)):
        with pytest.raises(refusal):
            await hiring.hire(market.runtime, market.asha, applied.id, market.baraka.id, typed, new_key())
        with pytest.raises(refusal):
            await hiring.pay(market.runtime, market.asha, hired.id, typed, new_key())
    later = clock.now() + timedelta(hours=1)
    waits = "UPDATE pin SET failures = 0, money_out_from = :later WHERE customer_id = :id RETURNING failures"
    await market.one(waits, later=later, id=market.asha.id)
    with pytest.raises(MoneyOutWaits):
        await market.hire(applied)
    with pytest.raises(MoneyOutWaits):
        await market.pay(hired)
    assert (await market.status(applied), await market.status(hired)) == ("open", "hired")
    assert await hiring.cancel(market.runtime, market.asha, hired.id) is not None


async def test_nobody_but_the_two_sides_moves_a_job(market: Market) -> None:
    job, open_job = await market.hired(), await market.applied(market.njeri)
    runtime, key = market.runtime, new_key()
    for asked in (
        hiring.hire(runtime, market.baraka, open_job.id, market.njeri.id, pins.RIGHT, key),
        hiring.pay(runtime, market.baraka, job.id, pins.RIGHT, key),
        hiring.cancel(runtime, market.baraka, job.id),
        hiring.finish(runtime, market.asha, job.id),
        hiring.give_up(runtime, market.asha, job.id),
        hiring.finish(runtime, market.njeri, open_job.id),
        hiring.dispute(runtime, market.njeri, job.id),
    ):
        with pytest.raises(NotPermitted):
            await asked
    with pytest.raises(UnknownJob):
        await hiring.cancel(runtime, market.asha, market.asha.id)
    assert (await market.status(job), await market.status(open_job)) == ("hired", "open")


@pytest.mark.parametrize("to", ["finished", "paid", "refunded", "disputed", "cancelled", "open"])
async def test_a_job_that_has_moved_on_cannot_be_moved_as_if_it_had_not(market: Market, to: str) -> None:
    made = {"finished": market.finished, "paid": market.paid, "disputed": market.disputed, "open": market.applied}
    job = await made.get(to, market.hired)()
    if to in ("refunded", "cancelled"):
        job = job if to == "refunded" else await market.applied()
        await hiring.cancel(market.runtime, market.asha, job.id)
    may = {"finished": {PAY, DISPUTE}, "open": {CANCEL}}.get(to, set())
    kept, moved = await market.escrow(job), await market.moved(job)
    for step in {PAY, CANCEL, FINISH, GIVE_UP, DISPUTE} - may:
        with pytest.raises((JobClosed, NotPermitted)):
            await step(market, job)
    assert (await market.status(job), await market.escrow(job), await market.moved(job)) == (to, kept, moved)


@pytest.mark.parametrize("pays", [True, False])
async def test_staff_settles_a_dispute_once_and_is_named(market: Market, pays: bool) -> None:
    job = await market.disputed()
    number = str(job.number)
    asked = await asyncio.gather(
        *(hiring.settle(market.runtime, number, pay_worker=pays, by=Staff(name)) for name in ("Neema", "Otieno")),
        return_exceptions=True,
    )
    assert [type(one) for one in asked].count(JobClosed) == 1
    with pytest.raises(JobClosed):
        await hiring.settle(market.runtime, number, pay_worker=not pays, by=Staff("Neema"))
    assert await market.status(job) == ("paid" if pays else "refunded")
    assert await market.balance(market.asha) == ASHA_MINOR - (PAY_MINOR if pays else 0)
    assert await market.balance(market.baraka) == BARAKA_MINOR + (PAY_MINOR if pays else 0)
    assert await market.one("SELECT decided_by FROM job WHERE id = :id", id=job.id) in ("Neema", "Otieno")
    assert await market.sms(ASHA, "Jasho decided") == await market.sms(BARAKA, "Jasho imeamua") == 1
    await market.check_books(job)


async def test_nothing_is_settled_that_nobody_disputes(market: Market) -> None:
    job = await market.finished()
    with pytest.raises(JobClosed):
        await hiring.settle(market.runtime, str(job.number), pay_worker=True, by=Staff("Neema"))
    with pytest.raises(UnknownJob):
        await hiring.settle(market.runtime, "4711", pay_worker=True, by=Staff("Neema"))
    assert await market.escrow(job) == PAY_MINOR


@pytest.mark.parametrize(("table", "event"), [("posting", "INSERT"), ("outbox", "INSERT"), ("job", "UPDATE")])
async def test_a_fault_in_the_middle_of_a_hire_or_a_payment_changes_nothing(
    market: Market, settings: Settings, table: str, event: str
) -> None:
    applied, hired = await market.applied(), await market.hired()
    rows = (
        "SELECT (SELECT count(*) FROM outbox) || ' ' || (SELECT count(*) FROM account) || ' ' || (SELECT count(*) FROM posting)"
    )
    before = await market.one(rows)
    with broken(settings.database_url, table, event):
        with pytest.raises((DBAPIError, psycopg.Error)):
            await market.hire(applied, key="hire")
        with pytest.raises((DBAPIError, psycopg.Error)):
            await market.pay(hired, key="pay")
        with pytest.raises((DBAPIError, psycopg.Error)):
            await hiring.cancel(market.runtime, market.asha, hired.id)
    assert await market.one(rows) == before
    assert (await market.status(applied), await market.status(hired)) == ("open", "hired")
    await market.hire(applied, key="hire")
    await market.pay(hired, key="pay")
    assert (await market.escrow(applied), await market.escrow(hired)) == (PAY_MINOR, 0)
    await market.check_books(hired)


async def test_nobody_closes_an_account_with_a_job_under_way_and_nobody_who_has_closed_hers_is_hired(market: Market) -> None:
    job = await market.applied(market.njeri)
    hired, _ = await asyncio.gather(
        market.hire(job, market.njeri), closing.close(market.runtime, market.njeri, pins.RIGHT, ENDINGS), return_exceptions=True
    )
    if isinstance(hired, BaseException):
        assert isinstance(hired, AccountClosed | JobClosed)
        assert (await market.status(job), await market.escrow(job)) == ("open", 0)
    else:
        await market.pay(job)
        assert await market.balance(market.njeri) == PAY_MINOR


def test_only_those_whose_wallet_moves_read_a_balance() -> None:
    told = {name: text for name, text in vars(texts).items() if name.startswith("JOB_")}
    assert {name for name, text in told.items() if "{balance}" in text} == {
        "JOB_KEPT",
        "JOB_PAID",
        "JOB_REFUNDED",
        "JOB_GIVEN_UP",
        "JOB_AWARDED",
    }
