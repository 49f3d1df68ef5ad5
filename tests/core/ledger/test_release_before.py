"""Processes of the release before go on posting while this one takes over."""

import msgspec
import psycopg
import pytest

from core import clock
from core.db import conninfo
from core.ledger import limits
from core.ledger.limits import UNVERIFIED
from core.ledger.post import _arguments
from core.ledger.transfer import Transfer
from core.runtime import Runtime
from core.settings import Settings
from tests.core.ledger.shop import COUNTRY, Shop, payment

CALL = """SELECT outcomes FROM ledger_post(
    %s, %s, %s::uuid[], %s::uuid[], %s::int[], %s::text[], %s::bigint[], %s::text[], %s::bigint[], %s::int[], %s::int[],
    %s::int[], %s::bigint[], %s::int[], %s::timestamptz[], %s::uuid[], %s::uuid[], %s::boolean[], %s::jsonb, %s::jsonb)"""


@pytest.fixture
def shop(runtime: Runtime) -> Shop:
    return Shop(runtime)


async def as_before(settings: Settings, transfer: Transfer) -> str:
    """As that release calls: by the old name, with the limits in a list, and without a word about waiting."""
    rules = msgspec.json.encode(limits.list_current(clock.now().date())).decode()
    arguments = (*_arguments([transfer], COUNTRY, None, 0)[:-1], rules)
    async with await psycopg.AsyncConnection.connect(conninfo(settings.database_url)) as connection:
        row = await (await connection.execute(CALL, arguments)).fetchone()
    assert row is not None
    return str(row[0][0])


async def test_the_release_before_posts_under_the_same_limits(shop: Shop, settings: Settings) -> None:
    payer, payee = await shop.person(20_000_000, tier=UNVERIFIED), await shop.person()
    assert await as_before(settings, payment(payer, payee, 1_000, fee=100)) == "posted"
    assert await as_before(settings, payment(payer, payee, 10_000_000)) == "over_transfer_limit"
    assert (await shop.balance(payer), await shop.balance(payee)) == (20_000_000 - 1_100, 1_000)
    assert await shop.findings() == []
