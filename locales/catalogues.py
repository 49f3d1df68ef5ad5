"""Keeps the catalogues in step with the code: `make catalogues` after a text has changed.

`messages.pot` lists every text that the code marks with `_(...)`. Each language's file gets the new ones, empty, and the changed
ones, marked fuzzy. `jasho menus lint` then says what a translator has to do.
"""

from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from core.i18n import LANGUAGES, LOCALES

_ROOT = Path(__file__).parent.parent
_UNWANTED_HEADERS = tuple(
    f'"{name}:'.encode()
    for name in (
        "Project-Id-Version",
        "Report-Msgid-Bugs-To",
        "POT-Creation-Date",
        "PO-Revision-Date",
        "Last-Translator",
        "Language-Team",
        "Generated-By",
    )
)
_CODE = ("core", "menus", "gateway")


def template() -> bytes:
    """`messages.pot` as the code would have it now."""
    catalogue = Catalog(project="Jasho", charset="utf-8", fuzzy=False)
    catalogue.header_comment = "# Every text that a customer reads. English is the message id."
    for folder in _CODE:
        for filename, line, message, comments, context in extract_from_dir(_ROOT / folder, method_map=[("**.py", "python")]):
            catalogue.add(message, locations=[(f"{folder}/{filename}", line)], auto_comments=comments, context=context)
    return _written(catalogue)


def update(language: str, pot: bytes) -> bytes:
    """A language's file brought up to the template. Its translations stay."""
    path = LOCALES / language / "LC_MESSAGES" / "messages.po"
    catalogue = read_po(BytesIO(path.read_bytes()), locale=language) if path.exists() else Catalog(locale=language)
    catalogue.header_comment = f"# {LANGUAGES[language]}"
    catalogue.fuzzy = False
    catalogue.update(read_po(BytesIO(pot)))
    return _written(catalogue)


def _written(catalogue: Catalog) -> bytes:
    file = BytesIO()
    write_po(file, catalogue, width=120, sort_output=True, include_lineno=False, ignore_obsolete=True)
    # Without dates a file changes only when a text does.
    lines = [line for line in file.getvalue().splitlines(keepends=True) if not line.startswith(_UNWANTED_HEADERS)]
    return b"".join(lines)


def main() -> None:
    pot = template()
    (LOCALES / "messages.pot").write_bytes(pot)
    for language in LANGUAGES:
        folder = LOCALES / language / "LC_MESSAGES"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "messages.po").write_bytes(update(language, pot))


if __name__ == "__main__":
    main()
