"""What somebody writes for others to read is shown to them as she wrote it, or refused in words: never with `?` in it."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import reading, septets
from core.agents import directory
from core.customers import profiles
from core.customers.refusals import BadName
from core.errors import BadText
from core.insurance import claims
from core.jobs import market
from core.savings import opening

# Every text of one customer's that another reads on a phone, or she herself.
READERS: dict[str, Callable[[str], str]] = {
    "name": profiles.read_name,
    "goal": opening.read_name,
    "place": market.read_place,
    "title": market.read_title,
    "claim": claims.read_text,
    "shop": lambda text: directory._tidy(text, directory.MOST_NAME_CHARACTERS),
}
EVERY_READER = pytest.mark.parametrize("reader", READERS.values(), ids=READERS)


@EVERY_READER
@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("Ng’ang’a", "Ng'ang'a"),
        ("Ng`ang`a", "Ng'ang'a"),
        ("Ngʼangʼa", "Ng'ang'a"),
        ("Gĩthĩnji", "Githinji"),
        ("Gi\u0303thi\u0303nji", "Githinji"),
        ("Aŋelo", "Ang'elo"),
        ("Ɔkello", "Okello"),
        ("\u200eKibera\u200f", "Kibera"),
        ("Mama\u00a0Njeri", "Mama Njeri"),
        ("Mama\x00 Njeri", "Mama Njeri"),
    ],
)
def test_what_is_accepted_is_shown(reader: Callable[[str], str], typed: str, shown: str) -> None:
    assert septets.plain(reader(reading.clean(typed))) == shown


@EVERY_READER
@pytest.mark.parametrize(
    "typed", ["عائشة", "Ольга", "आशा देवी", "አሻ", "大文", "Mama ж", "Mama Njeri 🙂", "Mama\ufffdNjeri", "\u200e", ""]
)
def test_what_no_phone_can_show_is_refused_with_what_to_do(reader: Callable[[str], str], typed: str) -> None:
    with pytest.raises((BadText, BadName)) as refused:
        reader(reading.clean(typed))
    assert "letters A to Z" in refused.value.sentence


@EVERY_READER
@given(text=st.text(max_size=50) | st.text(alphabet="aZŋɔ'’ʼĩ €{ж½\u0303\u200d.", max_size=50))
def test_nobody_reads_a_question_mark_that_nobody_wrote(reader: Callable[[str], str], text: str) -> None:
    try:
        accepted = reader(text)
    except (BadText, BadName):
        return
    assert septets.plain(accepted).count("?") == accepted.count("?")
    assert not septets.foreign(septets.plain(accepted))
