"""The first screen. People remember its numbers: none of them ever changes."""

from core.i18n import _
from menus.balance import open_balance
from menus.engine.dsl import Choice, Option
from menus.engine.session import Session


def is_agent(session: Session) -> bool:
    return session.registered.is_agent


SCREENS = (
    Choice(
        "home",
        "Jasho",
        options=(
            Option("1", _("Check Balance"), do=open_balance, goto={"ok": "balance", "private": "balance_pin"}),
            Option("2", _("Deposit"), goto="deposit"),
            Option("3", _("Withdraw"), goto="withdraw"),
            Option("4", _("Send Money"), goto="send_to"),
            Option("5", _("Savings"), goto="savings"),
            Option("6", _("Jobs"), goto="jobs"),
            Option("7", _("Help"), goto="help"),
            Option("8", _("Insurance"), goto="insurance"),
            Option("9", _("My Account"), goto="account"),
            Option("10", _("Agent"), goto="agent", when=is_agent),
        ),
    ),
)
