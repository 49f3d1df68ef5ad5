"""Languages. English is the message id; `locales/<language>/LC_MESSAGES/messages.po` holds the others."""

from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

LANGUAGES = {"en": "English", "sw": "Kiswahili"}
LOCALES = Path(__file__).parent.parent / "locales"


def _(message: str) -> str:
    """Marks a text for translation and returns it unchanged. `translate` comes later, when the reader is known."""
    return message


def catalogue(language: str) -> Catalog:
    """A language's file of translations, as Babel reads it."""
    with (LOCALES / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=language)


def read_translations(language: str) -> dict[str, str]:
    """A language's translations by their English text, without fuzzy and empty ones."""
    return {
        str(message.id): str(message.string)
        for message in catalogue(language)
        if message.id and message.string and not message.fuzzy
    }


@cache
def _texts(language: str) -> dict[str, str]:
    return read_translations(language)


def translate(message: str, language: str) -> str:
    """`message` in the language, or in English where the catalogue has no translation."""
    return _texts(language).get(message, message)
