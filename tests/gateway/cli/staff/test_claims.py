"""`jasho claims`, as the office uses it."""

import asyncio
from datetime import timedelta

import pytest

from core import clock
from core.insurance import claims
from core.insurance.claims import Claim
from core.runtime import Runtime
from core.settings import Settings
from tests.core.counter import ASHA, change, check_books, held, person, received
from tests.core.insurance.covers import PRICE, buy
from tests.gateway.cli.command import Done, check_failed_in_one_line, jasho, jasho_at_a_terminal

LEFT = 1_250_000 - PRICE


@pytest.fixture
async def waits(runtime: Runtime) -> Claim:
    """The command reads the real clock: so the cover was bought twenty days ago."""
    asha = await person(runtime, ASHA)
    with clock.at(clock.now() - timedelta(days=20)):
        policy = (await buy(runtime, asha)).policy
    return await claims.submit(runtime, asha, policy.id, "Two nights\nin hospital", policy.waits_until, "claim")


async def office(settings: Settings, *arguments: str) -> Done:
    return await asyncio.to_thread(jasho, ["claims", *arguments], settings)


async def test_the_office_sees_a_claim_and_pays_it_once(runtime: Runtime, settings: Settings, waits: Claim) -> None:
    number = str(waits.number)
    assert (await office(settings, "list")).stdout == (
        f"{number}  Hospital cash, up to KES 10,000  Asha Wanjiku 0711000001  on {waits.happened}: Two nights in hospital\n"
    )
    done = await office(settings, "approve", number, "--by", "Neema", "--yes", "--amount", "4500.50")
    assert (done.returncode, done.stdout) == (0, f"Claim {number} is paid: KES 4,500.50.\n")
    check_failed_in_one_line(await office(settings, "approve", number, "--by", "Neema", "--yes"), number, "decided already")
    assert (await office(settings, "list")).stdout == "No claim waits.\n"
    assert await held(runtime, ASHA) == LEFT + 450_050
    await check_books(runtime)


async def test_without_an_amount_the_whole_cover_is_paid(runtime: Runtime, settings: Settings, waits: Claim) -> None:
    done = await office(settings, "approve", str(waits.number), "--by", "Neema", "--yes")
    assert done.stdout == f"Claim {waits.number} is paid: KES 10,000.\n"
    assert await held(runtime, ASHA) == LEFT + 1_000_000


async def test_the_office_says_no_and_the_customer_reads_why(runtime: Runtime, settings: Settings, waits: Claim) -> None:
    done = await office(settings, "decline", str(waits.number), "--by", "Neema", "--why", "The bill is missing")
    assert (done.returncode, done.stdout) == (0, f"Claim {waits.number} is declined: The bill is missing.\n")
    assert await received(runtime, ASHA, f"Your claim {waits.number} for Hospital cash was not paid: The bill is missing.") == 1
    assert await held(runtime, ASHA) == LEFT


async def test_what_the_office_cannot_do_is_told_in_one_line_and_pays_nothing(
    runtime: Runtime, settings: Settings, waits: Claim
) -> None:
    number, by = str(waits.number), ["--by", "Neema"]
    for arguments, word in (
        (["approve", "123", *by], "no claim 123"),
        (["approve", "99999999999999999999", *by], "jasho claims list"),
        (["approve", "{number}", *by], "jasho claims list"),
        (["decline", "soon", *by, "--why", "No bill"], "no claim soon"),
        (["approve", number, *by, "--amount", "much"], "--amount"),
        (["approve", number, *by, "--amount", "-5"], "--amount"),
        (["approve", number, *by, "--amount", "0"], "--amount"),
        (["approve", number, *by, "--amount", "10000.01"], "KES 10,000"),
        (["approve", number, "--by", "  "], "--by"),
        (["decline", number, *by, "--why", "M" * 61], "--why"),
    ):
        agreed = ["--yes"] if "approve" in arguments else []
        check_failed_in_one_line(await office(settings, *arguments, *agreed), word)
    await change(runtime, "UPDATE customer SET status = 'closed' WHERE phone = :phone", phone=ASHA)
    check_failed_in_one_line(await office(settings, "approve", number, *by, "--yes"), number, "closed her account")
    assert await held(runtime, ASHA) == LEFT


async def test_a_payment_that_cannot_be_undone_is_shown_and_asked_first(
    runtime: Runtime, settings: Settings, waits: Claim
) -> None:
    command = ["claims", "approve", str(waits.number), "--by", "Neema"]
    check_failed_in_one_line(await office(settings, *command[1:]), "--yes")
    no = await asyncio.to_thread(jasho_at_a_terminal, command, settings, "n\n")
    assert f"Claim {waits.number}, Hospital cash: KES 10,000 goes to Asha Wanjiku 0711000001." in no.stdout
    assert (no.returncode, no.stderr) == (1, "jasho: nothing was done\n")
    assert await held(runtime, ASHA) == LEFT
    yes = await asyncio.to_thread(jasho_at_a_terminal, command, settings, "y\n")
    assert yes.returncode == 0, yes.stderr
    assert await held(runtime, ASHA) == LEFT + 1_000_000
    again = await asyncio.to_thread(jasho_at_a_terminal, command, settings, "y\n")
    check_failed_in_one_line(again, "decided already")
