"""Catalogues in step with the code: what a customer reads is what was translated."""

import string
from io import BytesIO

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from core import septets
from core.i18n import LANGUAGES, LOCALES, catalogue
from locales import catalogues

LANGUAGE = pytest.mark.parametrize("language", LANGUAGES)
ADVICE = "bring the catalogues up to date with: make catalogues"


def unfinished(known: Catalog) -> list[str]:
    """What a translator has still to look at."""
    return [str(message.id) for message in known if message.id and (message.fuzzy or not message.string)]


def wrong(known: Catalog) -> list[str]:
    """Translations that no phone can show, or that lost or found a placeholder."""
    return [
        str(message.id)
        for message in known
        if message.id and message.string
        if septets.foreign(str(message.string)) or placeholders(str(message.string)) != placeholders(str(message.id))
    ]


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def made_of(entry: str) -> Catalog:
    head = 'msgid ""\nmsgstr ""\n"Language: sw\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
    return read_po(BytesIO((head + entry).encode()), locale="sw")


def test_the_template_has_every_text_of_the_code_and_no_other() -> None:
    assert catalogues.template() == (LOCALES / "messages.pot").read_bytes(), ADVICE


@LANGUAGE
def test_a_language_has_every_text_of_the_template_and_no_other(language: str) -> None:
    committed = (LOCALES / language / "LC_MESSAGES" / "messages.po").read_bytes()
    assert catalogues.update(language, catalogues.template()) == committed, ADVICE


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_a_customer_reads_no_english_among_her_own_language(language: str) -> None:
    assert unfinished(catalogue(language)) == []


@LANGUAGE
def test_no_text_is_marked_as_doubtful(language: str) -> None:
    assert [str(message.id) for message in catalogue(language) if message.id and message.fuzzy] == []


@LANGUAGE
def test_every_text_an_sms_too_can_be_shown_and_filled_in(language: str) -> None:
    assert wrong(catalogue(language)) == []


def test_there_is_a_catalogue_for_every_language_and_for_no_other() -> None:
    assert {path.parent.parent.name for path in LOCALES.glob("*/LC_MESSAGES/messages.po")} == set(LANGUAGES)


@pytest.mark.parametrize(
    "entry", ['msgid "Fees"\nmsgstr ""\n', '#, fuzzy\nmsgid "Fees"\nmsgstr "Ada"\n'], ids=["empty", "doubtful"]
)
def test_the_rule_finds_a_text_that_a_translator_has_not_finished(entry: str) -> None:
    assert unfinished(made_of(entry)) == ["Fees"]
    assert unfinished(made_of('msgid "Fees"\nmsgstr "Ada"\n')) == []


@pytest.mark.parametrize("translation", ["Ada", "Ada {ada}", "Ada {fee} {fee2}", "Ada\u00a0{fee}"])
def test_the_rule_finds_a_translation_that_cannot_be_shown_or_filled_in(translation: str) -> None:
    assert wrong(made_of(f'msgid "Fee {{fee}}"\nmsgstr "{translation}"\n')) == ["Fee {fee}"]
    assert wrong(made_of('msgid "Fee {fee}"\nmsgstr "Ada {fee}"\n')) == []
