"""Amounts: what people write and what they read."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.countries import CURRENCIES
from core.money import Money, NotAnAmount

CURRENCY = st.sampled_from(sorted(CURRENCIES))
# As much as fifteen digits of the currency's smallest unit.
MINOR = st.integers(0, 10**15 - 1)


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (1_250_000, "KES", "KES 12,500"),
        (1_250_050, "KES", "KES 12,500.50"),
        (1_250_005, "KES", "KES 12,500.05"),
        (7, "KES", "KES 0.07"),
        (0, "KES", "KES 0"),
        (99_999_999_999, "KES", "KES 999,999,999.99"),
        (-50_700, "KES", "-KES 507"),
        (-50, "KES", "-KES 0.50"),
        (12_500, "UGX", "UGX 12,500"),
        (1_250_000, "RWF", "RWF 1,250,000"),
    ],
)
def test_a_customer_reads_her_balance_as_it_is(minor: int, currency: str, shown: str) -> None:
    assert str(Money(minor, currency)) == shown


@pytest.mark.parametrize(
    "written",
    [
        "500",
        "500.00",
        "500.0",
        "KES 500",
        "kes500",
        "Ksh500",
        "KSh. 500",
        "500 KES",
        "500/=",
        "500/-",
        " 500 ",
        "000500",
        "0,500",
        "500 bob",
        "Kshs. 500",
        "500 shillings",
        "Ksh. 500/-",
    ],
)
def test_an_amount_is_understood_in_every_way_people_write_it(written: str) -> None:
    assert Money.parse(written, "KES") == Money(50_000, "KES")


@pytest.mark.parametrize(
    ("written", "currency", "minor"),
    [
        ("1,500.50", "KES", 150_050),
        ("1500.5", "KES", 150_050),
        ("12,500", "KES", 1_250_000),
        ("1,234,567.89", "USD", 123_456_789),
        ("12,500", "UGX", 12_500),
        ("500.00", "UGX", 500),
        ("USh 500", "UGX", 500),
        ("TSh 500", "TZS", 50_000),
        ("999999999999999.99", "KES", 99_999_999_999_999_999),
    ],
)
def test_an_amount_is_worth_what_it_says_in_its_currency(written: str, currency: str, minor: int) -> None:
    assert Money.parse(written, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("", id="nothing"),
        pytest.param("KES", id="only a currency"),
        pytest.param("five hundred", id="words"),
        pytest.param("5OO", id="letters for digits"),
        pytest.param("500 only", id="another word"),
        pytest.param("-500", id="negative"),
        pytest.param("+500", id="a sign"),
        pytest.param("5e3", id="an exponent"),
        pytest.param("0x1F4", id="hexadecimal"),
        pytest.param("1_000", id="underscore"),
        pytest.param("inf", id="infinite"),
        pytest.param("nan", id="no number"),
        pytest.param("٥٠٠", id="Arabic digits"),
        pytest.param("５００", id="wide digits"),  # noqa: RUF001, RUF100 - they are meant
        pytest.param("5²", id="a power"),
        pytest.param("\u212aES 500", id="a sign that only looks like K"),
        pytest.param("500.505", id="three decimals"),
        pytest.param("500.000", id="three decimals, all nought"),
        pytest.param("500.", id="a point and nothing"),
        pytest.param(".50", id="no whole part"),
        pytest.param("1,50", id="a comma for a point"),
        pytest.param("1,500,00", id="commas astray"),
        pytest.param("5 00", id="a space inside"),
        pytest.param("500 600", id="two amounts or one"),
        pytest.param("1 500 00", id="spaces astray"),
        pytest.param("1" + " " * 5_000 + "1", id="thousands of spaces"),
        pytest.param("500\n600", id="two amounts"),
        pytest.param("1" + "0" * 15, id="sixteen digits"),
        pytest.param("9" * 5_000, id="thousands of digits"),
        pytest.param("USD 500", id="another currency"),
        pytest.param("500 UGX", id="another currency behind"),
        pytest.param("USh 500", id="another country's shilling"),
    ],
)
def test_what_is_no_amount_is_never_taken_for_one(written: str) -> None:
    with pytest.raises(NotAnAmount):
        Money.parse(written, "KES")


@pytest.mark.parametrize(("written", "currency"), [("Ksh 500", "UGX"), ("KES 500", "USD"), ("500.50", "UGX"), ("1.01", "RWF")])
def test_another_countrys_money_is_not_read_as_ones_own(written: str, currency: str) -> None:
    with pytest.raises(NotAnAmount):
        Money.parse(written, currency)


@given(MINOR, CURRENCY)
def test_an_amount_that_was_shown_can_be_typed_back(minor: int, currency: str) -> None:
    amount = Money(minor, currency)
    assert Money.parse(str(amount), currency) == amount
    assert Money.parse(str(amount).removeprefix(f"{currency} "), currency) == amount


@given(st.text(max_size=30) | st.from_regex(r"\A[0-9,.]{1,20}\Z"), CURRENCY)
def test_whatever_is_typed_is_an_amount_or_refused_and_nothing_breaks(text: str, currency: str) -> None:
    try:
        amount = Money.parse(text, currency)
    except NotAnAmount:
        return
    assert amount.minor >= 0
    assert amount.currency == currency


@pytest.mark.parametrize(
    "mix",
    [Money.__add__, Money.__sub__, Money.__lt__, Money.__le__, Money.__gt__, Money.__ge__],
    ids=["add", "subtract", "below", "at most", "above", "at least"],
)
def test_shillings_and_dollars_never_mix(mix: Callable[[Money, Money], object]) -> None:
    with pytest.raises(ValueError, match="do not mix"):
        mix(Money(1, "KES"), Money(1, "USD"))
    assert Money(1, "KES") != Money(1, "USD")


def test_a_currency_the_service_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="not a currency"):
        Money(1, "XXX")


@given(MINOR, MINOR, CURRENCY)
def test_sums_are_exact_to_the_last_cent(one: int, other: int, currency: str) -> None:
    first, second = Money(one, currency), Money(other, currency)
    assert (first + second - second, -first) == (first, Money(-one, currency))
    assert (first + second).minor == one + other
    assert (first < second, first <= second, first > second, first >= second) == (
        one < other,
        one <= other,
        one > other,
        one >= other,
    )


@pytest.mark.parametrize(
    ("amount", "whole"), [(Money(50_000, "KES"), True), (Money(50_050, "KES"), False), (Money(501, "UGX"), True)], ids=str
)
def test_cents_are_told_from_whole_shillings(amount: Money, whole: bool) -> None:
    assert amount.is_whole is whole
