"""What people type, read or refused."""

import datetime

from core import phones, reading
from core.money import Money
from menus.engine.session import Step


def phone(step: Step) -> str:
    """A mobile number in E.164. Raises BadPhone."""
    return phones.parse(step.text, step.runtime.settings.country)


def amount(step: Step) -> Money:
    """A whole amount above nothing, in the customer's currency. Raises BadAmount."""
    return reading.whole_amount(step.text, step.session.registered.currency)


def date(step: Step) -> datetime.date:
    """A day. Raises BadDate."""
    return reading.day(step.text)
