"""What the log tells of money: each transfer that is committed, by the reference on its receipt, and no other."""

from contextlib import suppress

import pytest
import structlog
from sqlalchemy import text

from core import ids
from core.ledger.post import post
from core.runtime import Runtime
from tests.core.ledger.shop import COUNTRY, Shop, payment


@pytest.fixture
def shop(runtime: Runtime) -> Shop:
    return Shop(runtime)


async def test_money_is_told_by_its_reference_when_it_is_committed(shop: Shop) -> None:
    transfer = payment(await shop.person(500), await shop.person(), 100)
    with structlog.testing.capture_logs() as lines:
        async with shop.runtime.database.transaction() as connection:
            await post(connection, [transfer], COUNTRY)
            assert lines == []
    assert [(line["event"], line["reference"]) for line in lines] == [("money moved", ids.reference(transfer.id))]


async def test_money_that_was_rolled_back_is_not_told(shop: Shop) -> None:
    transfer = payment(await shop.person(500), await shop.person(), 100)
    with structlog.testing.capture_logs() as lines:
        with suppress(KeyError):
            async with shop.runtime.database.transaction() as connection:
                await post(connection, [transfer], COUNTRY)
                raise KeyError
        async with shop.runtime.database.transaction() as connection:
            await connection.execute(text("SELECT 1"))
    assert lines == []


async def test_money_is_told_once_with_what_its_request_has_bound(shop: Shop) -> None:
    transfer = payment(await shop.person(500), await shop.person(), 100)
    with structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as lines:
        with structlog.contextvars.bound_contextvars(request="abc"):
            assert await shop.outcome_together(transfer) == "posted"
        assert await shop.outcome_together(transfer) == "repeated"
    assert [line["request"] for line in lines if line["event"] == "money moved"] == ["abc"]
