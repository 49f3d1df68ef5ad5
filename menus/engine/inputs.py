"""Reads what people type on a screen, or refuses it."""

import datetime

from core import reading
from core.money import Money
from core.refusing import refuses
from menus.engine.session import Step


@refuses(reading.phone)
def phone(step: Step) -> str:
    """A mobile number in E.164."""
    return reading.phone(step.text, step.runtime.settings.country)


@refuses(reading.whole_amount)
def amount(step: Step) -> Money:
    """A whole amount above zero, in the customer's currency."""
    return reading.whole_amount(step.text, step.session.registered.currency)


@refuses(reading.day)
def date(step: Step) -> datetime.date:
    """A day."""
    return reading.day(step.text)
