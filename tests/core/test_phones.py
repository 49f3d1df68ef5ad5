"""Phone numbers: however a Kenyan writes hers, it is one and the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import phones
from core.errors import BadPhone

# What follows 0 or +254: Safaricom and Airtel, the old ranges and the new ones.
SUBSCRIBERS = st.from_regex(r"\A(?:7[0-2][0-9]|11[0-5]|10[0-2])[0-9]{6}\Z")


@pytest.mark.parametrize(
    "written",
    [
        "0722000111",
        "722000111",
        "254722000111",
        "+254722000111",
        "0722 000 111",
        "0722-000-111",
        "+254 722 000 111",
        "254-722-000111",
        " 0722000111 ",
    ],
)
def test_one_person_is_found_however_her_number_is_written(written: str) -> None:
    assert phones.parse(written, "KE") == "+254722000111"


@pytest.mark.parametrize("written", ["0110123456", "110123456", "254110123456", "+254110123456", "0110 123 456"])
def test_a_number_of_the_0110_range_is_a_mobile_number(written: str) -> None:
    assert phones.parse(written, "KE") == "+254110123456"


@pytest.mark.parametrize("written", ["0100123456", "100123456", "254100123456", "+254100123456", "0100-123-456"])
def test_a_number_of_the_0100_range_is_a_mobile_number(written: str) -> None:
    assert phones.parse(written, "KE") == "+254100123456"


@given(SUBSCRIBERS)
def test_every_spelling_of_every_mobile_number_is_one_number(subscriber: str) -> None:
    grouped = f"{subscriber[:3]} {subscriber[3:6]}-{subscriber[6:]}"
    spellings = [f"{start}{body}" for start in ("0", "254", "+254", "") for body in (subscriber, grouped)]
    assert {phones.parse(spelling, "KE") for spelling in spellings} == {f"+254{subscriber}"}


@given(SUBSCRIBERS)
def test_a_number_shown_to_its_owner_can_be_typed_back(subscriber: str) -> None:
    shown = phones.national(f"+254{subscriber}")
    assert shown == f"0{subscriber}"
    assert phones.parse(shown, "KE") == f"+254{subscriber}"


@pytest.mark.parametrize(
    "written", ["000 00254722000111", "00000254722000111", "0 0722000111", "00722000111", "254254722000111", "0254722000111"]
)
def test_what_stands_before_a_number_and_is_no_code_may_be_another_number(written: str) -> None:
    with pytest.raises(BadPhone):
        phones.parse(written, "KE")


@pytest.mark.parametrize(
    "written", ["00254722000111", "00 254 722 000 111", "+254 (0)722 000111", "2540722000111", "(0722) 000 111"]
)
def test_codes_before_a_number_are_passed_over(written: str) -> None:
    assert phones.parse(written, "KE") == "+254722000111"


def test_the_country_decides_whose_number_it_is() -> None:
    assert phones.parse("0772123456", "UG") == "+256772123456"
    assert phones.parse("+256772123456", "KE") == "+256772123456"


@pytest.mark.parametrize(
    "number", ["+447911123456", "+12025550123", "+256772123456", "+255712345678", "+27821234567", "+971501234567"]
)
def test_a_number_of_another_country_is_nobodys_here(number: str) -> None:
    assert phones.parse(number, "KE") == number
    for written in (number, f"00{number[1:]}"):
        with pytest.raises(BadPhone):
            phones.parse_at_home(written, "KE")
    assert phones.parse_at_home("+254 722 000 111", "KE") == "+254722000111"
    assert phones.parse_at_home("0772123456", "UG") == "+256772123456"


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("", id="nothing"),
        pytest.param("+", id="only a plus"),
        pytest.param("0202222222", id="a landline in Nairobi"),
        pytest.param("+254412222222", id="a landline in Mombasa"),
        pytest.param("0800222111", id="a free number"),
        pytest.param("0900222111", id="a premium number"),
        pytest.param("0722", id="short"),
        pytest.param("072200011", id="a digit missing"),
        pytest.param("07220001112", id="a digit too many"),
        pytest.param("0722000111500", id="a number and an amount"),
        pytest.param("0722000111*500", id="a number, a star and an amount"),
        pytest.param("0722000111,500", id="a number, a comma and an amount"),
        pytest.param("0722000111#5", id="an extension"),
        pytest.param("0722000111x5", id="an extension by letter"),
        pytest.param("0722000111;ext=5", id="an extension in words"),
        pytest.param("0711000001 0722000002", id="two numbers"),
        pytest.param("0722OOO111", id="letters for digits"),
        pytest.param("0722-SHOP-1", id="letters of a keypad"),
        pytest.param("tel:+254722000111", id="a link"),
        pytest.param("٠٧٢٢٠٠٠١١١", id="Arabic digits"),
        pytest.param("0722000111\U0001f600", id="an emoji"),
        pytest.param("0722\n000111", id="two lines"),
        pytest.param("0" * 25, id="long"),
        pytest.param("7" * 100_000, id="very long"),
    ],
)
def test_money_never_goes_to_what_is_no_mobile_number(written: str) -> None:
    with pytest.raises(BadPhone):
        phones.parse(written, "KE")


@given(st.text(max_size=30))
def test_whatever_is_typed_is_a_number_or_refused_and_nothing_breaks(text: str) -> None:
    try:
        number = phones.parse(text, "KE")
    except BadPhone:
        return
    assert number.startswith("+")
    assert number[1:].isdecimal()
