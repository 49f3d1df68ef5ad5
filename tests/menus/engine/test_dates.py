"""Dates as people type them, on keys that may have no slash."""

import contextlib
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadDate
from menus.engine import inputs
from tests.menus.engine.shop import session, step

STEP = step(session(), "")


def read(text: str) -> date:
    return inputs.date(replace(STEP, text=text))


@pytest.mark.parametrize(
    "text",
    [
        "31/12/2026",
        "31/12/2026.",
        "“31/12/2026”",
        "٣١/١٢/٢٠٢٦",
        "31-12-2026",
        "31.12.2026",
        "31 12 2026",
        " 31/12/2026 ",
        "31/12/26",
        "31-12-26",
        "31.12.26",
        "31122026",
    ],
)
def test_a_day_may_be_written_in_any_usual_way(text: str) -> None:
    assert read(text) == date(2026, 12, 31)


@pytest.mark.parametrize("text", ["1/2/2027", "01/02/2027", "1-2-27", "01022027"])
def test_the_day_comes_before_the_month(text: str) -> None:
    assert read(text) == date(2027, 2, 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "soon",
        "31/12",
        "31/12/026",
        "31/12/20266",
        "2026-12-31",
        "32/01/2027",
        "29/02/2027",
        "00/01/2027",
        "01/13/2027",
        "01/01/0000x",
        "1122027",
        "311226",
        "31/12/2026/1",
        "31//12/2026",
        "-1/12/2026",
        "31/12/2026\n1",
    ],
)
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(BadDate):
        read(text)


@given(day=st.dates(min_value=date(2000, 1, 1), max_value=date(2099, 12, 31)), between=st.sampled_from("/-. "))
def test_every_day_can_be_written_long_and_short(day: date, between: str) -> None:
    assert read(f"{day.day}{between}{day.month}{between}{day.year}") == day
    assert read(f"{day:%d}{between}{day:%m}{between}{day:%y}") == day


@given(text=st.text(max_size=20))
def test_nothing_that_is_typed_breaks_the_reader(text: str) -> None:
    with contextlib.suppress(BadDate):
        assert isinstance(read(text), date)
