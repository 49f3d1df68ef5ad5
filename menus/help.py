"""Help."""

from core.errors import BadAmount, OverLimit
from core.i18n import _
from core.ledger import tariffs
from menus import inputs
from menus.dsl import Ask, Choice, Option, Outcome, ok, outcomes
from menus.session import Step


@outcomes("ok", BadAmount, OverLimit)
async def quote_fee(step: Step) -> Outcome:
    amount = inputs.amount(step)
    return ok(amount=amount, fee=tariffs.fee("send", amount).total)


SCREENS = (
    Choice(
        "help",
        _("Help"),
        options=(
            Option("1", _("Fees"), goto="help_fees"),
            Option("2", _("Find an agent"), goto="coming_soon"),
            Option("3", _("Talk to us"), goto="help_contact"),
            Option("4", _("Terms"), goto="help_terms"),
            Option("5", _("Ask a question"), goto="coming_soon"),
        ),
    ),
    Ask(
        "help_fees",
        _("Fees for sending money. Which amount?"),
        do=quote_fee,
        goto={"ok": "help_fee", "bad_amount": "help_fees", "over_limit": "help_fees"},
    ),
    Choice("help_fee", _("Sending {amount} costs {fee}. Receiving is free.")),
    Choice(
        "help_contact",
        _("Ask at any Jasho agent, and bring your ID. We never ask for your PIN: do not tell it to anybody."),
    ),
    Choice(
        "help_terms",
        _(
            "Jasho keeps your money in a trust account at a bank. It is yours at any time.\n"
            "A payment that you confirm with your PIN is final.\n"
            "Keep your PIN secret. Three wrong PINs lock it.\n"
            "Fees are shown before you pay."
        ),
    ),
)
