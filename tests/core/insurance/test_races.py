"""Claims of one cover, and decisions about one claim, that come in the same moment."""

import pytest

from core.customers.profiles import Customer
from core.errors import RequestWaits
from core.insurance import claims, decisions
from core.insurance.claims import Claim
from core.insurance.refusals import ClaimDecided
from core.runtime import Runtime
from core.staff import Staff
from tests.core.counter import ASHA, check_books, held, one
from tests.core.insurance.covers import COVER
from tests.core.insurance.test_claims import asha as asha  # noqa: PLC0414 - pytest's way to share a fixture
from tests.core.insurance.test_claims import make
from tests.races import race


@pytest.mark.race("core/insurance/claims.py:_lock_runs")
async def test_of_two_claims_of_one_cover_the_later_one_sees_that_the_first_waits(runtime: Runtime, asha: Customer) -> None:
    runs = "SELECT FROM policy WHERE customer_id = %(id)s FOR UPDATE"
    first, second = await race(runtime, runs, make(runtime, asha, key="a"), make(runtime, asha, key="b"), id=asha.id)
    assert isinstance(first, Claim)
    assert isinstance(second, RequestWaits)
    assert await claims.list_claims(runtime, asha) == [first]


@pytest.mark.race("core/insurance/decisions.py:_lock_waiting")
@pytest.mark.parametrize("is_paid_first", [True, False])
async def test_of_two_members_of_staff_the_later_one_learns_that_a_claim_is_decided(
    runtime: Runtime, asha: Customer, is_paid_first: bool
) -> None:
    made, before = await make(runtime, asha), await held(runtime, ASHA)
    approved = decisions.approve(runtime, made.number, Staff("Neema"))
    declined = decisions.decline(runtime, made.number, Staff("Juma"), "No bill")
    in_order = (approved, declined) if is_paid_first else (declined, approved)
    first, second = await race(runtime, "SELECT FROM claim WHERE id = %(id)s FOR UPDATE", *in_order, id=made.id)
    assert isinstance(first, Claim)
    assert isinstance(second, ClaimDecided)
    assert await one(runtime, "SELECT status || ' ' || decided_by FROM claim") == (
        "paid Neema" if is_paid_first else "declined Juma"
    )
    assert await held(runtime, ASHA) == before + (COVER if is_paid_first else 0)
    await check_books(runtime)
