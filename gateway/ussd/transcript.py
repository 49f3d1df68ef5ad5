"""Finds what the customer typed on this hop in the text that the network repeats as a whole on every hop.

The text is every input so far with `*` between them, and a customer may type `*` herself: so nothing is split. This hop's input
is what follows the text of the hop before. That text is not kept, because after a PIN screen it holds a PIN: only its length and
a keyed hash of it are.
"""

import hashlib
from dataclasses import dataclass
from enum import Enum
from typing import Final

import msgspec

from core import reading


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """A text that was seen, without the text: its `length`, and `before`, the length of what preceded its last input."""

    length: int
    digest: bytes
    before: int


class NoInput(Enum):
    """Why a text has no new input in it."""

    REPEATED = "the same text again: the network repeats a hop that got no answer"
    OUT_OF_ORDER = "a text that does not go on from the last one: an older hop, repeated late"


@dataclass(frozen=True, slots=True)
class Typed:
    """This hop's input, and the one of the hop before."""

    text: str
    previous: str


_DIGEST_BYTES: Final = 16
# Of a longer input no phone is the author.
_MOST_CLEANED: Final = 2_000


class Transcript:
    """Marks texts and recognises them. Without its key a four-digit PIN could be guessed from the hash."""

    def __init__(self, secret: str) -> None:
        self._key = hashlib.blake2b(b"transcript:" + secret.encode(), digest_size=32).digest()

    def mark(self, text: str, before: int = 0) -> Mark:
        return Mark(len(text), self._digest(text), before)

    def name(self, origin: str, mark: Mark) -> bytes:
        """Names what was typed in the session with this origin so far."""
        return hashlib.blake2b(origin.encode() + mark.digest, digest_size=_DIGEST_BYTES, key=self._key).digest()

    def read(self, text: str, last: Mark) -> Typed | NoInput:
        """What is new in `text` since the one that `last` marks."""
        if len(text) < last.length or self._digest(text[: last.length]) != last.digest:
            return NoInput.OUT_OF_ORDER
        if len(text) == last.length:
            return NoInput.REPEATED
        if last.length == 0:
            return Typed(text, "")
        if text[last.length] != "*":
            return NoInput.OUT_OF_ORDER
        return Typed(text[last.length + 1 :], text[last.before + (last.before > 0) : last.length])

    def _digest(self, text: str) -> bytes:
        return hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES, key=self._key).digest()


def clean(typed: str) -> str:
    """What was typed, cleaned. `#` ends what is dialled, and many end with it whatever they type."""
    if len(typed) > _MOST_CLEANED:  # the engine refuses it
        return typed
    return reading.clean(typed).removesuffix("#").rstrip()
