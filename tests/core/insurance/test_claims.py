"""Claims: what is covered by its day, asked for once, decided once, and paid once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import date
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.customers.profiles import Customer
from core.errors import BadAmount, BadText, DayOutOfRange, KeyConflict, NotPermitted, Refusal, RequestWaits
from core.insurance import claims, covers, decisions
from core.insurance.claims import Claim
from core.insurance.refusals import ClaimDecided, NotCovered
from core.ledger.refusals import AccountClosed, OverLimit
from core.money import Money
from core.runtime import Runtime
from core.septets import count, foreign
from core.staff import Staff
from tests import closed
from tests.core.counter import ASHA, BARAKA, check_books, held, kes, one, person, received
from tests.core.insurance.covers import COVER, PRICE, buy, day, on, premiums, set_balance, work

START = 1_250_000


@pytest.fixture
async def asha(runtime: Runtime) -> AsyncIterator[Customer]:
    """Her cover holds, and its waiting time is over."""
    customer = await person(runtime, ASHA)
    with on(0):
        await buy(runtime, customer)
    with on(20):
        yield customer
    await check_books(runtime)


async def make(
    runtime: Runtime, customer: Customer, happened: date | None = None, key: str = "claim", reason: str = "Malaria"
) -> Claim:
    """A claim of the customer's first cover: of something that happened on day 19, if nothing else is said."""
    cover = (await claims.list_claimable(runtime, customer))[0]
    return await claims.submit(runtime, customer, cover.id, reason, happened or day(19), key)


async def test_a_claim_waits_under_a_number_that_is_told_on_the_spot_and_by_sms(runtime: Runtime, asha: Customer) -> None:
    made = await make(runtime, asha)
    assert 100_000 <= made.number <= 999_999
    assert (made.status, made.happened, made.reason, made.cover.minor) == ("waiting", day(19), "Malaria", COVER)
    assert await claims.list_claims(runtime, asha) == [made]
    assert await received(runtime, ASHA, f"Your claim {made.number} for Hospital cash has reached us.") == 1
    assert [one.claim for one in await decisions.list_waiting(runtime)] == [made]


@pytest.fixture
async def gapped(runtime: Runtime) -> AsyncIterator[Customer]:
    """Covered on days 14 to 59, unpaid to day 63, covered again from day 64 to 93, ended then. It is day 100."""
    customer = await person(runtime, ASHA)
    with on(0):
        await buy(runtime, customer)
    with on(30):
        await work(runtime)
        await set_balance(runtime, customer, 0)
    for days in range(60, 64):
        with on(days):
            await work(runtime)
    await set_balance(runtime, customer, PRICE)
    with on(64):
        await work(runtime)
        [policy] = await covers.list_policies(runtime, customer)
        await covers.stop_renewal(runtime, customer, policy.id)
    with on(94):
        await work(runtime)
    with on(100):
        yield customer
    await check_books(runtime)


@settings(
    max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(days=st.integers(-5, 105) | st.sampled_from([9, 10, 13, 14, 59, 60, 63, 64, 93, 94, 100, 101]))
async def test_exactly_the_days_that_were_paid_for_and_waited_for_are_covered(
    runtime: Runtime, gapped: Customer, days: int
) -> None:
    expected: type[Claim | Refusal] = NotCovered
    if not 10 <= days <= 100:
        expected = DayOutOfRange
    elif 14 <= days < 60 or 64 <= days < 94:
        expected = Claim
    got: object
    try:
        got = made = await make(runtime, gapped, day(days), key=uuid4().hex)
        await decisions.decline(runtime, made.number, Staff("Neema"), "Only a test")
    except Refusal as refusal:
        got = refusal
    assert type(got) is expected


async def test_the_same_request_again_and_at_once_is_one_claim(runtime: Runtime, asha: Customer) -> None:
    made = await asyncio.gather(*(make(runtime, asha) for _ in range(5)))
    assert len({one.number for one in made}) == 1
    assert await received(runtime, ASHA, "has reached us") == 1
    await decisions.decline(runtime, made[0].number, Staff("Neema"), "No bill")
    assert (await make(runtime, asha)).number == made[0].number
    with pytest.raises(KeyConflict):
        await make(runtime, asha, day(18))


async def test_of_two_claims_at_once_one_waits_and_the_other_is_refused_until_it_is_decided(
    runtime: Runtime, asha: Customer
) -> None:
    results = await asyncio.gather(*(make(runtime, asha, key=key) for key in "ab"), return_exceptions=True)
    assert Counter(type(result) for result in results) == {Claim: 1, RequestWaits: 1}
    [waits] = await claims.list_claims(runtime, asha)
    await decisions.decline(runtime, waits.number, Staff("Neema"), "No bill")
    with on(21):
        await make(runtime, asha, key="c")
    assert [one.status for one in await claims.list_claims(runtime, asha)] == ["waiting", "declined"]


async def test_nobody_claims_of_the_cover_of_somebody_else(runtime: Runtime, asha: Customer) -> None:
    [cover] = await claims.list_claimable(runtime, asha)
    baraka = await person(runtime, BARAKA)
    for other in (cover.id, uuid4()):
        with pytest.raises(NotPermitted):
            await claims.submit(runtime, baraka, other, "Malaria", day(19), "claim")
    assert await claims.list_claimable(runtime, baraka) == []
    assert await claims.list_claims(runtime, baraka) == []
    assert await one(runtime, "SELECT count(*) FROM claim") == "0"


@given(st.text(max_size=80))
def test_what_the_staff_read_is_short_and_cannot_play_with_their_terminal(text: str) -> None:
    try:
        read = claims.read_text(text)
    except BadText:
        return
    assert count(read) <= claims.MOST_TEXT_CHARACTERS
    assert not foreign(read)
    assert "\n" not in read
    assert "\r" not in read


@pytest.mark.parametrize("reason", ["", "   ", "12345", "?!", "M" * 61, "{}" * 16 + "M"])
async def test_a_reason_that_says_nothing_or_too_much_is_refused(runtime: Runtime, asha: Customer, reason: str) -> None:
    with pytest.raises(BadText):
        await make(runtime, asha, reason=reason)
    assert await claims.list_claims(runtime, asha) == []


async def test_an_approved_claim_is_paid_once_however_often_and_by_whomever_it_is_approved(
    runtime: Runtime, asha: Customer
) -> None:
    made = await make(runtime, asha)
    decided = await asyncio.gather(
        *(decisions.approve(runtime, made.number, Staff(name)) for name in ("Neema", "Juma", "Achieng")),
        decisions.decline(runtime, made.number, Staff("Otieno"), "No bill"),
        return_exceptions=True,
    )
    [first] = [one for one in decided if isinstance(one, Claim)]
    assert Counter(type(one) for one in decided) == {Claim: 1, ClaimDecided: 3}
    with pytest.raises(ClaimDecided):
        await decisions.approve(runtime, made.number, Staff("Neema"))
    paid = COVER if first.status == "paid" else 0
    assert await held(runtime, ASHA) == START - PRICE + paid
    assert await premiums(runtime) == PRICE - paid
    assert [one.status for one in await claims.list_claims(runtime, asha)] == [first.status]
    assert await decisions.list_waiting(runtime) == []


async def test_less_than_the_cover_can_be_paid_and_more_or_nothing_cannot(runtime: Runtime, asha: Customer) -> None:
    made = await make(runtime, asha)
    for amount, refusal in ((kes(0), BadAmount), (Money(COVER + 1, "KES"), OverLimit), (Money(500, "UGX"), BadAmount)):
        with pytest.raises(refusal):
            await decisions.approve(runtime, made.number, Staff("Neema"), amount)
    assert await held(runtime, ASHA) == START - PRICE
    assert (await decisions.approve(runtime, made.number, Staff("Neema"), kes(4_500))).paid == kes(4_500)
    assert (
        await received(runtime, ASHA, f"Your claim {made.number} for Hospital cash is paid: KES 4,500. Balance KES 16,850.") == 1
    )
    assert await one(runtime, "SELECT decided_by FROM claim") == "Neema"


async def test_a_claim_is_paid_after_the_cover_has_ended_for_what_happened_before(runtime: Runtime, asha: Customer) -> None:
    with on(29):
        [cover] = await covers.list_policies(runtime, asha)
        await covers.stop_renewal(runtime, asha, cover.id)
    with on(31):
        await work(runtime)
        made = await make(runtime, asha, day(29))
        assert (await decisions.approve(runtime, made.number, Staff("Neema"))).status == "paid"
    with on(30 + claims.MOST_DAYS_AGO):
        assert await claims.list_claimable(runtime, asha) == []


async def test_what_happened_ninety_days_ago_can_be_claimed_and_no_day_longer(runtime: Runtime, asha: Customer) -> None:
    [cover] = await claims.list_claimable(runtime, asha)
    with on(19 + claims.MOST_DAYS_AGO):
        assert (await claims.submit(runtime, asha, cover.id, "Malaria", day(19), "claim")).happened == day(19)
        with pytest.raises(DayOutOfRange):
            await claims.submit(runtime, asha, cover.id, "Malaria", day(18), "another")
        with pytest.raises(DayOutOfRange):
            await claims.submit(runtime, asha, cover.id, "Malaria", day(20 + claims.MOST_DAYS_AGO), "tomorrow")


async def test_a_closed_account_is_paid_nothing_and_its_claim_can_still_be_declined(runtime: Runtime, asha: Customer) -> None:
    made = await make(runtime, asha)
    await closed.close(runtime, asha.id)
    with pytest.raises(AccountClosed):
        await decisions.approve(runtime, made.number, Staff("Neema"))
    assert [one.claim.status for one in await decisions.list_waiting(runtime)] == ["waiting"]
    assert (await decisions.decline(runtime, made.number, Staff("Neema"), "Account closed")).status == "declined"
    assert await received(runtime, ASHA, "was not paid") == 0
