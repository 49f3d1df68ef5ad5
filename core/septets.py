"""GSM 03.38: which characters a phone can show, how many septets they cost, and the nearest text in that alphabet."""

import unicodedata

SCREEN_SEPTETS = 160
# What an SMS holds by itself, and as a part of a longer one, where a header takes the rest.
_ALONE, _PART = SCREEN_SEPTETS, 153
_ALONE_UCS2, _PART_UCS2 = 70, 67

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# Each of these takes two septets: an escape and a character.
_EXTENDED = frozenset("^{}\\[~]|€")
_ALPHABET = _BASIC | _EXTENDED
# What phones and word processors write for the quotes and the dash of a keyboard.
KEYBOARD = str.maketrans(
    dict.fromkeys("‘’‚‛`´ʹʻʼʽʾʿˈ′Ꞌꞌ", "'") | dict.fromkeys("“”„‟«»″", '"') | dict.fromkeys("‐‑‒–—―−﹣", "-") | {"…": "..."}
)
# Letters that the alphabet lacks and that have no accent to drop: as people write them on a phone that has none.
_LETTERS = {
    "ŋ": "ng'",
    "Ŋ": "Ng'",
    "ɲ": "ny",
    "Ɲ": "Ny",
    "ɣ": "gh",
    "Ɣ": "Gh",
    "þ": "th",
    "Þ": "Th",
    "œ": "oe",
    "Œ": "Oe",
    "ẞ": "ß",
    **dict(zip("ɔƆɛƐɓƁɗƊɖƉƙƘƒƑʋƲɩƖʊƱǝƎəƏɨƗʉɄƴƳɠƓłŁđĐðÐħĦıŧŦ", "oOeEbBdDdDkKfFvViIuUeEeEiIuUyYgGlLdDdDhHitT", strict=True)),
}


def count(text: str) -> int:
    """Septets of a text that is within the alphabet (`foreign` finds nothing in it)."""
    return len(text) + sum(text.count(character) for character in _EXTENDED)


def foreign(text: str) -> str:
    """The characters of `text` outside the alphabet, each once; empty where there are none."""
    return "".join(sorted(set(text) - _ALPHABET))


def parts(text: str) -> tuple[str, ...]:
    """The SMS that a network makes of a text, and charges for: at least one.

    Within the alphabet one SMS holds 160 septets, and a part of several 153; with one character outside it (UCS-2) 70 and 67
    characters. A character that takes two places (an escape, a surrogate pair) is never cut in half.
    """
    if foreign(text):
        return _cut(text, [1 + (character > "\uffff") for character in text], _ALONE_UCS2, _PART_UCS2)
    return _cut(text, [1 + (character in _EXTENDED) for character in text], _ALONE, _PART)


def _cut(text: str, widths: list[int], most_alone: int, most_in_part: int) -> tuple[str, ...]:
    if sum(widths) <= most_alone:
        return (text,)
    cut, begin, filled = [], 0, 0
    for position, width in enumerate(widths):
        if filled + width > most_in_part:
            cut.append(text[begin:position])
            begin, filled = position, 0
        filled += width
    return (*cut, text[begin:])


def plain(text: str) -> str:
    """The nearest text within the alphabet: accents that it lacks are dropped, a character without a likeness becomes `?`.

    One foreign character would turn a whole screen or SMS into UCS-2 and cut it to 70 characters.
    """
    if _ALPHABET.issuperset(text):
        return text
    likenesses = map(_likeness, text.translate(KEYBOARD))
    return "".join("?" if likeness is None else likeness for likeness in likenesses)


def is_shown(text: str) -> bool:
    """Can a phone show all of the text, by a likeness where the alphabet lacks a letter?"""
    return _ALPHABET.issuperset(text) or None not in map(_likeness, text.translate(KEYBOARD))


def _likeness(character: str) -> str | None:
    """What stands for a character in the alphabet: an empty text for an accent or an invisible sign, None where nothing can."""
    if character in _ALPHABET:
        return character
    if character in _LETTERS:
        return _LETTERS[character]
    if unicodedata.combining(character) or unicodedata.category(character) == "Cf":
        return ""
    bare = [part for part in unicodedata.normalize("NFKD", character) if not unicodedata.combining(part)]
    return "".join(bare) if bare and _ALPHABET.issuperset(bare) else None
