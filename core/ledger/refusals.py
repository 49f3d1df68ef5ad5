"""Refusals about money."""

from core.errors import Busy, Kind, Refusal
from core.i18n import _
from core.money import Money


class ClockWrong(Busy):
    """This process's clock is away from the database's. Another process may do it."""

    code = "clock_wrong"
    sentence = _("We cannot move money just now. Nothing was done. Try again soon.")


class NotEnoughMoney(Refusal):
    code = "not_enough"
    kind = Kind.OVER
    sentence = _("Not enough money. You need {needed}.")


class AmountTooSmall(Refusal):
    code = "amount_too_small"
    kind = Kind.OVER
    sentence = _("The least is {least}.")


class FeeRose(Refusal):
    """It costs more now than the customer was shown. `fee` is what it costs; whoever refuses shows it for a new yes."""

    code = "fee_rose"
    kind = Kind.CONFLICT
    sentence = _("The fee rose. Nothing was done.")

    def __init__(self, fee: Money) -> None:
        super().__init__(fee=fee)
        self.fee = fee


class OverLimit(Refusal):
    code = "over_limit"
    kind = Kind.OVER
    sentence = _("The most at once is {most}.")


class OverDayLimit(Refusal):
    code = "over_day_limit"
    kind = Kind.OVER
    sentence = _("Of your limit for today {most} is left.")


class OverBalanceLimit(Refusal):
    code = "over_balance_limit"
    kind = Kind.OVER
    sentence = _("That would be more than the receiving account may hold.")


class AccountClosed(Refusal):
    code = "account_closed"
    kind = Kind.CONFLICT
    sentence = _("This account cannot take money now.")


class AccountNotEmpty(Refusal):
    code = "account_not_empty"
    kind = Kind.CONFLICT
    sentence = _("First take out your money: {balance} is left.")


class HoldClosed(Refusal):
    code = "hold_closed"
    kind = Kind.CONFLICT
    sentence = _("This is over: it was finished, given up, or waited too long.")


class AlreadyReversed(Refusal):
    code = "already_reversed"
    kind = Kind.CONFLICT
    sentence = _("This transaction has been undone already, or cannot be.")


class NeedsApproval(Refusal):
    """Above the threshold a second person has to approve."""

    code = "needs_approval"
    kind = Kind.FORBIDDEN
    sentence = _("This needs the approval of a second person.")
