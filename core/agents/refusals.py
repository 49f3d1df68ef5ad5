"""Refusals about agents."""

from core.errors import Kind, Refusal
from core.i18n import _


class NoAgentNear(Refusal):
    code = "no_agent_near"
    kind = Kind.UNKNOWN
    sentence = _("We know no agent there yet. Try the name of a bigger place.")
