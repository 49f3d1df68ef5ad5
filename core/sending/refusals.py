"""Refusals about sending."""

from core.errors import Kind, Refusal
from core.i18n import _


class TooManyWaiting(Refusal):
    code = "too_many_waiting"
    kind = Kind.OVER
    sentence = _("Too many payments wait for people to join. Try again in a few days.")
