"""kill -9 of the service or of PostgreSQL in the middle of payments: what was acknowledged stays, and a retry pays once."""

import asyncio
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest

from core import migrations
from gateway.cli.embedded import embedded
from tests.crash import bank, payer
from tests.crash.rounds import kill_postgres, paying

PAYMENTS = 300


async def check_retries(database_url: str, receipts: list[bank.Receipt], name: str) -> set[str]:
    """The books as the crash left them, and after everybody has tried again. Answers with what the crash had left done."""
    findings, made = await bank.examine(database_url, receipts)
    assert findings == []
    again = await bank.pay_all(database_url, payer.keys(name, PAYMENTS))
    assert {receipt.key for receipt in again if "repeated" in receipt.outcomes} >= made
    assert len(again) == PAYMENTS
    findings, _ = await bank.examine(database_url, receipts + again)
    assert findings == []
    return made


def done(receipts: list[bank.Receipt]) -> set[str]:
    return {receipt.key for receipt in receipts if receipt.is_done}


@pytest.mark.parametrize("failpoint", payer.FAILPOINTS)
async def test_a_service_killed_at_any_point_loses_no_payment_and_makes_none_twice(bank_url: str, failpoint: str) -> None:
    async with paying(bank_url, failpoint, PAYMENTS, failpoint, nth=60 if failpoint == "told" else 5) as service:
        assert await service.ended() == -signal.SIGKILL
    assert 0 < len(service.receipts) < PAYMENTS
    made = await check_retries(bank_url, service.receipts, failpoint)
    if failpoint == "answered":
        assert made > done(service.receipts), "the kill was to come after a commit that nobody was told of"


async def test_a_service_killed_out_of_the_blue_loses_no_payment_and_makes_none_twice(bank_url: str) -> None:
    async with paying(bank_url, "blue", PAYMENTS) as service:
        await service.read(most=100)
        service.kill()
        assert await service.ended() == -signal.SIGKILL
    await check_retries(bank_url, service.receipts, "blue")


@pytest.mark.parametrize("is_service_killed", [False, True], ids=["service_lives", "service_dies"])
async def test_a_database_killed_under_load_keeps_what_was_acknowledged(own_folder: Path, is_service_killed: bool) -> None:
    with ExitStack() as servers:
        url = servers.enter_context(embedded(own_folder)).database_url
        await asyncio.to_thread(migrations.migrate, url)
        await bank.open_accounts(url)
        async with paying(url, "dark", PAYMENTS) as service:
            await service.read(most=100)
            kill_postgres(own_folder)
            if is_service_killed:
                service.kill()
            assert await asyncio.to_thread(servers.enter_context, embedded(own_folder))
            assert await service.ended() == (-signal.SIGKILL if is_service_killed else 0)
        assert len(service.receipts) >= 100
        await check_retries(url, service.receipts, "dark")
