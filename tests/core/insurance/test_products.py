"""The covers that are sold: what the file says, who is sold what on which day, and what is said of a file that is wrong."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import septets
from core.i18n import LANGUAGES, translate
from core.insurance import products
from core.insurance.products import NAMES, BadProducts, Product
from core.money import Money
from menus.engine.dsl import LONGEST
from menus.lint import catalogues

GOOD = """
[[product]]
key = "funeral"
currency = "KES"
from = 2026-01-01
price = 100
cover = 9_000
waiting_days = 10
term_days = 30
grace_days = 7

[[product]]
key = "crop"
currency = "KES"
from = 2026-01-01
price = 600
cover = 15_000
waiting_days = 10
seasons = [
    { sold_from = "01/02", sold_until = "15/04", ends = "31/08" },
    { sold_from = "01/12", sold_until = "15/01", ends = "28/02" },
]
"""
OWN = products.read(products.FILE.read_text())
FUNERAL, CROP = products.read(GOOD)
DAYS = st.dates(min_value=date(2026, 1, 1), max_value=date(2036, 12, 31))


def test_every_product_has_a_name_in_every_language_that_fits_where_names_stand() -> None:
    assert {product.key for product in OWN} == NAMES.keys()
    for name in NAMES.values():
        assert all(name in texts for texts in catalogues().values()), f"{name} is not translated"
        for language in LANGUAGES:
            said = translate(name, language)
            assert septets.count(said) <= len(LONGEST["product"])
            assert not septets.foreign(said)


@pytest.mark.parametrize("product", [*OWN, FUNERAL, CROP], ids=lambda product: product.key)
@given(day=DAYS)
def test_whoever_buys_is_covered_for_some_days_and_none_of_them_is_the_day_of_buying(product: Product, day: date) -> None:
    term = product.term(day)
    if term is None:
        assert product.seasons
        assert product.term(product.sold_next(day)) is not None
        assert day < product.sold_next(day) <= day + timedelta(days=366)
    else:
        assert term.starts == day < term.waits_until < term.ends
        assert product.sold_next(day) == day


@pytest.mark.parametrize(
    ("day", "last_day"),
    [
        ("2027-01-31", None),
        ("2027-02-01", "2027-08-31"),
        ("2027-04-15", "2027-08-31"),
        ("2027-04-16", None),
        ("2027-11-30", None),
        ("2027-12-01", "2028-02-28"),
        ("2027-12-31", "2028-02-28"),
        ("2028-01-01", "2028-02-28"),
        ("2028-01-15", "2028-02-28"),
        ("2028-01-16", None),
    ],
)
def test_a_season_is_sold_in_its_days_also_over_new_year_and_lasts_to_its_end(day: str, last_day: str | None) -> None:
    term = CROP.term(date.fromisoformat(day))
    assert (term and str(term.last_day)) == last_day


@pytest.mark.parametrize(
    ("day", "sold"), [("2027-01-16", "2027-02-01"), ("2027-04-16", "2027-12-01"), ("2027-03-03", "2027-03-03")]
)
def test_who_is_too_early_is_told_the_first_day_of_sale(day: str, sold: str) -> None:
    assert str(CROP.sold_next(date.fromisoformat(day))) == sold


def test_a_new_price_holds_from_its_day_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    dearer = replace(FUNERAL, starts=date(2027, 7, 1), price=Money(20_000, "KES"))
    monkeypatch.setattr(products, "_products", lambda: (dearer, FUNERAL, CROP))
    assert products.find("funeral", "KES", date(2027, 6, 30)) == FUNERAL
    assert products.find("funeral", "KES", date(2027, 7, 1)) == dearer
    assert [product.key for product in products.list_current("KES", date(2027, 7, 1))] == ["funeral", "crop"]
    assert products.list_current("KES", date(2025, 12, 31)) == products.list_current("UGX", date(2027, 7, 1)) == []
    assert products.find("gold", "KES", date(2027, 7, 1)) is None


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        (GOOD, "[[product", "not TOML"),
        (GOOD, "", "there is no [[product]] in it"),
        (GOOD, "product = 5", "each product begins with [[product]]"),
        (GOOD, "product = [5]", "each product begins with [[product]]"),
        ('key = "funeral"', "", "product 1: `key` is missing or not a str"),
        ('"funeral"', '"gold"', "product 1: key is one of hospital_cash, funeral, personal_accident, crop"),
        ('"KES"', '"EUR"', "product 1: currency is one of KES, UGX, TZS, RWF, USD"),
        ("2026-01-01", '"2026-01-01"', "product 1: `from` is missing or not a date"),
        ("2026-01-01", "2026-01-01T00:00:00", "product 1: `from` is missing or not a date"),
        ("price = 100", "price = 99.5", "product 1: `price` is missing or not a int"),
        ("price = 100", "price = true", "product 1: `price` is missing or not a int"),
        ("price = 100", "price = 0", "product 1: price is above 0 and below cover"),
        ("price = 100", "price = 9_000", "product 1: price is above 0 and below cover"),
        ("waiting_days = 10", "waiting_days = 0", "product 1: waiting_days is between 1 and 366"),
        ("waiting_days = 10", "waiting_days = 30", "product 1: who buys it is never covered"),
        ("term_days = 30", "", "product 1: `term_days` is missing or not a int"),
        ("term_days = 30", "term_days = 6", "product 1: term_days is between 7 and 366"),
        ("term_days = 30", "term_days = 367", "product 1: term_days is between 7 and 366"),
        ("grace_days = 7", "grace_days = -1", "product 1: grace_days is between 0 and term_days"),
        ("grace_days = 7", "grace_days = 31", "product 1: grace_days is between 0 and term_days"),
        ("grace_days = 7", "grace_days = 7\ngrace = 3", "product 1: `grace` does not belong there"),
        ("seasons = [", "term_days = 30\nseasons = [", "product 2: `term_days` does not belong there"),
        (GOOD[GOOD.index("seasons") :], "seasons = []", "product 2: it has no seasons"),
        (GOOD[GOOD.index("seasons") :], "seasons = [1]", "product 2: a season has sold_from, sold_until, ends"),
        (', ends = "31/08"', "", "product 2: a season has sold_from, sold_until, ends"),
        ('"01/02"', '"1/2"', "product 2: '1/2' is no day/month that every year has"),
        ('"01/02"', '"29/02"', "product 2: '29/02' is no day/month that every year has"),
        ('"01/02"', '"31/04"', "product 2: '31/04' is no day/month that every year has"),
        ('"01/02"', "102", "product 2: 102 is no day/month that every year has"),
        ('"01/02"', '"15/01"', "product 2: two seasons are sold on 15/01"),
        ('"31/08"', '"24/04"', "product 2: who buys it on 15/04 is never covered"),
        (GOOD, GOOD * 2, "two products crop in KES from 2026-01-01, funeral in KES from 2026-01-01"),
    ],
)
def test_whoever_breaks_the_file_is_told_in_words_what_is_wrong(good: str, bad: str, said: str) -> None:
    assert good in GOOD
    with pytest.raises(BadProducts) as refused:
        products.read(GOOD.replace(good, bad, 1) if good != GOOD else bad)
    assert said in str(refused.value)


def test_all_that_is_wrong_is_said_at_once() -> None:
    broken = GOOD.replace("price = 100", "price = 0").replace('"01/02"', '"never"').replace("grace_days = 7", "grace_days = 99")
    with pytest.raises(BadProducts) as refused:
        products.read(broken)
    assert str(refused.value).splitlines() == [
        "product 1: price is above 0 and below cover",
        "product 1: grace_days is between 0 and term_days",
        "product 2: 'never' is no day/month that every year has, such as '15/04'",
    ]
