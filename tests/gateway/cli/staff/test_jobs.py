"""`jasho jobs`, as the office uses it."""

import asyncio

import pytest

from core.jobs import hiring
from core.runtime import Runtime
from core.settings import Settings
from tests.core.jobs.market import ASHA, ASHA_MINOR, BARAKA_MINOR, PAY_MINOR, Market
from tests.gateway.cli.command import Done, check_failed_in_one_line, jasho, jasho_at_a_terminal


@pytest.fixture
async def market(runtime: Runtime) -> Market:
    return await Market.of(runtime)


async def office(settings: Settings, *arguments: str) -> Done:
    return await asyncio.to_thread(jasho, ["jobs", *arguments], settings)


async def test_the_office_sees_a_dispute_and_pays_the_worker_once(market: Market, settings: Settings) -> None:
    job = await market.disputed()
    seen = (await office(settings, "disputes")).stdout
    assert seen.startswith(f"{job.number}  Picking tea, Limuru  KES 500  since 20")
    assert "employer Asha Wanjiku 0711000001, worker Baraka Otieno 0722000002" in seen
    done = await office(settings, "settle", str(job.number), "--pay", "--by", "Neema", "--yes")
    assert (done.returncode, done.stdout) == (0, f"Job {job.number} is settled: KES 500 to Baraka Otieno 0722000002.\n")
    assert await market.balance(market.baraka) == BARAKA_MINOR + PAY_MINOR
    again = await office(settings, "settle", str(job.number), "--refund", "--by", "Neema", "--yes")
    check_failed_in_one_line(again, str(job.number), "settled already")
    assert (await office(settings, "disputes")).stdout == "No job waits.\n"
    await market.check_books(job)


async def test_the_office_gives_the_pay_back(market: Market, settings: Settings) -> None:
    job = await market.finished()
    await hiring.dispute(market.runtime, market.asha, job.id)
    done = await office(settings, "settle", str(job.number), "--refund", "--by", "Neema", "--yes")
    assert done.stdout == f"Job {job.number} is settled: KES 500 to Asha Wanjiku 0711000001.\n"
    assert (await market.status(job), await market.balance(market.asha)) == ("refunded", ASHA_MINOR)
    assert await market.sms(ASHA, "Jasho decided: KES 500 for Picking tea is yours") == 1
    await market.check_books(job)


async def test_what_the_office_cannot_do_is_told_in_one_line_and_changes_nothing(market: Market, settings: Settings) -> None:
    job = await market.disputed()
    number = str(job.number)
    for arguments, word in (
        (["settle", number, "--by", "Neema", "--yes"], "--pay"),
        (["settle", number, "--pay", "--refund", "--by", "Neema", "--yes"], "one of the two"),
        (["settle", number, "--pay", "--by", "Neema"], "--yes"),
        (["settle", number, "--pay", "--by", "  ", "--yes"], "--by is a name"),
        (["settle", number, "--pay", "--by", "N" * 41, "--yes"], "--by is a name"),
        (["settle", "4711", "--pay", "--by", "Neema", "--yes"], "no job 4711"),
        (["settle", "{number}", "--pay", "--by", "Neema", "--yes"], "jasho jobs disputes"),
        (["settle", "10420", "--refund", "--by", "Neema", "--yes"], "nobody disputes"),
    ):
        check_failed_in_one_line(await office(settings, *arguments), word)
    assert (await market.status(job), await market.escrow(job)) == ("disputed", PAY_MINOR)


async def test_what_cannot_be_undone_is_shown_and_asked_first(market: Market, settings: Settings) -> None:
    job = await market.disputed()
    command = ["jobs", "settle", str(job.number), "--refund", "--by", "Neema"]
    no = await asyncio.to_thread(jasho_at_a_terminal, command, settings, "n\n")
    assert f"Job {job.number}, Picking tea: KES 500 goes to Asha Wanjiku 0711000001." in no.stdout
    assert (no.returncode, no.stderr) == (1, "jasho: nothing was done\n")
    assert (await market.status(job), await market.escrow(job)) == ("disputed", PAY_MINOR)
    yes = await asyncio.to_thread(jasho_at_a_terminal, command, settings, "y\n")
    assert yes.returncode == 0, yes.stderr
    assert (await market.status(job), await market.balance(market.asha)) == ("refunded", ASHA_MINOR)
    again = await asyncio.to_thread(jasho_at_a_terminal, command, settings, "y\n")
    check_failed_in_one_line(again, "settled already")
