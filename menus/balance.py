"""Check Balance."""

from core.i18n import _
from core.services import transfers
from menus.dsl import Choice, Outcome, ok, outcomes
from menus.session import Step

SCREENS = (Choice("balance", _("Your balance is {balance}.\nReply 0 for menu."), navigation=False),)


@outcomes("ok")
async def read_balance(step: Step) -> Outcome:
    return ok(balance=await transfers.balance(step.runtime, step.session.registered))
