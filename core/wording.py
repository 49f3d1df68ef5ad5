"""How a transfer reads in a statement, on whichever channel."""

from core import clock, ids
from core.customers.wallet import DoneTransfer, StatementLine
from core.features import WORDS
from core.i18n import translate


def describe_line(line: StatementLine, language: str, country: str) -> str:
    """A line of a statement: day, amount, and the other side's name or what kind of transfer it was."""
    return f"{clock.day(line.moment, country):%d/%m} {line.amount} {_counterpart(line, language)}".rstrip()


def describe_done(done: DoneTransfer, language: str) -> str:
    """A transfer in a line: reference, amount, and the other side's name or what kind of transfer it was."""
    return f"{ids.reference(done.transfer_id)} {done.amount} {_counterpart(done, language)}".rstrip()


def _counterpart(line: StatementLine | DoneTransfer, language: str) -> str:
    return line.other_side or translate(WORDS.get(line.kind, ""), language)
