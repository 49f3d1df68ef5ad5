"""Jobs before anybody is hired: posting, finding, applying; and the stars afterwards."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from core import clock, demo
from core.credentials.refusals import TooManyTries
from core.errors import BadAmount, BadChoice, BadText, KeyConflict, NotPermitted, Refusal
from core.i18n import LANGUAGES, translate
from core.jobs import applications, hiring, posts, reviews
from core.jobs import market as listings
from core.jobs.refusals import AlreadyApplied, AlreadyReviewed, JobClosed, TooManyJobs, UnknownJob
from core.ledger.refusals import AccountClosed, OverLimit
from core.money import Money
from core.runtime import Runtime
from menus.engine.dsl import LONGEST
from menus.jobs import words
from tests.core.jobs.market import ASHA, ASHA_MINOR, NJERI, PAY_MINOR, Market
from tests.phone import Phone

MakePhone = Callable[[str], Phone]


@pytest.fixture
async def market(runtime: Runtime) -> Market:
    return await Market.of(runtime)


async def test_a_posted_job_is_found_by_kind_place_and_number_and_costs_nothing(market: Market) -> None:
    job = await market.offer("picking  tea", place="LIMURU town")
    assert (job.title, job.place, job.pay, job.status) == ("Picking tea", "Limuru Town", Money(PAY_MINOR, "KES"), "open")
    assert 10_000 <= job.number <= 99_999
    assert await listings.list_places(market.runtime, "farm") == ["Limuru Town"]
    assert await listings.list_offered(market.runtime, "farm", "Limuru Town") == [job]
    assert (
        await listings.list_offered(market.runtime, "farm", "Kibera")
        == await listings.list_offered(market.runtime, "cooking")
        == []
    )
    assert await listings.get_by_number(market.runtime, f" #{job.number} ") == job
    assert await market.balance(market.asha) == ASHA_MINOR


async def test_the_busiest_places_of_a_category_are_listed_as_many_as_there_is_room_for(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listings, "MOST_LISTED", 3)
    for place in ("Thika", "Nakuru", "Limuru", "Nakuru"):
        await market.offer(place=place)
    await market.offer(place="Kisumu", category="house")
    assert await listings.list_places(market.runtime, "farm") == ["Nakuru", "Limuru"]
    assert len(await listings.list_offered(market.runtime, "farm")) == 3


async def test_a_job_asked_for_twice_under_one_key_is_one_job(market: Market) -> None:
    asked = await asyncio.gather(*(market.offer(key="one") for _ in range(5)))
    assert len({job.number for job in asked}) == 1
    assert await market.offer(key="one") == asked[0]
    with pytest.raises(KeyConflict):
        await market.offer("Picking coffee", key="one")
    # Somebody else's key of the same name is another one.
    assert (await market.offer(key="one", employer=market.njeri)).number != asked[0].number


async def test_the_tenth_open_job_is_the_last_even_when_two_are_posted_at_once(market: Market) -> None:
    own = [await market.offer(f"Picking tea {number}") for number in range(8)]
    last = await asyncio.gather(*(market.offer(f"Weeding {number}") for number in range(4)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in last) == ["Job", "Job", "TooManyJobs", "TooManyJobs"]
    with pytest.raises(TooManyJobs):
        await posts.check_room(market.runtime, market.asha)
    await hiring.cancel(market.runtime, market.asha, own[0].id)
    assert (await market.offer("Weeding again")).status == "open"


async def test_nobody_uses_up_the_numbers_by_posting_and_cancelling_all_day(market: Market) -> None:
    for number in range(posts.MOST_A_DAY):
        job = await market.offer(f"Picking tea {number}")
        await hiring.cancel(market.runtime, market.asha, job.id)
    with pytest.raises(TooManyTries):
        await market.offer()
    with clock.at(clock.now() + timedelta(days=1)):
        assert (await market.offer()).status == "open"


async def test_a_number_that_is_taken_is_given_to_nobody_else(market: Market) -> None:
    first = await market.offer()
    pay = Money(PAY_MINOR, "KES")
    second = await posts.post(market.runtime, market.njeri, "farm", "Limuru", "Weeding", pay, "k", number=first.number)
    assert second.number != first.number
    assert await listings.get_by_number(market.runtime, str(first.number)) == first


async def test_the_demo_has_one_job_of_barakas_however_often_it_is_loaded(market: Market) -> None:
    await demo.create_people(market.runtime)
    job = await listings.get_by_number(market.runtime, "10420")
    assert (job.title, job.place, job.employer.id, job.status) == ("Washing clothes", "Kibera", market.baraka.id, "open")
    assert await listings.list_posted(market.runtime, market.baraka) == [job]


@pytest.mark.parametrize(
    ("said", "refusal"),
    [
        ({"category": "thieving"}, BadChoice),
        ({"place": "K"}, BadText),
        ({"place": "Kibera {balance}"}, BadText),
        ({"place": "M" * 21}, BadText),
        ({"title": "{balance}"}, BadText),
        ({"title": "tea\x00"}, BadText),
        ({"title": "M" * 31}, BadText),
        ({"title": "  "}, BadText),
        ({"pay": Money(0, "KES")}, BadAmount),
        ({"pay": Money(50_000, "UGX")}, BadAmount),
        ({"pay": Money(25_000_001, "KES")}, OverLimit),
    ],
)
async def test_a_job_that_nobody_could_read_or_be_hired_for_is_refused(
    market: Market, said: dict[str, object], refusal: type[Refusal]
) -> None:
    asked: dict[str, object] = {"title": "Picking tea", **said}
    with pytest.raises(refusal):
        await market.offer(**asked)  # type: ignore[arg-type]
    assert await listings.list_posted(market.runtime, market.asha) == []


@pytest.mark.parametrize(
    ("typed", "place"),
    [("kibera", "Kibera"), ("  KAYOLE   2 ", "Kayole 2"), ("ng'ambo ya mto", "Ng'ambo Ya Mto"), ("ol-kalou", "Ol-Kalou")],
)
def test_a_place_is_written_one_way_however_people_type_it(typed: str, place: str) -> None:
    assert listings.read_place(typed) == place == listings.read_place(place)


@pytest.mark.parametrize("number", ["", "104", "1042000", "10420x", "١٠٤٢٠", "job", "1042", "-10420"])
async def test_a_number_that_is_no_jobs_is_refused(market: Market, number: str) -> None:
    with pytest.raises(UnknownJob):
        await listings.get_by_number(market.runtime, number)


async def test_sms_finds_jobs_by_a_word_of_the_title_the_place_or_the_kind_in_either_language(market: Market) -> None:
    job = await market.offer("Picking tea", place="Limuru")
    for word in ("TEA", "limu", "farm", "Shamba", " picking   tea "):
        assert await listings.search(market.runtime, word) == [job], word
    assert {one.number for one in await listings.search(market.runtime)} == {job.number, 10420}
    assert await listings.search(market.runtime, "%") == await listings.search(market.runtime, "diving") == []


async def test_a_job_whose_time_is_over_is_offered_to_nobody_before_the_worker_has_come_to_it(market: Market) -> None:
    job = await market.applied()
    with clock.at(clock.now() + timedelta(days=30)):
        assert await listings.list_offered(market.runtime, "farm") == await listings.search(market.runtime, "tea") == []
        assert await listings.list_places(market.runtime, "farm") == []
        with pytest.raises(JobClosed):
            await applications.apply(market.runtime, market.njeri, job.id)
        with pytest.raises(JobClosed):
            await market.hire(job)
    assert await market.balance(market.asha) == ASHA_MINOR


async def test_applying_tells_the_employer_once_however_often_somebody_thinks_again(market: Market) -> None:
    job = await market.applied()
    with pytest.raises(AlreadyApplied):
        await applications.apply(market.runtime, market.baraka, job.id)
    for _ in range(3):
        await applications.withdraw(market.runtime, market.baraka, job.id)
        assert await applications.list_applicants(market.runtime, market.asha, job.id) == []
        await applications.apply(market.runtime, market.baraka, job.id)
    [applicant] = await applications.list_applicants(market.runtime, market.asha, job.id)
    assert (applicant.name, applicant.rating, applicant.jobs_done) == ("Baraka Otieno", "new", 0)
    assert await market.sms(ASHA, "Baraka Otieno wants your job") == 1


async def test_applying_twice_at_once_is_one_application(market: Market) -> None:
    job = await market.offer()
    asked = await asyncio.gather(
        *(applications.apply(market.runtime, market.baraka, job.id) for _ in range(4)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in asked) == ["AlreadyApplied"] * 3 + ["Job"]
    assert await market.sms(ASHA, "wants your job") == 1


async def test_nobody_applies_for_her_own_job_for_none_or_for_one_that_is_taken(market: Market) -> None:
    job = await market.hired()
    with pytest.raises(NotPermitted):
        await applications.apply(market.runtime, market.asha, job.id)
    with pytest.raises(JobClosed):
        await applications.apply(market.runtime, market.njeri, job.id)
    with pytest.raises(UnknownJob):
        await applications.apply(market.runtime, market.njeri, market.asha.id)
    with pytest.raises(JobClosed):
        await applications.withdraw(market.runtime, market.njeri, job.id)


async def test_somebody_who_has_closed_her_account_neither_posts_nor_applies(market: Market) -> None:
    job = await market.offer()
    await market.one("UPDATE customer SET status = 'closed' WHERE id = :id RETURNING id", id=market.njeri.id)
    with pytest.raises(AccountClosed):
        await applications.apply(market.runtime, market.njeri, job.id)
    with pytest.raises(AccountClosed):
        await market.offer(employer=market.njeri)


async def test_nobody_floods_employers_with_applications(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applications, "MOST_A_DAY", 2)
    own = [await market.offer(f"Picking tea {number}") for number in range(3)]
    for job in own[:2]:
        await applications.apply(market.runtime, market.baraka, job.id)
    with pytest.raises(TooManyTries):
        await applications.apply(market.runtime, market.baraka, own[2].id)
    assert await market.sms(ASHA, "wants your job") == 2


async def test_more_people_than_an_employer_can_see_do_not_apply_in_vain(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applications, "MOST_WAITING", 1)
    job = await market.applied(market.baraka)
    with pytest.raises(JobClosed):
        await applications.apply(market.runtime, market.njeri, job.id)
    await applications.withdraw(market.runtime, market.baraka, job.id)
    assert (await applications.apply(market.runtime, market.njeri, job.id)).applicants == 1


async def test_applicants_are_for_the_employer_alone(market: Market) -> None:
    job = await market.applied()
    with pytest.raises(NotPermitted):
        await applications.list_applicants(market.runtime, market.baraka, job.id)
    with pytest.raises(UnknownJob):
        await applications.list_applicants(market.runtime, market.asha, market.asha.id)


async def test_stars_are_given_once_by_each_side_and_only_for_work_that_was_paid(market: Market) -> None:
    job = await market.finished()
    with pytest.raises(JobClosed):
        await reviews.rate(market.runtime, market.asha, job.id, 5)
    await market.pay(job)
    with pytest.raises(NotPermitted):
        await reviews.rate(market.runtime, market.njeri, job.id, 5)
    for stars in (0, 6, -1):
        with pytest.raises(BadChoice):
            await reviews.rate(market.runtime, market.asha, job.id, stars)
    given = await asyncio.gather(
        *(reviews.rate(market.runtime, market.asha, job.id, stars) for stars in (4, 1, 2)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in given) == ["AlreadyReviewed", "AlreadyReviewed", "NoneType"]
    await reviews.rate(market.runtime, market.baraka, job.id, 2)
    with pytest.raises(AlreadyReviewed):
        await reviews.rate(market.runtime, market.baraka, job.id, 2)
    assert await reviews.has_rated(market.runtime, market.asha, job.id)
    assert not await reviews.has_rated(market.runtime, market.njeri, job.id)


async def test_a_rating_is_the_average_to_one_decimal_and_jobs_done_are_those_that_were_paid(market: Market) -> None:
    for stars in (5, 4, 4):
        await reviews.rate(market.runtime, market.asha, (await market.paid()).id, stars)
    await hiring.give_up(market.runtime, market.baraka, (await market.hired()).id)
    [applicant] = await applications.list_applicants(market.runtime, market.asha, (await market.applied()).id)
    assert (applicant.rating, applicant.jobs_done) == ("4.3", 3)


async def test_thirty_jobs_are_all_reached_on_a_phone(phone: MakePhone, market: Market) -> None:
    people = [market.asha, market.njeri, market.baraka]
    for number in range(29):
        await market.offer(f"Washing shirts {number:02}", employer=people[number % 3], category="house", place="Kibera")
    caller = phone(NJERI)
    await caller.dial("*384*96*6*1*1#")
    screen = await caller.type("2")
    seen = screen.text
    while "98. More" in screen.text:
        screen = await caller.type("98")
        seen += screen.text
    assert [f"Washing shirts {number:02} KES 500" in seen for number in range(29)] == [True] * 29
    assert "30. Washing clothes KES 500" in seen
    # The last one of the last page, and back through the pages.
    assert "10420 Washing clothes" in (await caller.type("30")).text
    assert "You have applied for Washing clothes" in (await caller.type("1")).text
    assert "1. Washing shirts 28" in (await caller.type("0", "0")).text


async def test_a_list_that_was_shown_before_the_job_was_taken_leads_nowhere_wrong(phone: MakePhone, market: Market) -> None:
    job = await market.offer()
    caller = phone(NJERI)
    await caller.dial("*384*96*6*1*2*1#")
    await hiring.cancel(market.runtime, market.asha, job.id)
    screen = await caller.type("1")
    assert screen.text.startswith("That can no longer be done with this job.\nJobs, the newest first")
    assert (await caller.dial("*384*96*6*1*2#")).text.startswith("No work of this kind is offered now.")


def test_every_state_of_a_job_fits_where_a_screen_has_room_for_it() -> None:
    texts = [*words._FOR_EMPLOYER.values(), *words._FOR_WORKER.values(), words._CANCELLED]
    texts += [words._WITHDRAWN, words._NOT_CHOSEN, words._NOT_OFFERED]
    shown = [translate(text, language).format(number=40) for text in texts for language in LANGUAGES]
    assert max(len(text) for text in shown) <= len(LONGEST["status"])
    assert all(len(f"{'M' * 40} ({translate('new', language)})") <= len(LONGEST["employer"]) for language in LANGUAGES)
