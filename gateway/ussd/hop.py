"""A hop: what the network sends, and what it gets."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hop:
    """One request of the network. `phone` is E.164. `text` is every input of the session so far, so it may hold a PIN.

    `dialled` is what followed the service code (`4*0722000111*500`), where the network leaves it there.
    """

    session_id: str
    phone: str
    text: str
    dialled: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """`body` begins with `CON ` or `END `; `screen` names it to operators."""

    body: str
    screen: str
