"""Whose limits hold: those of the tier that the account has when the money moves, and never none."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import psycopg
import pytest

from core.ledger.limits import UNVERIFIED, VERIFIED
from core.runtime import Runtime
from core.settings import Settings
from tests.core.ledger.shop import Shop, payment
from tests.crash.gifts import waits_for_lock

# More than somebody unverified may move, and not more than somebody verified.
MUCH = 20_000_000
ROADS = pytest.mark.parametrize("road", ["outcome", "outcome_together"])


@pytest.fixture
def shop(runtime: Runtime) -> Shop:
    return Shop(runtime)


@asynccontextmanager
async def changing(settings: Settings, account: UUID, tier: str) -> AsyncIterator[None]:
    """Whoever asks in the block waits for the change; it is committed at the end."""
    async with await psycopg.AsyncConnection.connect(settings.database_url) as staff:
        await staff.execute("UPDATE account SET tier = %s WHERE id = %s", [tier, account])
        yield
        await waits_for_lock(settings.database_url)
        await staff.commit()


@ROADS
async def test_a_tier_that_falls_while_a_payment_waits_binds_it(shop: Shop, settings: Settings, road: str) -> None:
    payer, payee = await shop.person(MUCH), await shop.person()
    async with changing(settings, payer, UNVERIFIED):
        asked = asyncio.ensure_future(getattr(shop, road)(payment(payer, payee, MUCH)))
    assert await asked == "over_transfer_limit"
    assert await shop.balance(payer) == MUCH


@ROADS
async def test_a_tier_that_rises_while_a_payment_waits_helps_it(shop: Shop, settings: Settings, road: str) -> None:
    payer, payee = await shop.person(MUCH, tier=UNVERIFIED), await shop.person()
    async with changing(settings, payer, VERIFIED):
        asked = asyncio.ensure_future(getattr(shop, road)(payment(payer, payee, MUCH)))
    assert await asked == "posted"
    # And no further than verified people may.
    assert await shop.outcome(payment(payee, payer, 2 * MUCH)) == "over_transfer_limit"


@ROADS
async def test_a_wallet_whose_tier_falls_while_money_comes_holds_no_more_than_it_may(
    shop: Shop, settings: Settings, road: str
) -> None:
    payer, payee = await shop.person(MUCH), await shop.person()
    async with changing(settings, payee, UNVERIFIED):
        asked = asyncio.ensure_future(getattr(shop, road)(payment(payer, payee, MUCH)))
    assert await asked == "over_balance_limit"


@ROADS
async def test_a_tier_that_nobody_has_given_limits_moves_nothing(shop: Shop, road: str) -> None:
    stranger, asha = await shop.person(MUCH, tier="platinum"), await shop.person(MUCH)
    ask = getattr(shop, road)
    assert await ask(payment(stranger, asha, 100)) == "invalid"
    assert await ask(payment(asha, stranger, 100)) == "invalid"
    assert (await shop.balance(stranger), await shop.balance(asha)) == (MUCH, MUCH)
