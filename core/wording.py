"""How a transfer reads in a statement, on whichever channel."""

from core import ids
from core.customers.wallet import Done, Line
from core.features import WORDS
from core.i18n import translate


def what(line: Line | Done, language: str) -> str:
    """The other side's name, or what kind of transfer it was."""
    return line.other_side or translate(WORDS.get(line.kind, ""), language)


def described(done: Done, language: str) -> str:
    """A transfer in a line: reference, amount, who or what."""
    return f"{ids.reference(done.transfer_id)} {done.amount} {what(done, language)}".rstrip()
