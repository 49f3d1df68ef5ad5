"""Check Balance: at one key, or after the PIN where a customer has chosen that in My Account."""

from core.credentials import pins
from core.customers import wallet
from core.i18n import _
from menus.engine.dsl import Ask, Choice, Outcome, again, ok, outcomes
from menus.engine.session import Step


@outcomes("ok", "private")
async def open_balance(step: Step) -> Outcome:
    return Outcome("private") if step.session.registered.asks_pin_for_balance else await read_balance(step)


@outcomes("ok", calls=(pins.check,))
async def open_private_balance(step: Step) -> Outcome:
    await pins.check(step.runtime, step.session.registered.id, step.text)
    return await read_balance(step)


async def read_balance(step: Step) -> Outcome:
    return ok(balance=await wallet.get_balance(step.runtime, step.session.registered))


SCREENS = (
    Choice("balance", _("Your balance is {balance}.\nReply 0 for menu."), navigation=False, fresh=read_balance),
    Ask(
        "balance_pin",
        _("Enter PIN to see your balance."),
        do=open_private_balance,
        goto={"ok": "balance", **again("balance_pin")},
        secret=True,
    ),
)
