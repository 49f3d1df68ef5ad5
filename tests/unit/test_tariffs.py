"""What sending money costs: the service's published bands, to the cent."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import clock
from core.errors import OverLimit
from core.ledger import tariffs
from core.ledger.tariffs import Band, Tariff
from core.money import Money

# Amounts up to and with the first cost the second, in shillings.
BANDS = (
    (100, 0),
    (500, 7),
    (1_000, 13),
    (1_500, 23),
    (2_500, 33),
    (3_500, 53),
    (5_000, 57),
    (7_500, 78),
    (10_000, 90),
    (15_000, 100),
    (20_000, 105),
    (250_000, 108),
)
MOST = 25_000_000


@pytest.fixture(autouse=True, scope="module")
def _in_2026() -> Iterator[None]:
    with clock.at(datetime(2026, 6, 1, tzinfo=UTC)):
        yield


def fee(minor: int) -> Money:
    return tariffs.fee("send", Money(minor, "KES"))


@pytest.mark.parametrize(("up_to", "shillings"), BANDS)
def test_the_last_shilling_of_a_band_costs_what_is_published(up_to: int, shillings: int) -> None:
    assert fee(up_to * 100) == Money(shillings * 100, "KES")


@pytest.mark.parametrize(("below", "above"), list(pairwise(BANDS)))
def test_the_first_cent_above_a_band_costs_what_the_next_one_does(below: tuple[int, int], above: tuple[int, int]) -> None:
    assert fee(below[0] * 100 + 1) == Money(above[1] * 100, "KES")


@pytest.mark.parametrize("minor", [1, 100, 5_000, 10_000])
def test_small_amounts_are_sent_for_nothing(minor: int) -> None:
    assert fee(minor) == Money(0, "KES")


@pytest.mark.parametrize("minor", [MOST + 1, MOST + 100, 10**15])
def test_more_than_may_be_sent_at_once_is_refused_and_the_most_is_named(minor: int) -> None:
    with pytest.raises(OverLimit) as refused:
        fee(minor)
    assert refused.value.params == {"most": "KES 250,000"}


@given(st.integers(1, MOST), st.integers(1, MOST))
def test_more_money_never_costs_less_to_send(one: int, other: int) -> None:
    less, more = sorted((one, other))
    assert fee(less) <= fee(more)


@given(st.integers(1, MOST))
def test_a_fee_is_never_above_what_is_sent(minor: int) -> None:
    assert fee(minor) <= Money(minor, "KES")


def test_there_is_no_price_in_a_currency_nobody_has_set_one_for() -> None:
    with pytest.raises(LookupError, match="no tariff for send in USD"):
        tariffs.fee("send", Money(100, "USD"))


def test_a_tariff_says_nothing_about_the_days_before_it_begins() -> None:
    with clock.at(datetime(2025, 12, 30, tzinfo=UTC)), pytest.raises(LookupError, match="2025-12-30"):
        fee(100)


def test_a_new_tariff_holds_from_its_day_and_the_old_one_until_then(monkeypatch: pytest.MonkeyPatch) -> None:
    def flat(starts: date, price: int) -> Tariff:
        return Tariff("send", "KES", starts, (Band(Money(MOST, "KES"), Money(price, "KES")),))

    both = (flat(date(2027, 1, 1), 900), flat(date(2026, 1, 1), 700))
    monkeypatch.setattr(tariffs, "_tariffs", lambda: both)
    with clock.at(datetime(2026, 12, 31, 12, tzinfo=UTC)):
        assert fee(50_000) == Money(700, "KES")
    with clock.at(datetime(2027, 1, 1, 12, tzinfo=UTC)):
        assert fee(50_000) == Money(900, "KES")
