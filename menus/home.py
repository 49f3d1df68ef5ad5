"""The first screen. People remember its numbers: none of them ever changes."""

import re

from core import septets
from core.i18n import _, translate
from core.operations.refusals import SendOff, WithdrawOff
from core.septets import SCREEN_SEPTETS
from menus.balance import open_balance
from menus.engine.dsl import Choice, Option
from menus.engine.screen import MORE_LINE, paginate
from menus.engine.session import Session


def is_agent(session: Session) -> bool:
    return session.registered.is_agent


# The entries that a banner may not push onto the second page: money.
_FIRST_KEYS = ("1", "2", "3", "4")
_LOOKS_LIKE_AN_ENTRY = re.compile(r"\s*\d+\s*[.)]")


def find_fault(banner: str, language: str) -> str | None:
    """What is wrong with a banner above the first menu in this language; None where nothing is.

    It is tried on the menu of an agent, which is the longest. What does not fit beside it is on the next page (98).
    """
    if not banner.strip() or not banner.isprintable():
        return "it is one line of text"
    if strange := septets.foreign(banner):
        return f"a phone cannot show {strange!r} (GSM 03.38)"
    if _LOOKS_LIKE_AN_ENTRY.match(banner):
        return "it begins like an entry of the menu, whose number people would type"
    home = SCREENS[0]
    lines = [f"{option.key}. {translate(option.label, language)}" for option in home.options]
    first, *_rest = paginate([banner, home.text, *lines], [], translate(MORE_LINE, language))
    missing = [line for line in lines if line.partition(".")[0] in _FIRST_KEYS and line not in first.split("\n")]
    if not missing:
        return None
    room = _room(home.text, lines, language)
    return f"it takes {septets.count(banner)} septets, {room} fit above the first entries of the menu"


def _room(title: str, lines: list[str], language: str) -> int:
    foot = translate(MORE_LINE, language)
    return SCREEN_SEPTETS - septets.count("\n".join(["", title, *lines[: len(_FIRST_KEYS)], foot]))


SCREENS = (
    Choice(
        "home",
        "Jasho",
        options=(
            Option("1", _("Check Balance"), do=open_balance, goto={"ok": "balance", "private": "balance_pin"}),
            Option("2", _("Deposit"), goto="deposit"),
            Option("3", _("Withdraw"), goto="withdraw", off=WithdrawOff),
            Option("4", _("Send Money"), goto="send_to", off=SendOff),
            Option("5", _("Savings"), goto="savings"),
            Option("6", _("Jobs"), goto="jobs"),
            Option("7", _("Help"), goto="help"),
            Option("8", _("Insurance"), goto="insurance"),
            Option("9", _("My Account"), goto="account"),
            Option("10", _("Agent"), goto="agent", when=is_agent),
        ),
    ),
)
