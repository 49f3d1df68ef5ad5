"""What may be refused about approvals."""

from core.errors import Kind, Refusal
from core.i18n import _


class ApprovalClosed(Refusal):
    code = "approval_closed"
    kind = Kind.CONFLICT
    sentence = _("This request is over. Nothing was done.")
