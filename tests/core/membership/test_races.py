"""Accounts that are closed while something begins in their name."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import insert

from core import clock, ids
from core.errors import NotPermitted
from core.features import ENDINGS
from core.insurance import claims
from core.ledger.refusals import AccountNotEmpty
from core.ledger.transfer import Leg, Transfer
from core.membership import closing
from core.runtime import Runtime
from core.tables.insurance import policy
from tests.core.membership.test_closing import ASHA, ZAWADI, findings, found, joined, rows
from tests.pins import RIGHT
from tests.races import after_posting, race

HER_ROW = "SELECT FROM customer WHERE id = %(id)s FOR UPDATE"


@pytest.mark.race("core/membership/closing.py:close")
async def test_money_that_is_about_to_arrive_keeps_the_account_open(runtime: Runtime) -> None:
    asha, zawadi = await found(runtime, ASHA), await joined(runtime)
    gift = Transfer(ids.new_id(), asha.wallet, "gift", "send", (Leg(asha.wallet, -100), Leg(zawadi.wallet, 100)))
    closed = await after_posting(runtime, gift, closing.close(runtime, zawadi, RIGHT, ENDINGS))
    assert isinstance(closed, AccountNotEmpty)
    assert await rows(runtime, "SELECT status, balance FROM account WHERE id = :id", id=zawadi.wallet) == [("open", 100)]
    assert await findings(runtime) == []


@pytest.mark.race("core/customers/profiles.py:_is_open")
async def test_of_two_closings_the_later_one_does_nothing(runtime: Runtime) -> None:
    zawadi = await joined(runtime)
    closings = (closing.close(runtime, zawadi, RIGHT, ENDINGS) for _ in range(2))
    assert await race(runtime, HER_ROW, *closings, id=zawadi.id) == [None, None]
    goodbyes = "SELECT count(*) FROM outbox WHERE phone = :phone AND body LIKE 'Goodbye%'"
    assert await rows(runtime, goodbyes, phone=ZAWADI) == [(1,)]


@pytest.mark.usefixtures("contrived")
@pytest.mark.race("core/customers/profiles.py:_is_open")
async def test_a_claim_that_comes_while_the_account_closes_sees_that_it_is_closed(runtime: Runtime) -> None:
    zawadi, today, cover_id = await joined(runtime), clock.now().date(), uuid4()
    cover = {"id": cover_id, "customer_id": zawadi.id, "product": "hospital_cash", "transfer_id": uuid4(), "currency": "KES"}
    days = {"starts": today, "waits_until": today, "ends": today + timedelta(days=30), "created_at": clock.now()}
    async with runtime.database.autocommit() as connection:
        await connection.execute(insert(policy).values(**cover, **days, price=1, cover=1, renews=False))
    closed, claimed = await race(
        runtime,
        HER_ROW,
        closing.close(runtime, zawadi, RIGHT, ENDINGS),
        claims.submit(runtime, zawadi, cover_id, "A fall", today, "claim"),
        id=zawadi.id,
    )
    assert closed is None
    assert isinstance(claimed, NotPermitted)
    assert await rows(runtime, "SELECT count(*) FROM claim") == [(0,)]
