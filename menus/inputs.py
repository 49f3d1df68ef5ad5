"""What people type, read or refused."""

from core import phones
from core.errors import BadAmount
from core.money import Money, NotAnAmount
from menus.session import Step


def phone(step: Step) -> str:
    """A mobile number in E.164. Raises BadPhone."""
    return phones.parse(step.text, step.runtime.settings.country)


def amount(step: Step) -> Money:
    """A whole amount above nothing, in the customer's currency. Raises BadAmount."""
    try:
        read = Money.parse(step.text, step.session.registered.currency)
    except NotAnAmount as error:
        raise BadAmount from error
    if read.minor <= 0 or not read.is_whole:
        raise BadAmount
    return read
