"""SMS about deposits from another network, and withdrawals to it."""

from core.i18n import _

PAID_IN = _("{reference} confirmed. You received {amount} from your {rail}. Balance {balance}.")
NOT_PAID_IN = _("Your deposit of {amount} from {rail} was not paid, so nothing was added. You can try again at any time.")
DEPOSIT_UNANSWERED = _(
    "{rail} has not answered: your deposit of {amount} has not come in. If you did pay, do not worry: it will still arrive."
)
PAID_INTO_CLOSED = _(
    "{reference}: {amount} came from {rail} after your account was closed. We keep it for you: take your ID to a Jasho agent."
)
PAID_OUT = _("{reference} confirmed. {amount} paid to your {rail} {phone}. Fee {fee}. Balance {balance}.")
NOT_PAID_OUT = _("{reference}: {rail} could not take {amount}. It is back in your account, and so is the fee. Balance {balance}.")
WITHDRAWAL_UNANSWERED = _(
    "{reference}: {rail} has not answered yet about your {amount}. Your money is safe. An SMS will tell you as soon as we know."
)
