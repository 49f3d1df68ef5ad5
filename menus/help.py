"""Help: fees, agents near a place, terms, and questions in a customer's own words."""

from core.agents import directory
from core.i18n import _, translate
from core.ledger import tariffs
from core.ledger.refusals import AmountTooSmall, OverLimit
from core.money import Money
from core.support import questions
from menus.engine import inputs
from menus.engine.dsl import Ask, Choice, Option, Outcome, ok, outcomes
from menus.engine.session import Step

# By kind of tariff: the texts for the cost, the least amount and the most.
_COSTS = {
    "send": (
        _("Sending {amount} costs {fee}."),
        _("The least that can be sent is {least}."),
        _("The most that can be sent at once is {most}."),
    ),
    "withdraw": (
        _("Withdrawing {amount} costs {fee}."),
        _("The least that can be withdrawn is {least}."),
        _("The most that can be withdrawn at once is {most}."),
    ),
}


@outcomes("ok", calls=(directory.list_near,))
async def find_agents(step: Step) -> Outcome:
    shops = await directory.list_near(step.runtime, step.text)
    return ok(lines="\n".join(f"{shop.number} {shop.name}" + (shop.place and f", {shop.place}") for shop in shops))


@outcomes("ok", OverLimit, calls=(inputs.amount,))
async def quote_fees(step: Step) -> Outcome:
    amount = inputs.amount(step)
    most = max((tariffs.current(kind, amount.currency).most for kind in _COSTS), key=lambda limit: limit.minor)
    if amount > most:
        raise OverLimit(most=most)
    return ok(lines="\n".join(_fee(kind, amount, step.session.language) for kind in _COSTS))


def _fee(kind: str, amount: Money, language: str) -> str:
    costs, least, most = _COSTS[kind]
    try:
        return translate(costs, language).format(amount=amount, fee=tariffs.fee(kind, amount).total)
    except (AmountTooSmall, OverLimit) as refusal:
        sentence = least if isinstance(refusal, AmountTooSmall) else most
        return translate(sentence, language).format(**refusal.params)


@outcomes("ok", calls=(questions.answer,))
async def answer_question(step: Step) -> Outcome:
    return ok(lines=await questions.answer(step.runtime, step.text, step.session.language))


SCREENS = (
    Choice(
        "help",
        _("Help"),
        options=(
            Option("1", _("Fees"), goto="help_fees"),
            Option("2", _("Find an agent"), goto="help_place"),
            Option("3", _("Talk to us"), goto="help_contact"),
            Option("4", _("Terms"), goto="help_terms"),
            Option("5", _("Ask a question"), goto="help_question"),
        ),
    ),
    Ask(
        "help_fees",
        _("Fees for sending and withdrawing. Which amount?"),
        do=quote_fees,
        goto={"ok": "help_fee", "bad_amount": "help_fees", "over_limit": "help_fees"},
    ),
    Choice("help_fee", _("{lines}\nReceiving and depositing is free.")),
    Ask(
        "help_place",
        _("Where? Write a town, an area or the name of a shop."),
        do=find_agents,
        goto={"ok": "help_agents", "no_agent_near": "help_place"},
    ),
    Choice("help_agents", _("Agents:\n{lines}")),
    Choice(
        "help_contact",
        _(
            "Choose 5 in Help to ask a question, or go to any Jasho agent with your ID. "
            "We never ask for your PIN: do not tell it to anybody."
        ),
    ),
    Choice(
        "help_terms",
        _(
            "Your money lies in a trust account at a bank. It is yours.\n"
            "Fees are shown before you pay.\n"
            "What you confirm with your PIN is final.\n"
            "Money to somebody without an account comes back after 7 days if not fetched.\n"
            "Keep your PIN secret. Three wrong PINs lock it.\n"
            "After a forgotten PIN no money leaves for 24 hours.\n"
            "Whoever asks for your PIN or a code is not from Jasho."
        ),
    ),
    Ask(
        "help_question",
        _("Ask in your own words, in English or Swahili. Never write your PIN."),
        do=answer_question,
        goto={"ok": "help_answer", "bad_text": "help_question"},
    ),
    Choice("help_answer", _("{lines}")),
)
