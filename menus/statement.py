"""How a posting reads on a phone."""

from core import ids
from core.i18n import _, translate
from core.ledger.statement import Done, Line

# What a statement calls a transfer that had no other customer in it, by the ledger's kind.
_WITHOUT_OTHER_SIDE = {
    "cash_in": _("Top-up"),
    "cash_out": _("Withdrawal"),
    "float_buy": _("Float bought"),
    "float_sell": _("Float sold"),
    "commission": _("Commission"),
    "deposit": _("Deposit"),
    "mpesa_in": _("From M-Pesa"),
    "mpesa_out": _("To M-Pesa"),
    "invite": _("To a new number"),
    "invite_credit": _("Waited for you"),
    "invite_return": _("Came back"),
    "save": _("Savings"),
    "save_by_rule": _("Automatic saving"),
    "take_out": _("From savings"),
    "cover": _("Cover"),
    "claim": _("Claim paid"),
    "job_hire": _("Job pay kept"),
    "job_pay": _("Job paid"),
    "job_refund": _("Job refund"),
    "reversal": _("Undone"),
    "exchange": _("Exchange"),
}


def what(line: Line | Done, language: str) -> str:
    """The other side's name, or what kind of transfer it was."""
    return line.other_side or translate(_WITHOUT_OTHER_SIDE.get(line.kind, ""), language)


def described(done: Done, language: str) -> str:
    """A transfer in a line: reference, amount, who or what."""
    return f"{ids.reference(done.transfer_id)} {done.amount} {what(done, language)}".rstrip()
