"""What a log may not repeat, whoever wrote it: phone numbers, secrets, what stands in an address behind the host.

It also makes each value fit for one line: of bounded length, and with nothing in it that moves a terminal's cursor.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from structlog.typing import EventDict, WrappedLogger

from core.settings import Settings, as_environment, shown

_MOST_CHARACTERS = 500
# What is looked through of a longer value.
_MOST_READ = 4 * _MOST_CHARACTERS
_MOST_ITEMS = 64
_MOST_LEVELS = 3
_MOST_WORDS, _MOST_WORD_CHARACTERS = 512, 64
# A shorter secret may be any word.
_LEAST_SECRET_CHARACTERS = 8
_LEAST_PHONE_DIGITS = 9
_SHOWN_DIGITS = 3
# Made by us of random bits, which may be ten digits.
_OURS = frozenset({"reference"})
# Ids, pieces of WAL, addresses of machines and times have as many digits as a number.
_KEPT = r"""
    (?<![0-9A-Za-z])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![0-9A-Za-z])
    |(?=[0-9]*[a-fA-F])[0-9a-fA-F]{32,}
    |(?<![0-9A-Za-z])0{4}[0-9A-F]{20}(?![0-9A-Za-z])
    |(?<![0-9.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![0-9.])
    |(?<![0-9])[0-9]{4}-[0-9]{2}-[0-9]{2}[T\ ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?![0-9])
"""
# A password may have a slash or an @ in it, though it should not.
_ADDRESS = r"(?P<scheme>[A-Za-z][A-Za-z0-9+]{0,31}://)(?:\S*@)?(?P<host>[^\s/?#@]*)(?P<path>\S*)"
# An MSISDN as people and machines write it, in digits of any script.
_PHONE = rf"(?P<phone>\+?\d(?:[\ ().-]{{0,2}}\d){{{_LEAST_PHONE_DIGITS - 1},}})"

_PHONES = re.compile(rf"(?P<kept>{_KEPT})|{_PHONE}", re.VERBOSE)
_SUSPECT = re.compile(rf"[\d ().-]{{{_LEAST_PHONE_DIGITS}}}")


class Discretion:
    """structlog's processor: puts into the event what may stand in a log."""

    def __init__(self, settings: Settings) -> None:
        self._secrets = sorted(set(_secrets(settings)), key=len, reverse=True)
        named = rf"(?P<secret>{'|'.join(map(re.escape, self._secrets))})|" if self._secrets else ""
        self._pattern = re.compile(rf"{named}(?P<kept>{_KEPT})|{_ADDRESS}|{_PHONE}", re.VERBOSE)
        # Most values are the same few words in each line.
        self._made_plain = lru_cache(_MOST_WORDS)(self._make_plain)

    def __call__(self, _: WrappedLogger, __: str, event: EventDict) -> EventDict:
        return {name: value if name in _OURS else self._plain(value, _MOST_LEVELS) for name, value in event.items()}

    def mask(self, text: str) -> str:
        """The text less phone numbers (the last three digits stay), secrets, and what an address has behind its host."""
        if len(text) < _LEAST_SECRET_CHARACTERS:
            return text
        # Most values have none of it, and to look for all of it takes longer.
        is_suspect = "://" in text or _SUSPECT.search(text) or any(secret in text for secret in self._secrets)
        return self._pattern.sub(_replaced, text) if is_suspect else text

    def _plain(self, value: object, levels: int) -> object:
        if type(value) is str and len(value) < _MOST_WORD_CHARACTERS:
            return self._made_plain(value)
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, int):
            masked = self.mask(str(value))
            return value if masked == str(value) else masked
        if levels and isinstance(value, Mapping):
            items = list(value.items())[:_MOST_ITEMS]
            return {self._text(name): self._plain(item, levels - 1) for name, item in items}
        if levels and isinstance(value, list | tuple | set | frozenset):
            return [self._plain(item, levels - 1) for item in list(value)[:_MOST_ITEMS]]
        return self._text(value)

    def _text(self, value: object) -> str:
        if isinstance(value, bytes | bytearray):
            value = bytes(value).decode(errors="backslashreplace")
        text = value if isinstance(value, str) else _words_of(value)
        if len(text) > _MOST_READ:
            # Half a number would not look like one.
            text = text[:_MOST_READ].rstrip("+0123456789 ().-")
        return self._make_plain(text)

    def _make_plain(self, text: str) -> str:
        text = self.mask(text)
        if not text.isprintable():
            text = "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
        return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"


def has_phone(text: str) -> bool:
    """Does it hold what may be a phone number?"""
    return any(match["phone"] for match in _PHONES.finditer(text))


def _replaced(match: "re.Match[str]") -> str:
    if match["phone"]:
        return f"…{match['phone'][-_SHOWN_DIGITS:]}"
    if match["scheme"]:
        return f"{match['scheme']}{match['host']}{'/…' if match['path'].strip('/') else match['path']}"
    return match["kept"] or "…"


def _words_of(value: object) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - a line of the log is no reason to fail
        return f"{type(value).__name__} that raises {type(error).__name__}"


def _secrets(settings: Settings) -> Iterator[str]:
    """Whatever the settings have that is not shown, as it may stand in a text."""
    local, words = as_environment(Settings()), shown(settings)
    for name, value in as_environment(settings).items():
        if words.get(name) != "set" or value == local.get(name):
            continue
        parts = [value]
        if "://" in value:
            password = urlsplit(value).password or ""
            parts = [password, unquote(password)]
        yield from (part for part in parts if len(part) >= _LEAST_SECRET_CHARACTERS)
