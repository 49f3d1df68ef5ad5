"""How a posting reads on a phone."""

from core import ids
from core.i18n import _, translate
from core.ledger.statement import Done, Line

# What a statement calls a transfer that had no other customer in it, by the ledger's kind.
_WITHOUT_OTHER_SIDE = {"deposit": _("Deposit")}


def what(line: Line | Done, language: str) -> str:
    """The other side's name, or what kind of transfer it was."""
    return line.other_side or translate(_WITHOUT_OTHER_SIDE.get(line.kind, ""), language)


def described(done: Done, language: str) -> str:
    """A transfer in a line: reference, amount, who or what."""
    return f"{ids.reference(done.transfer_id)} {done.amount} {what(done, language)}".rstrip()
