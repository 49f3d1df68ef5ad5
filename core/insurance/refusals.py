"""What may be refused about covers and claims."""

from core.errors import Kind, Refusal
from core.i18n import _


class AlreadyCovered(Refusal):
    code = "already_covered"
    kind = Kind.CONFLICT
    sentence = _("You have this cover already.")


class OfferChanged(Refusal):
    """It costs more now than the customer was shown, pays less, or lasts for fewer days."""

    code = "offer_changed"
    kind = Kind.CONFLICT
    sentence = _("It has changed. Nothing was done.")


class OutOfSeason(Refusal):
    code = "out_of_season"
    kind = Kind.CONFLICT
    sentence = _("This cover is not sold at this time of year.")


class NotCovered(Refusal):
    code = "not_covered"
    kind = Kind.CONFLICT
    sentence = _("Your cover did not hold on that day.")


class ClaimDecided(Refusal):
    """Another member of the staff was faster."""

    code = "claim_decided"
    kind = Kind.CONFLICT
    sentence = _("This claim has been decided already.")
