"""Every way in which the service says no.

    Refusal
    ├── about what was typed      BadPhone BadAmount BadName BadNationalId BadPin BadChoice TooLong
    ├── about a PIN               WeakPin PinsDiffer WrongPin PinLocked
    ├── about the other side      UnknownRecipient OwnNumber
    ├── about money               NotEnoughMoney AmountTooSmall OverLimit OverDayLimit OverBalanceLimit AccountClosed KeyConflict
    │                             HoldClosed AlreadyReversed NeedsApproval
    └── about the moment          AlreadyRegistered Busy

A refusal's `code` is the outcome that a menu knows, and what the REST API maps to an HTTP status; `sentence` is what a
customer reads, its placeholders filled from `params`. Anything raised that is not a Refusal is a bug or a broken machine.
"""

from typing import ClassVar

from core.i18n import _


class Refusal(Exception):
    """The service says no, and why. `params` fill the placeholders of `sentence`."""

    code: ClassVar[str]
    sentence: ClassVar[str]

    def __init__(self, **params: object) -> None:
        super().__init__(self.code)
        self.params = {name: str(value) for name, value in params.items()}


class BadChoice(Refusal):
    code = "bad_choice"
    sentence = _("Choose a number below.")


class TooLong(Refusal):
    code = "too_long"
    sentence = _("That is too long.")


class BadPhone(Refusal):
    code = "bad_phone"
    sentence = _("That is not a mobile number.")


class BadAmount(Refusal):
    code = "bad_amount"
    sentence = _("Write the amount in whole numbers, for example 500.")


class BadName(Refusal):
    code = "bad_name"
    sentence = _("Write your first and last name in letters.")


class BadNationalId(Refusal):
    code = "bad_national_id"
    sentence = _("A national ID number has 6 to 10 digits.")


class BadPin(Refusal):
    code = "bad_pin"
    sentence = _("A PIN has 4 digits.")


class WeakPin(Refusal):
    code = "weak_pin"
    sentence = _("That PIN is too easy to guess.")


class PinsDiffer(Refusal):
    code = "pins_differ"
    sentence = _("The two PINs were not the same.")


class WrongPin(Refusal):
    """`tries_left` is at least 1: the wrong PIN that leaves none is PinLocked."""

    code = "wrong_pin"
    sentence = _("Wrong PIN. Tries left: {tries_left}.")


class PinLocked(Refusal):
    code = "pin_locked"
    sentence = _("Your PIN is locked after 3 wrong tries.")


class UnknownRecipient(Refusal):
    code = "unknown_recipient"
    sentence = _("{phone} is not on Jasho yet.")


class OwnNumber(Refusal):
    code = "own_number"
    sentence = _("That is your own number.")


class NotEnoughMoney(Refusal):
    code = "not_enough"
    sentence = _("Not enough money. With the fee you need {needed}.")


class AmountTooSmall(Refusal):
    code = "amount_too_small"
    sentence = _("The least you can send is {least}.")


class OverLimit(Refusal):
    code = "over_limit"
    sentence = _("The most you can send at once is {most}.")


class OverDayLimit(Refusal):
    code = "over_day_limit"
    sentence = _("Of your limit for today {most} is left.")


class OverBalanceLimit(Refusal):
    code = "over_balance_limit"
    sentence = _("That would be more than the receiving account may hold.")


class HoldClosed(Refusal):
    code = "hold_closed"
    sentence = _("This is over: it was finished, given up, or waited too long.")


class AlreadyReversed(Refusal):
    code = "already_reversed"
    sentence = _("This transaction has been undone already, or cannot be.")


class NeedsApproval(Refusal):
    """Above the threshold somebody else has to agree."""

    code = "needs_approval"
    sentence = _("This needs the approval of a second person.")


class AccountClosed(Refusal):
    code = "account_closed"
    sentence = _("This account cannot take money now.")


class KeyConflict(Refusal):
    """The key has been used already, for something else."""

    code = "key_conflict"
    sentence = _("This was asked before in another way. Nothing was done now.")


class AlreadyRegistered(Refusal):
    code = "already_registered"
    sentence = _("This number is registered already.")


class Busy(Refusal):
    """More work is waiting than can be done in time: refused at once rather than answered late."""

    code = "busy"
    sentence = _("We are very busy. Nothing was done.")


def refusals() -> list[type[Refusal]]:
    """Every refusal there is, in the order of this file."""
    return list(Refusal.__subclasses__())
