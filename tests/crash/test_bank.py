"""The bank test: whoever looks while everybody pays sees books in balance, and afterwards every receipt is in them once."""

import asyncio
from contextlib import AsyncExitStack

from core.db import Database
from tests.crash import bank
from tests.crash.rounds import paying

SERVICES = 2
PAYMENTS_EACH = 900


async def test_nobody_ever_sees_money_made_or_lost_or_a_wallet_below_its_floor(bank_url: str) -> None:
    database = Database(bank_url)
    is_over = asyncio.Event()
    seen: list[list[str]] = []

    async def watch() -> None:
        while not is_over.is_set():
            async with database.transaction() as connection:
                seen.append(await bank.glance(connection))

    async with AsyncExitStack() as stack:
        services = [await stack.enter_async_context(paying(bank_url, f"s{n}", PAYMENTS_EACH)) for n in range(SERVICES)]
        watchers = [asyncio.ensure_future(watch()) for _ in range(2)]
        codes = await asyncio.gather(*(service.ended() for service in services))
        is_over.set()
        await asyncio.gather(*watchers)
    await database.close()
    assert codes == [0] * SERVICES
    assert len(seen) > SERVICES
    assert [wrong for wrong in seen if wrong] == []
    receipts = [receipt for service in services for receipt in service.receipts]
    assert len(receipts) == SERVICES * PAYMENTS_EACH
    findings, made = await bank.examine(bank_url, receipts)
    assert findings == []
    # Both happened often enough for the test to mean something.
    assert PAYMENTS_EACH / 2 < len(made) < SERVICES * PAYMENTS_EACH - 10
