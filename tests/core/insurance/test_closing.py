"""Which covers and claims keep an account open, and which do not."""

import pytest

from core.errors import NotPermitted
from core.features import ENDINGS
from core.insurance import covers, decisions
from core.membership import closing
from core.membership.refusals import AccountInUse
from core.runtime import Runtime
from core.staff import Staff
from tests import pins
from tests.core.counter import ASHA, check_books, one, person
from tests.core.insurance.covers import PRICE, buy, on, set_balance, work
from tests.core.insurance.test_claims import make
from tests.core.membership.test_closing import joined


async def test_a_cover_that_ended_because_nobody_paid_for_it_keeps_no_account_open(runtime: Runtime) -> None:
    asha = await person(runtime, ASHA)
    with on(0):
        await buy(runtime, asha)
        await set_balance(runtime, asha, 0)
    with on(29), pytest.raises(AccountInUse):
        await closing.close(runtime, asha, pins.RIGHT, ENDINGS)
    for days in range(30, 60):
        with on(days):
            await work(runtime)
    with on(60):
        assert await covers.list_policies(runtime, asha) == []
        await closing.close(runtime, asha, pins.RIGHT, ENDINGS)
    assert await one(runtime, "SELECT status FROM customer WHERE id = :id", id=asha.id) == "closed"
    await check_books(runtime)


async def test_one_customer_sees_and_stops_her_own_covers_and_no_others(runtime: Runtime) -> None:
    asha, zawadi = await person(runtime, ASHA), await joined(runtime)
    await set_balance(runtime, zawadi, PRICE + 100)
    with on(0):
        hers, others = [(await buy(runtime, customer)).policy for customer in (asha, zawadi)]
        assert await covers.list_policies(runtime, asha) == [hers]
        assert await covers.list_policies(runtime, zawadi) == [others]
        assert await covers.get_policy(runtime, asha, hers.id) == hers
        for refused in (
            covers.get_policy(runtime, asha, others.id),
            covers.stop_renewal(runtime, asha, others.id),
            covers.start_renewal(runtime, asha, others.id, pins.RIGHT),
        ):
            with pytest.raises(NotPermitted):
                await refused
        assert await covers.get_policy(runtime, zawadi, others.id) == others


async def test_a_claim_keeps_its_owners_account_open_until_it_is_decided_and_nobody_elses(runtime: Runtime) -> None:
    asha, zawadi = await person(runtime, ASHA), await joined(runtime)
    await set_balance(runtime, zawadi, PRICE + 100)
    for customer in (asha, zawadi):
        with on(0):
            await buy(runtime, customer)
            await set_balance(runtime, customer, 0)
            [policy] = await covers.list_policies(runtime, customer)
            await covers.stop_renewal(runtime, customer, policy.id)
    with on(20):
        claim = await make(runtime, asha)
        with pytest.raises(AccountInUse):
            await closing.close(runtime, asha, pins.RIGHT, ENDINGS)
        await closing.close(runtime, zawadi, pins.RIGHT, ENDINGS)
        await decisions.decline(runtime, claim.number, Staff("Neema"), "No bill")
        assert await one(runtime, "SELECT status FROM policy WHERE customer_id = :id", id=asha.id) == "active"
        await closing.close(runtime, asha, pins.RIGHT, ENDINGS)
    assert await one(runtime, "SELECT count(*) FROM policy WHERE status = 'active'") == "0"
