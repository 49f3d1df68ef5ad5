"""What may be refused about joining and leaving."""

from core.errors import Kind, Refusal
from core.i18n import _


class AlreadyRegistered(Refusal):
    code = "already_registered"
    kind = Kind.CONFLICT
    sentence = _("This number is registered already.")


class AccountInUse(Refusal):
    code = "account_in_use"
    kind = Kind.CONFLICT
    sentence = _("Something is still open: savings, a job, a cover or a payment. Finish it first.")
