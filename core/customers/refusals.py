"""What may be refused about people and their numbers."""

from core.errors import Kind, Refusal
from core.i18n import _


class BadName(Refusal):
    code = "bad_name"
    kind = Kind.UNREADABLE
    sentence = _("Write your name in letters A to Z, like Asha Wanjiku.")


class BadNationalId(Refusal):
    code = "bad_national_id"
    kind = Kind.UNREADABLE
    sentence = _("A national ID number has 6 to 10 digits.")


class UnknownRecipient(Refusal):
    code = "unknown_recipient"
    kind = Kind.UNKNOWN
    sentence = _("{phone} is not on Jasho yet.")


class NewOwner(Refusal):
    """The number is somebody else's now than when the customer was shown whose it is."""

    code = "new_owner"
    kind = Kind.CONFLICT
    sentence = _("{phone} has a new owner. Nothing was done: start again.")


class OwnNumber(Refusal):
    code = "own_number"
    kind = Kind.FORBIDDEN
    sentence = _("That is your own number.")
