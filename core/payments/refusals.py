"""Refusals about payments by another network."""

from core.errors import Kind, Refusal
from core.i18n import _


class RailAway(Refusal):
    code = "rail_away"
    kind = Kind.AWAY
    sentence = _("{rail} cannot be reached now. Nothing was done.")
