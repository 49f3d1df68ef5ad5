"""What may be refused about PINs, codes and ID numbers."""

from core.errors import Kind, Refusal
from core.i18n import _


class BadPin(Refusal):
    code = "bad_pin"
    kind = Kind.UNREADABLE
    sentence = _("A PIN has 4 digits.")


class WeakPin(Refusal):
    code = "weak_pin"
    kind = Kind.UNREADABLE
    sentence = _("That PIN is too easy to guess.")


class PinsDiffer(Refusal):
    code = "pins_differ"
    kind = Kind.UNREADABLE
    sentence = _("The two PINs were not the same.")


class NoPin(Refusal):
    """The customer joined by SMS and has not dialled yet."""

    code = "no_pin"
    kind = Kind.FORBIDDEN
    sentence = _("First dial {service_code} and choose your PIN.")


class WrongPin(Refusal):
    """`tries_left` is at least 1: the wrong PIN that leaves none is PinLocked."""

    code = "wrong_pin"
    kind = Kind.FORBIDDEN
    sentence = _("Wrong PIN. Tries left: {tries_left}.")


class PinLocked(Refusal):
    code = "pin_locked"
    kind = Kind.FORBIDDEN
    sentence = _("Your PIN is locked after 3 wrong tries.")


class WrongNationalId(Refusal):
    code = "wrong_national_id"
    kind = Kind.FORBIDDEN
    sentence = _("That is not the ID number of this account.")


class WrongCode(Refusal):
    code = "wrong_code"
    kind = Kind.FORBIDDEN
    sentence = _("Wrong code. Tries left: {tries_left}.")


class CodeEnded(Refusal):
    code = "code_ended"
    kind = Kind.UNKNOWN
    sentence = _("This code has ended. Ask for a new one.")


class TooManyTries(Refusal):
    code = "too_many_tries"
    kind = Kind.TOO_OFTEN
    sentence = _("Too many tries today. Please try again tomorrow.")


class MoneyOutWaits(Refusal):
    """A forgotten PIN was replaced a day ago or less."""

    code = "money_out_waits"
    kind = Kind.FORBIDDEN
    sentence = _("For your safety, money can leave your account from {moment}.")
