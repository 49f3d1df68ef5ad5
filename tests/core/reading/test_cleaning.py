"""What people's phones put around their words does no harm, and nothing that is dropped changes what was meant."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import reading
from core.errors import BadAmount, BadPhone
from core.money import Money

# What a phone, a keyboard or a messenger puts beside words: nothing of it is seen, or it is a blank.
INVISIBLE = [
    *"\u00ad\u034f\u061c\u115f\u17b4\u180b\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2061\u2064",
    *"\u2066\u2067\u2068\u2069\u206a\u206f\u20e3\u2800\u3164\ufe0e\ufe0f\ufeff\uffa0\ufff9\U000e0001\U000e0100",
    *"\x00\x01\x07\x08\x1b\x7f\x80\x9f",
]
BLANKS = [*"\t\n\v\f\r \x85\u00a0\u1680\u2000\u2003\u2007\u2009\u200a\u2028\u2029\u202f\u205f\u3000"]


@pytest.mark.parametrize("sign", INVISIBLE, ids=ascii)
def test_what_is_not_seen_is_not_there(sign: str) -> None:
    assert reading.clean(f"{sign}50{sign}0{sign}") == "500"
    assert reading.clean(f"{sign}As{sign}ha{sign} Wanjiku{sign}") == "Asha Wanjiku"


@pytest.mark.parametrize("blank", BLANKS, ids=ascii)
def test_every_blank_is_a_space_and_none_stands_around_a_text(blank: str) -> None:
    assert reading.clean(f"{blank}1{blank}500{blank}") == "1 500"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("“STOP”", '"STOP"'),
        ("«STOP»", '"STOP"'),
        ("‘STOP‛", "'STOP'"),
        ("Ng’ang’a", "Ng'ang'a"),
        ("Ng`ang`a", "Ng'ang'a"),
        ("Ng´ang´a", "Ng'ang'a"),
        ("Ngʼangʼa", "Ng'ang'a"),
        ("0722–000—111", "0722-000-111"),
        ("0722\u2011000\u2212111", "0722-000-111"),
        ("５００", "500"),
        ("ＳＴＯＰ！", "STOP!"),
        ("٥٠٠", "500"),
        ("۵۰۰", "500"),
        ("५००", "500"),
        ("5\ufe0f\u20e30\ufe0f\u20e30\ufe0f\u20e3", "500"),
        ("Wanjiku\u0303", "Wanjikũ"),
        ("Wanjiku\u200b\u0303", "Wanjikũ"),
    ],
)
def test_signs_and_digits_of_every_keyboard_are_those_of_a_phone(typed: str, meant: str) -> None:
    assert reading.clean(typed) == meant


def test_a_heap_of_accents_is_not_put_in_order() -> None:
    heap = "\u0316\u0301" * 5_000
    assert len(reading.clean(f"a{heap}b{heap}")) < 100
    assert len(reading.tidy(f"a{heap}b")) < 100
    assert reading.clean("Wanjiku\u0303") == "Wanjikũ"


@pytest.mark.parametrize("typed", ["5²", "½", "①", "5₂", "Ⅴ", "㎏", "l00", "O", "日本"])
def test_a_sign_that_means_something_else_is_no_digit(typed: str) -> None:
    assert reading.clean(typed) == typed
    with pytest.raises(BadAmount):
        reading.amount(typed, "KES")


@given(st.text(alphabet=st.characters(exclude_categories=[]), max_size=60))
def test_what_is_clean_stays_as_it_is_and_can_be_stored_and_sent(text: str) -> None:
    cleaned = reading.clean(text)
    assert reading.clean(cleaned) == cleaned
    assert not {unicodedata.category(character) for character in cleaned} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert cleaned.encode().decode() == cleaned


AMOUNTS = [
    "500", "500.00", "KES 500", "kes500", "KES: 500", "Ksh500", "Ksh 500", "Ksh. 500", "KSH.500", "Kshs 500",
    "Kshs. 500", "sh 500",
    "Sh. 500", "shs 500", "shilingi 500", "500 bob", "500bob", "500 Bob.", "500 KES", "500 ksh.", "500 shillings",
    "500 shilingi",
    "500sh", "500 shs", "500/=", "500/-", "500 /=", "500=", "500/", "/=500", "Ksh 500/=", "Ksh. 500/-", "500.", "500,",
    "500!", "500#",
    '"500"', "“500”", "\u200e500\u200f", "\u2068500\u2069", "\u00a0500\u00a0", "Ksh\u00a0500", "500\ufeff",
    "５００", "٥٠٠", "0500", "500🙏", "👉500",
]  # fmt: skip


@pytest.mark.parametrize("written", AMOUNTS, ids=ascii)
def test_an_amount_is_read_in_every_way_people_write_it(written: str) -> None:
    assert reading.whole_amount(written, "KES") == Money(50_000, "KES")


@pytest.mark.parametrize(
    ("written", "units"),
    [
        ("1 000", 1_000),
        ("1\u00a0000", 1_000),
        ("1\u2009000", 1_000),
        ("12 500", 12_500),
        ("Ksh. 12 500/-", 12_500),
        ("1 234 567", 1_234_567),
        ("100 000", 100_000),
        ("250 000 bob", 250_000),
        ("1,500", 1_500),
        ("KES 1,500/=", 1_500),
    ],
)
def test_thousands_are_read_behind_commas_and_spaces(written: str, units: int) -> None:
    assert reading.whole_amount(written, "KES") == Money.of_units(units, "KES")


@pytest.mark.parametrize(
    "written",
    [
        "500 600", "125 500", "1 00", "1 0000", "1  000", "1, 000", "1,000 000", "1 000,000", "1.000", "1.500", "-500",
        "(500)", "+500",
        "500 - 600", "1🙂500",
        "500 or 600", "5 0 0", "500 bob bob", "ush 500", "500 tsh", "500 usd", "$500", "500 k", "1k", ".50",
        "bob", "0", "",
        "500\n600", "1\n500", "1\u2028500", "0 500", "01 000", "500 0722000111", "5*00", "50O",
    ],
    ids=ascii,
)  # fmt: skip
def test_what_can_be_read_in_two_ways_or_in_none_is_no_amount(written: str) -> None:
    with pytest.raises(BadAmount):
        reading.whole_amount(written, "KES")


@pytest.mark.parametrize(
    "written",
    [
        "0722000002#", "0722000002.", "0722000002,", '"0722000002"', "“0722000002”", "'0722000002'", "0722000002?",
        "(0722) 000 002",
        "(0722)000-002", "+254 (722) 000 002", "0722\u00a0000\u00a0002", "0722\u2011000\u2011002", "\u202a0722000002\u202c",
        "\u2068+254 722 000002\u2069", "\u200e0722000002", "07\u200b22000002", "\ufeff254722000002", "00254722000002",
        "０７２２０００００２",
        "0722 000 002\n", "722000002#",
    ],
    ids=ascii,
)  # fmt: skip
def test_a_number_is_read_in_every_way_people_write_or_copy_it(written: str) -> None:
    assert reading.phone(written, "KE") == "+254722000002"


@pytest.mark.parametrize(
    "written",
    ["0722000002#5", "*0722000002", "0722000002*500", "-0722000002", "0722000002/0733000003", "tel:0722000002", "0722O00002"],
)
def test_a_number_with_something_more_is_nobodys(written: str) -> None:
    with pytest.raises(BadPhone):
        reading.phone(written, "KE")
