"""How a transfer reads in a statement, on whichever channel."""

from core import ids
from core.customers.wallet import DoneTransfer, StatementLine
from core.features import WORDS
from core.i18n import translate


def name_other_side(line: StatementLine | DoneTransfer, language: str) -> str:
    """The other side's name, or what kind of transfer it was."""
    return line.other_side or translate(WORDS.get(line.kind, ""), language)


def describe(done: DoneTransfer, language: str) -> str:
    """A transfer in a line: reference, amount, who or what."""
    return f"{ids.reference(done.transfer_id)} {done.amount} {name_other_side(done, language)}".rstrip()
