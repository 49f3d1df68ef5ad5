"""The first screen. Its numbers are what people remember: none of them ever changes."""

from core.i18n import _
from menus.balance import read_balance
from menus.dsl import Choice, Option
from menus.session import Session


def is_agent(session: Session) -> bool:
    return session.registered.is_agent


SCREENS = (
    Choice(
        "home",
        "Jasho",
        options=(
            Option("1", _("Check Balance"), do=read_balance, goto={"ok": "balance"}),
            Option("2", _("Deposit"), goto="coming_soon"),
            Option("3", _("Withdraw"), goto="coming_soon"),
            Option("4", _("Send Money"), goto="send_to"),
            Option("5", _("Savings"), goto="coming_soon"),
            Option("6", _("Jobs"), goto="coming_soon"),
            Option("7", _("Help"), goto="help"),
            Option("8", _("Insurance"), goto="coming_soon"),
            Option("9", _("My Account"), goto="account"),
            Option("10", _("Agent"), goto="coming_soon", when=is_agent),
        ),
    ),
    Choice("coming_soon", _("This is coming soon.\nReply 0 to go back."), navigation=False),
)
