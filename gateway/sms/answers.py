"""What each SMS command does, by the same services as the phone menu, and what it answers.

A handler answers with a text of texts.py and what fills it, or raises a Refusal, whose sentence is then the answer. What moves
money is answered by the receipt that the transfer itself sends.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from core import orders, phones, septets
from core.credentials.refusals import CodeEnded
from core.customers import profiles, wallet
from core.customers.profiles import Customer
from core.customers.refusals import UnknownRecipient
from core.i18n import _, translate
from core.insurance import covers, products
from core.jobs import applications, market
from core.membership import joining
from core.messaging import optouts
from core.orders import PlacedOrder
from core.runtime import Runtime
from core.savings import goals
from core.savings.goals import Goal
from core.septets import SCREEN_SEPTETS
from core.wording import describe_line
from gateway.sms import texts
from gateway.sms.commands import Command

_MOST_LINES = 5
# How each command is written, for whoever wrote it wrongly.
EXAMPLES = {
    "balance": _("BAL"),
    "statement": _("MINI"),
    "send": _("SEND 500 0722000111"),
    "confirm": _("OK and the code of our SMS"),
    "save": _("SAVE 200"),
    "jobs": _("JOBS"),
    "apply": _("APPLY 10420"),
    "cover": _("COVER"),
    "language": _("LANG SW"),
    "join": _("JOIN Asha Wanjiku"),
    "help": _("HELP"),
    "stop": _("STOP"),
    "start": _("START"),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A text of texts.py, what fills it, and the one-time code that its `{code}` stands for. Without a text: none is sent.

    `language` where it is another than the reader's has been so far.
    """

    text: str = ""
    params: Mapping[str, object] = field(default_factory=dict)
    code_id: UUID | None = None
    language: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A command, who sent it, and the key under which it is done once however often the provider delivers it."""

    runtime: Runtime
    customer: Customer
    command: Command
    key: str


async def answer(asked: Asked) -> Answer:
    """Does what the command says. Raises the Refusal that is then the answer."""
    return await _HANDLERS[asked.command.verb](asked)


async def answer_stranger(runtime: Runtime, command: Command, phone: str, language: str) -> Answer:
    """The same for a number that has no account: it may join, or ask not to be written to."""
    if command.verb == "join":
        await joining.join(runtime, phone=phone, name=profiles.read_name(command.words), language=language)
        return Answer()  # the welcome is the answer
    if command.verb in ("stop", "start"):
        return await _set_optout(runtime, phone, is_out=command.verb == "stop")
    return Answer(texts.SMS_NOT_REGISTERED)


async def _balance(asked: Asked) -> Answer:
    if asked.customer.asks_pin_for_balance:
        return Answer(texts.SMS_BALANCE_PRIVATE)
    return Answer(texts.SMS_BALANCE, {"balance": await wallet.get_balance(asked.runtime, asked.customer)})


async def _statement(asked: Asked) -> Answer:
    if asked.customer.asks_pin_for_balance:
        return Answer(texts.SMS_BALANCE_PRIVATE)
    language, country = asked.customer.language, asked.runtime.settings.country
    lines = [
        describe_line(line, language, country) for line in await wallet.list_newest(asked.runtime, asked.customer, _MOST_LINES)
    ]
    return Answer(texts.SMS_LINES, {"lines": _fitting(lines)}) if lines else Answer(texts.SMS_NO_TRANSACTIONS)


async def _send(asked: Asked) -> Answer:
    command = asked.command
    assert command.phone is not None
    assert command.amount is not None
    try:
        placed = await orders.place_send(asked.runtime, asked.customer, command.phone, command.amount, asked.key)
    except UnknownRecipient as refusal:
        return Answer(texts.SMS_INVITE, {**refusal.params})
    assert isinstance(placed.to, Customer)
    said = {"amount": placed.amount, "name": placed.to.name, "phone": phones.national(placed.to.phone), "fee": placed.fee}
    if placed.code_id is None:
        return Answer(texts.SMS_APPROVE, {**said})
    return Answer(texts.SMS_SEND, said, placed.code_id)


async def _save(asked: Asked) -> Answer:
    assert asked.command.amount is not None
    open_goals = await goals.goals(asked.runtime, asked.customer)
    goal = _chosen(open_goals, asked.command.words)
    if goal is None:
        text = texts.SMS_WHICH_GOAL if open_goals else texts.SMS_NO_GOAL
        return Answer(text)
    placed: PlacedOrder = await orders.place_saving(asked.runtime, asked.customer, goal, asked.command.amount)
    return Answer(texts.SMS_SAVE, {"amount": placed.amount, "goal": goal.name}, placed.code_id)


def _chosen(open_goals: list[Goal], words: str) -> Goal | None:
    """The goal that is meant: the one whose name begins like that, or the only one."""
    if not words:
        return open_goals[0] if len(open_goals) == 1 else None
    meant = [goal for goal in open_goals if goal.name.casefold().startswith(words.casefold())]
    exact = [goal for goal in meant if goal.name.casefold() == words.casefold()]
    found = exact or meant
    return found[0] if len(found) == 1 else None


async def _confirm(asked: Asked) -> Answer:
    try:
        await orders.confirm(asked.runtime, asked.customer, asked.command.number)
    except CodeEnded:
        # Perhaps it was no code: people send their PIN, too.
        return Answer(texts.SMS_NO_CODE)
    return Answer()


async def _jobs(asked: Asked) -> Answer:
    found = await market.search(asked.runtime, asked.command.words)
    if not found:
        return Answer(texts.SMS_NO_JOBS)
    lines = [f"{job.number} {job.title}, {job.place} {job.pay}" for job in found[:_MOST_LINES]]
    return Answer(texts.SMS_JOBS, {"lines": _fitting(lines, _longest_foot(asked.customer.language)), "number": found[0].number})


async def _apply(asked: Asked) -> Answer:
    job = await market.get_by_number(asked.runtime, asked.command.number)
    await applications.apply(asked.runtime, asked.customer, job.id)
    return Answer(texts.SMS_APPLIED, {"number": job.number, "title": job.title})


async def _covers(asked: Asked) -> Answer:
    language = asked.customer.language
    lines = [
        f"{translate(products.NAMES.get(policy.product, policy.product), language)} {policy.last_day:%d/%m/%Y}"
        for policy in await covers.list_policies(asked.runtime, asked.customer)
    ]
    if not lines:
        return Answer(texts.SMS_NO_COVER)
    return Answer(texts.SMS_COVERS, {"lines": _fitting(lines)})


async def _set_language(asked: Asked) -> Answer:
    await profiles.set_language(asked.runtime, asked.customer.id, asked.command.language)
    return Answer(texts.SMS_LANGUAGE, language=asked.command.language)


async def _join(_: Asked) -> Answer:
    return Answer(texts.SMS_JOINED_ALREADY)


async def _help(_: Asked) -> Answer:
    return Answer(texts.SMS_HELP)


async def _stop(asked: Asked) -> Answer:
    return await _set_optout(asked.runtime, asked.customer.phone, is_out=True)


async def _start(asked: Asked) -> Answer:
    return await _set_optout(asked.runtime, asked.customer.phone, is_out=False)


async def _set_optout(runtime: Runtime, phone: str, *, is_out: bool) -> Answer:
    async with runtime.database.transaction() as connection:
        if is_out:
            await optouts.opt_out(connection, phone, "keyword")
        else:
            await optouts.opt_in(connection, phone)
    return Answer(texts.SMS_STOPPED if is_out else texts.SMS_STARTED)


def _fitting(lines: list[str], taken: int = 0) -> str:
    """As many of the lines as one SMS has room for."""
    kept = [septets.plain(lines[0])[: SCREEN_SEPTETS - taken]]
    for line in lines[1:]:
        longer = "\n".join([*kept, septets.plain(line)])
        if septets.count(longer) + taken > SCREEN_SEPTETS:
            break
        kept.append(septets.plain(line))
    return "\n".join(kept)


def _longest_foot(language: str) -> int:
    """Septets that the sentence below a list takes."""
    return septets.count(translate(texts.SMS_JOBS, language).format(lines="", number="0" * 6))


_HANDLERS: Mapping[str, Callable[[Asked], Awaitable[Answer]]] = {
    "balance": _balance,
    "statement": _statement,
    "send": _send,
    "save": _save,
    "confirm": _confirm,
    "jobs": _jobs,
    "apply": _apply,
    "cover": _covers,
    "language": _set_language,
    "join": _join,
    "help": _help,
    "stop": _stop,
    "start": _start,
}
