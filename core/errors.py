"""How the service says no.

Each family has its own refusals in its `refusals.py`; those that any family may need are here. `core/inventory.py` lists them
all. Any other exception is a bug or a broken machine.
"""

from enum import StrEnum
from typing import ClassVar

from core.i18n import _


class Kind(StrEnum):
    """What kind of no it is. Each channel makes its status from it, in one place: an HTTP status, an exit code.

    UNREADABLE  nobody can make sense of what was typed, or it cannot be meant
    FORBIDDEN   the caller may not, or has not proved who she is
    UNKNOWN     what was named does not exist
    CONFLICT    it is not possible in the present state, though it was or will be
    OVER        below the least, beyond a limit, or more than there is
    TOO_OFTEN   too many tries for now
    AWAY        something that it needs does not answer, or is too busy
    """

    UNREADABLE = "unreadable"
    FORBIDDEN = "forbidden"
    UNKNOWN = "unknown"
    CONFLICT = "conflict"
    OVER = "over"
    TOO_OFTEN = "too_often"
    AWAY = "away"


class Refusal(Exception):
    """The service says no, and why.

    `code` is the outcome that menus know. `sentence` is what a customer reads, its placeholders filled from
    `params`. `switch` names the feature that is off where this is refused: it needs no destination in menus, which go home.
    """

    switch: ClassVar[str] = ""
    code: ClassVar[str]
    kind: ClassVar[Kind]
    sentence: ClassVar[str]

    def __init__(self, **params: object) -> None:
        super().__init__(self.code)
        self.params = {name: str(value) for name, value in params.items()}


class BadChoice(Refusal):
    code = "bad_choice"
    kind = Kind.UNREADABLE
    sentence = _("Choose a number below.")


class TooLong(Refusal):
    code = "too_long"
    kind = Kind.UNREADABLE
    sentence = _("That is too long.")


class BadPhone(Refusal):
    code = "bad_phone"
    kind = Kind.UNREADABLE
    sentence = _("That is not a mobile number.")


class BadAmount(Refusal):
    code = "bad_amount"
    kind = Kind.UNREADABLE
    sentence = _("Write the amount in whole numbers, for example 500.")


class BadText(Refusal):
    code = "bad_text"
    kind = Kind.UNREADABLE
    sentence = _("Write it in a few plain words, in letters A to Z.")


class BadDate(Refusal):
    code = "bad_date"
    kind = Kind.UNREADABLE
    sentence = _("Write the date as day/month/year, for example 31/12/2026.")


class DayOutOfRange(Refusal):
    """The day exists, but cannot be meant here."""

    code = "day_out_of_range"
    kind = Kind.UNREADABLE
    sentence = _("That day is too early or too late.")


class NotPermitted(Refusal):
    """Somebody else's goal, job, policy or request."""

    code = "not_permitted"
    kind = Kind.FORBIDDEN
    sentence = _("That is not for you to do.")


class UnknownAgent(Refusal):
    code = "unknown_agent"
    kind = Kind.UNKNOWN
    sentence = _("No agent has that number.")


class RequestWaits(Refusal):
    code = "request_waits"
    kind = Kind.CONFLICT
    sentence = _("An earlier request is not answered yet. Try again later.")


class Busy(Refusal):
    """More work waits than can be done in time. It is refused at once rather than answered late."""

    code = "busy"
    kind = Kind.AWAY
    sentence = _("We are very busy. Nothing was done.")
    # After a deadlock that PostgreSQL ended for somebody else's sake, the same may be asked for again at once.
    is_worth_another_try = False


class KeyConflict(Refusal):
    """The key was used before, for something else."""

    code = "key_conflict"
    kind = Kind.CONFLICT
    sentence = _("This was asked before in another way. Nothing was done now.")


def check_same(earlier: object, **request: object) -> None:
    """KeyConflict unless `earlier`, the row or record of the key's first request, has these same values."""
    if any(getattr(earlier, name) != value for name, value in request.items()):
        raise KeyConflict
