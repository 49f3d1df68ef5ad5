"""Amounts and phones as people write them, at random: what is read is what was meant, or nothing is.

Each text is made from an amount and a phone that are known, so a spelling that is read as anything else fails, however likely it
looks. What people may rightly be refused for is not looked at here: `test_commands.py` says what must be understood.
"""

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from core import reading
from core.errors import BadAmount
from core.money import Money
from gateway.sms.commands import Command, LooksLikeAPin, NotUnderstood, parse

UNITS = st.one_of(st.integers(1, 250_000), st.sampled_from([5, 50, 100, 254, 500, 722, 1_000, 1_500, 10_000, 12_500, 254_000]))
SUBSCRIBERS = st.from_regex(r"\A(?:722000|7[0-2][0-9]00[0-9]|1100[0-9]0)[0-9]{3}\Z")
BEFORE = st.sampled_from(
    ["", "", "KES ", "Ksh ", "ksh.", "Ksh. ", "sh ", "/=", "KES: ", "bob ", "of ", "amount: ", "~", "$", "USD "]
)
BEHIND = st.sampled_from(
    ["", "", "/=", "/-", " /=", " bob", " KES", "ksh", " shillings", "=", ".00", ".", "-", ",", "!", " each", "k"]
)
BETWEEN = st.sampled_from([" ", "  ", ", ", "\n", "; ", " to ", " kwa ", " - ", " -> ", "/", ": ", " please "])
CODES = st.sampled_from(["0", "", "254", "+254", "00254", "+2540", "254 ", "+254 ", "0 ", "(0)", "00 254 ", "+ 254 ", "+254(0)"])
SIGNS = st.sampled_from([" ", " ", "-", " - ", ".", ", ", "\u00a0", ") ", "/"])
GROUPED = (
    ",",
    " ",
    ", ",
    ".",
    ". ",
    "'",
    "_",
    " , ",
    "\u202f",
    "\u2009",
    "/",
    " /",
    ";",
    "; ",
    " - ",
    "-",
    "\n",
    " (",
    ") ",
    " #",
    "🙏",
)


@st.composite
def amounts(draw: st.DrawFn, units: int) -> str:
    plain, grouped = str(units), f"{units:,}"
    digit = draw(st.integers(1, len(plain)))
    spellings = [
        plain,
        grouped,
        *(grouped.replace(",", sign) for sign in GROUPED),
        f"{plain[:digit]} {plain[digit:]}",
        " ".join(plain),
        plain.replace("0", "O"),
        plain.replace("1", "l"),
        f"({plain})",
        f"0{plain}",
        plain.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")),
        f"{units / 1000:g}k",
    ]
    return draw(BEFORE) + draw(st.sampled_from(spellings)) + draw(BEHIND)


@st.composite
def numbers(draw: st.DrawFn, subscriber: str) -> str:
    pieces = [*subscriber]
    for place in draw(st.sets(st.integers(1, 8), max_size=3)):
        pieces[place] = draw(SIGNS) + pieces[place]
    return draw(CODES) + "".join(pieces) + draw(st.sampled_from(["", "", "#", ".", ",", "!", "🙏"]))


@settings(max_examples=400)
@given(st.data(), UNITS, SUBSCRIBERS)
def test_a_transfer_is_read_as_it_was_meant_or_not_at_all(data: st.DataObject, units: int, subscriber: str) -> None:
    both = [data.draw(amounts(units)), data.draw(numbers(subscriber))]
    text = "SEND " + data.draw(BETWEEN).join(data.draw(st.permutations(both)))
    try:
        read = parse(text, "KE")
    except (NotUnderstood, LooksLikeAPin):
        return
    assert read == Command("send", amount=Money.of_units(units, "KES"), phone=f"+254{subscriber}"), text


@settings(max_examples=400)
@given(st.data(), UNITS)
def test_every_door_reads_an_amount_alike_or_not_at_all(data: st.DataObject, units: int) -> None:
    written = data.draw(amounts(units))
    readings = set()
    for text in (f"SAVE {written}", f"SEND {written} to 0722000111"):
        try:
            command = parse(text, "KE")
        except (NotUnderstood, LooksLikeAPin):
            continue
        if not command.words:  # otherwise a goal must be called so
            readings.add(command.amount)
    with suppress(BadAmount):
        readings.add(reading.whole_amount(written, "KES"))
    assert readings <= {Money.of_units(units, "KES")}, written
