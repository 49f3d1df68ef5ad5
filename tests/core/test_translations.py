"""Translations: what a translator has not finished is not shown to anybody, and the lint says so."""

from pathlib import Path

import pytest

from core import i18n
from menus import lint

PO = """
msgid ""
msgstr ""
"Language: sw\\n"
"Content-Type: text/plain; charset=utf-8\\n"

msgid "Help"
msgstr "Msaada"

#, fuzzy
msgid "Terms"
msgstr "Ada"

msgid "Fees"
msgstr ""
"""


@pytest.fixture
def unfinished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Swahili catalogue of one finished, one doubtful and one empty translation."""
    folder = tmp_path / "sw" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "messages.po").write_text(PO)
    monkeypatch.setattr(i18n, "LOCALES", tmp_path)


@pytest.mark.usefixtures("unfinished")
def test_a_doubtful_translation_counts_as_none() -> None:
    assert lint.catalogues() == {"sw": {"Help": "Msaada"}}


@pytest.mark.usefixtures("unfinished")
def test_the_lint_names_what_a_translator_has_to_do() -> None:
    found = lint.lint()
    for message in ("Terms", "Fees", "Send Money"):
        assert f"sw: {message!r} is not translated, or the translation is marked fuzzy" in found
    assert not any("'Help'" in line for line in found)


@pytest.mark.usefixtures("unfinished")
def test_a_customer_reads_english_where_a_translation_is_doubtful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_texts", i18n._texts.__wrapped__)
    assert [i18n.translate(message, "sw") for message in ("Help", "Terms", "Fees")] == ["Msaada", "Terms", "Fees"]


def test_a_text_without_a_translation_is_shown_in_english() -> None:
    assert i18n.translate("Nobody has translated this.", "sw") == "Nobody has translated this."
    assert i18n.translate("Check Balance", "sw") == "Angalia Salio"
