"""Refusals about savings goals."""

from core.errors import Kind, Refusal
from core.i18n import _


class GoalLocked(Refusal):
    code = "goal_locked"
    kind = Kind.FORBIDDEN
    sentence = _("This goal is locked until {date}.")


class TooManyGoals(Refusal):
    code = "too_many_goals"
    kind = Kind.OVER
    sentence = _("You have as many goals as fit. Close one first.")
