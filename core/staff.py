"""The member of staff who does something: the records keep the name beside it."""

from dataclasses import dataclass
from typing import Self

from core import reading
from core.errors import BadText
from core.refusing import refuses

_MOST_CHARACTERS = 40


@dataclass(frozen=True, slots=True)
class Staff:
    """`name` as it stands in the records: one line, with a letter in it, 40 characters at most."""

    name: str

    @classmethod
    @refuses(BadText)
    def named(cls, text: str) -> Self:
        name = reading.tidy(text)
        if not name.isprintable() or not 0 < len(name) <= _MOST_CHARACTERS or not any(letter.isalpha() for letter in name):
            raise BadText
        return cls(name)
