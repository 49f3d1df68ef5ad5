"""What was typed on this hop, out of a text that repeats everything."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ussd.transcript import Mark, NoInput, Transcript, Typed
from tests.pins import RIGHT, WRONG

TRANSCRIPT = Transcript("pepper")
ANYTHING = st.text(max_size=12) | st.sampled_from(["*", "**", "0", "98", "4*500", ""])
# The first hop of all has the empty text, so an empty first input is no hop of its own.
FIRST = ANYTHING.filter(lambda typed: typed and not typed.startswith("*"))


def play(inputs: list[str], dialled: str = "") -> tuple[list[Typed | NoInput], list[Mark]]:
    """What each input of a session is read as, and the mark that each hop leaves."""
    text, mark, before = dialled, TRANSCRIPT.mark(dialled), 0
    found, marks = [], [mark]
    for typed in inputs:
        before = len(text)
        text = f"{text}*{typed}" if text else typed
        found.append(TRANSCRIPT.read(text, mark))
        mark = TRANSCRIPT.mark(text, before)
        marks.append(mark)
    return found, marks


def test_a_menu_is_walked_key_by_key() -> None:
    found, _ = play(["4", "0722000111", "500"])
    assert found == [Typed("4", ""), Typed("0722000111", "4"), Typed("500", "0722000111")]


@pytest.mark.parametrize("typed", ["*", "**", "a*b", "*5", "5*", "*384*96#"])
def test_a_star_that_a_customer_types_is_part_of_what_she_typed(typed: str) -> None:
    found, _ = play(["4", typed, "1"])
    assert found == [Typed("4", ""), Typed(typed, "4"), Typed("1", typed)]


def test_a_star_typed_first_of_all_is_part_of_what_was_typed_before() -> None:
    found, _ = play(["*5", "1"])
    assert found == [Typed("*5", ""), Typed("1", "*5")]


@given(FIRST, st.lists(ANYTHING, max_size=8))
def test_every_input_of_every_session_comes_back_with_the_one_before_it(first: str, more: list[str]) -> None:
    inputs = [first, *more]
    found, _ = play(inputs)
    assert found == [Typed(typed, previous) for typed, previous in zip(inputs, ["", *inputs], strict=False)]


@given(FIRST, st.lists(ANYTHING, min_size=1, max_size=5))
def test_a_session_that_began_with_a_direct_dial_goes_on_from_it(dialled: str, inputs: list[str]) -> None:
    found, _ = play(inputs, dialled)
    assert [typed.text for typed in found if isinstance(typed, Typed)] == inputs


@given(st.text(max_size=40))
def test_a_hop_that_the_network_repeats_is_no_new_input(text: str) -> None:
    assert TRANSCRIPT.read(text, TRANSCRIPT.mark(text)) is NoInput.REPEATED


@given(FIRST, st.lists(ANYTHING, min_size=1, max_size=6))
def test_an_older_hop_that_comes_late_is_not_taken_for_the_next_input(first: str, more: list[str]) -> None:
    inputs = [first, *more]
    _, marks = play(inputs)
    for late in range(len(inputs)):
        assert TRANSCRIPT.read("*".join(inputs[:late]), marks[-1]) is NoInput.OUT_OF_ORDER


@pytest.mark.parametrize(
    "text", ["5*0722000111*500", "4*0722000112", "4*07220001119", "4*0722000111500", "", "4", "*", "4*0722000111#500"]
)
def test_a_text_that_does_not_go_on_from_the_last_one_is_not_taken_for_an_input(text: str) -> None:
    assert TRANSCRIPT.read(text, TRANSCRIPT.mark("4*0722000111")) is NoInput.OUT_OF_ORDER


def test_a_repeated_pin_can_be_compared_although_it_was_not_kept() -> None:
    found, marks = play(["1", "Asha Wanjiku", "22345601", RIGHT, RIGHT])
    last = found[-1]
    assert isinstance(last, Typed)
    assert last.text == last.previous
    assert all(RIGHT.encode() not in msgspec.msgpack.encode(mark) for mark in marks)


@given(st.text(min_size=6, max_size=60))
def test_what_is_kept_of_a_text_never_contains_it(text: str) -> None:
    kept = msgspec.msgpack.encode(TRANSCRIPT.mark(text, before=3))
    assert text.encode() not in kept
    assert not any(text[start : start + 6].encode() in kept for start in range(len(text) - 5))


def test_a_pin_cannot_be_guessed_from_what_is_kept_without_the_secret() -> None:
    assert TRANSCRIPT.mark(RIGHT).digest != Transcript("another").mark(RIGHT).digest
    assert TRANSCRIPT.mark(RIGHT).digest != TRANSCRIPT.mark(WRONG).digest


def test_what_was_kept_before_a_restart_is_recognised_after_it() -> None:
    kept = msgspec.msgpack.encode(TRANSCRIPT.mark("4*500", before=1))
    mark = msgspec.msgpack.decode(kept, type=Mark)
    assert Transcript("pepper").read("4*500*1", mark) == Typed("1", "500")
