"""GSM 03.38: how long a text is on a phone, and how a text outside the alphabet is said inside it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.septets import SCREEN_SEPTETS, count, foreign, is_shown, parts, plain

EXTENDED = "^{}\\[~]|€"


@pytest.mark.parametrize(
    ("text", "septets"),
    [("", 0), ("Jasho", 5), ("KES 12,500.", 11), ("1. Salio\n2. Tuma", 16), ("@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà", 42)],
)
def test_a_screen_is_as_long_as_the_network_counts_it(text: str, septets: int) -> None:
    assert count(text) == septets


@pytest.mark.parametrize("character", EXTENDED)
def test_an_escaped_character_takes_the_place_of_two(character: str) -> None:
    assert count(character) == 2
    assert count(f"a{character}b{character}") == 6
    assert not foreign(character)


def test_the_alphabet_has_no_character_that_a_phone_lacks() -> None:
    # 128 places less the escape, and the nine of the extension table.
    assert sum(not foreign(chr(code)) for code in range(0x10000)) == 127 + len(EXTENDED)


def test_eighty_braces_fill_a_screen() -> None:
    assert count("{" * 80) == SCREEN_SEPTETS


@pytest.mark.parametrize(
    ("text", "strange"),
    [
        ("Wanjiku", ""),
        ("Wanjikũ", "ũ"),
        ("Gĩthĩnji", "ĩ"),
        ("Ksh\u00a0500", "\u00a0"),
        ("`a`", "`"),
        ("a\tb", "\t"),
        ("ŋĩ", "ĩŋ"),
    ],
)
def test_what_would_cut_a_screen_to_seventy_characters_is_named(text: str, strange: str) -> None:
    assert foreign(text) == strange


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Wanjikũ", "Wanjiku"),
        ("Wanjiku\u0303", "Wanjiku"),
        ("Gĩthĩnji wa Mũthoni", "Githinji wa Muthoni"),
        ("Ng’ang’a", "Ng'ang'a"),
        ("José Nuñez", "José Nuñez"),
        ("Müller", "Müller"),
        ("Nokuthulá", "Nokuthula"),
        ("“Mama” – duka…", '"Mama" - duka...'),
        ("Ksh\u00a0500", "Ksh 500"),
        ("日本", "??"),
        ("a\tb", "a?b"),
        ("Ng`ang`a", "Ng'ang'a"),
        ("Ngʼangʼa", "Ng'ang'a"),
        ("Aŋelo Ɔkello", "Ang'elo Okello"),
        ("Ɛdi Łukasz Þór", "Edi Lukasz Thor"),
        ("A\u200esha\ufeff", "Asha"),
        ("½", "?"),
        ("Ольга", "?????"),
    ],
)
def test_a_customer_recognises_her_name_on_the_screen(written: str, shown: str) -> None:
    assert plain(written) == shown


@given(st.text())
def test_a_text_is_shown_where_nothing_of_it_becomes_a_question_mark(text: str) -> None:
    assert is_shown(text) is ("?" not in plain(text.replace("?", "")))


@given(st.text())
def test_no_text_leaves_the_phones_alphabet(text: str) -> None:
    assert not foreign(plain(text))


@given(st.text(alphabet=st.characters(max_codepoint=0x7F)))
def test_no_control_character_leaves_the_phones_alphabet(text: str) -> None:
    assert not foreign(plain(text))


@given(st.text())
def test_a_text_that_a_phone_can_show_is_left_as_it_is(text: str) -> None:
    shown = plain(text)
    assert plain(shown) == shown


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("", [0]),
        ("a" * 160, [160]),
        ("a" * 161, [153, 8]),
        ("a" * 306, [153, 153]),
        ("a" * 307, [153, 153, 1]),
        ("€" * 80, [80]),
        ("€" * 81, [76, 5]),
        ("a" * 152 + "€" + "a" * 10, [152, 11]),
        ("a" * 151 + "€" + "a" * 10, [152, 10]),
        ("ĩ" * 70, [70]),
        ("ĩ" * 71, [67, 4]),
        ("ĩ" + "a" * 134, [67, 67, 1]),
        ("😀" * 35, [35]),
        ("😀" * 36, [33, 3]),
        ("ĩ" * 66 + "😀" * 3, [66, 3]),
    ],
)
def test_a_message_is_paid_by_the_parts_that_the_network_makes_of_it(text: str, lengths: list[int]) -> None:
    assert [len(part) for part in parts(text)] == lengths


@given(st.text(max_size=400) | st.text(alphabet="a€{😀ĩ", max_size=400))
def test_no_part_is_too_long_and_no_character_is_lost_or_cut_in_half(text: str) -> None:
    cut = parts(text)
    assert "".join(cut) == text
    is_ucs2 = bool(foreign(text))
    widths = [len(part.encode("utf-16-be", "surrogatepass")) // 2 if is_ucs2 else count(part) for part in cut]
    one, part = (70, 67) if is_ucs2 else (160, 153)
    assert max(widths) <= (one if len(cut) == 1 else part)
    assert len(cut) == 1 or sum(widths) > one
