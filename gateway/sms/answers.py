"""What each SMS command does, by the services that the phone menu uses, and how it is answered.

A handler returns a text of texts.py and its values, or raises a Refusal, whose sentence is then the answer. The receipt that a
transfer sends is the answer to a command that moves money.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from core import phones, septets
from core.credentials.refusals import CodeEnded
from core.customers import profiles, wallet
from core.customers.profiles import Customer
from core.customers.refusals import UnknownRecipient
from core.i18n import _, translate
from core.insurance import covers, products
from core.jobs import applications, market
from core.membership import joining
from core.messaging import optouts
from core.orders import sms_orders
from core.orders.sms_orders import DoneOrder, PlacedOrder
from core.runtime import Runtime
from core.savings import goals
from core.savings.goals import Goal
from core.septets import SCREEN_SEPTETS
from core.wording import describe_line
from gateway.sms import texts
from gateway.sms.commands import Command

_MOST_LINES = 5
# How each command is written, for senders who wrote it wrongly.
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
class SmsReply:
    """A text of texts.py, its values, and the one-time code that its `{code}` stands for. Without a text no SMS is sent.

    `language`: where it is another than the reader's so far.
    """

    text: str = ""
    params: Mapping[str, object] = field(default_factory=dict)
    code_id: UUID | None = None
    language: str = ""


@dataclass(frozen=True, slots=True)
class SmsRequest:
    """A command, its sender, and the key under which it is done once, however often the provider delivers it."""

    runtime: Runtime
    customer: Customer
    command: Command
    key: str


async def reply_to(request: SmsRequest) -> SmsReply:
    """Does what the command says. A Refusal that it raises is the answer."""
    return await _HANDLERS[request.command.verb](request)


async def reply_to_stranger(runtime: Runtime, command: Command, phone: str, language: str) -> SmsReply:
    """`reply_to` for a number that has no account: it may join, or decline our notices."""
    if command.verb == "join":
        await joining.join(runtime, phone=phone, name=profiles.read_name(command.words), language=language)
        return SmsReply()  # the welcome is the answer
    if command.verb in ("stop", "start"):
        return await _set_optout(runtime, phone, is_out=command.verb == "stop")
    return SmsReply(texts.SMS_NOT_REGISTERED)


async def find_done_already(request: SmsRequest) -> SmsReply | None:
    """The answer to a command that may come again after its money has moved; None where none has."""
    if request.command.verb != "confirm":
        return None
    done = await sms_orders.find_done(request.runtime, request.customer, request.command.number)
    return None if done is None else _done_already(done)


async def _balance(request: SmsRequest) -> SmsReply:
    if request.customer.asks_pin_for_balance:
        return SmsReply(texts.SMS_BALANCE_PRIVATE)
    return SmsReply(texts.SMS_BALANCE, {"balance": await wallet.get_balance(request.runtime, request.customer)})


async def _statement(request: SmsRequest) -> SmsReply:
    if request.customer.asks_pin_for_balance:
        return SmsReply(texts.SMS_BALANCE_PRIVATE)
    language, country = request.customer.language, request.runtime.settings.country
    lines = [
        describe_line(line, language, country)
        for line in await wallet.list_newest(request.runtime, request.customer, _MOST_LINES)
    ]
    return SmsReply(texts.SMS_LINES, {"lines": _fitting(lines)}) if lines else SmsReply(texts.SMS_NO_TRANSACTIONS)


async def _send(request: SmsRequest) -> SmsReply:
    command = request.command
    assert command.phone is not None
    assert command.amount is not None
    try:
        placed = await sms_orders.place_send(request.runtime, request.customer, command.phone, command.amount, request.key)
    except UnknownRecipient as refusal:
        return SmsReply(texts.SMS_INVITE, {**refusal.params})
    if placed.code_id is None:
        return SmsReply(texts.SMS_APPROVE, _send_params(placed))
    return SmsReply(texts.SMS_SEND, _send_params(placed), placed.code_id)


def _send_params(placed: PlacedOrder) -> dict[str, object]:
    assert isinstance(placed.to, Customer)
    return {"amount": placed.amount, "name": placed.to.name, "phone": phones.national(placed.to.phone), "fee": placed.fee}


async def _save(request: SmsRequest) -> SmsReply:
    assert request.command.amount is not None
    open_goals = await goals.list_goals(request.runtime, request.customer)
    goal = _chosen(open_goals, request.command.words)
    if goal is None:
        text = texts.SMS_WHICH_GOAL if open_goals else texts.SMS_NO_GOAL
        return SmsReply(text)
    placed: PlacedOrder = await sms_orders.place_saving(request.runtime, request.customer, goal, request.command.amount)
    return SmsReply(texts.SMS_SAVE, {"amount": placed.amount, "goal": goal.name}, placed.code_id)


def _chosen(open_goals: list[Goal], words: str) -> Goal | None:
    """The goal whose name begins with these words, or the only goal where there are none."""
    if not words:
        return open_goals[0] if len(open_goals) == 1 else None
    written = septets.plain(words).casefold()  # as names of goals are kept
    meant = [goal for goal in open_goals if goal.name.casefold().startswith(written)]
    exact = [goal for goal in meant if goal.name.casefold() == written]
    goals_meant = exact or meant
    return goals_meant[0] if len(goals_meant) == 1 else None


async def _confirm(request: SmsRequest) -> SmsReply:
    try:
        confirmed = await sms_orders.confirm(request.runtime, request.customer, request.command.number)
    except CodeEnded:
        # Perhaps it was no code: people send their PIN, too.
        return SmsReply(texts.SMS_NO_CODE)
    if isinstance(confirmed, PlacedOrder):
        return SmsReply(texts.SMS_SEND_AGAIN, _send_params(confirmed), confirmed.code_id)
    return SmsReply() if confirmed.is_new else _done_already(confirmed)  # the receipt is the answer


def _done_already(done: DoneOrder) -> SmsReply:
    return SmsReply(texts.SMS_DONE_ALREADY, {"reference": done.reference, "amount": done.amount, "name": done.to.name})


async def _jobs(request: SmsRequest) -> SmsReply:
    open_jobs = await market.search(request.runtime, request.command.words)
    if not open_jobs:
        return SmsReply(texts.SMS_NO_JOBS)
    lines = [f"{job.number} {job.title}, {job.place} {job.pay}" for job in open_jobs[:_MOST_LINES]]
    shown = _fitting(lines, _longest_foot(request.customer.language))
    return SmsReply(texts.SMS_JOBS, {"lines": shown, "number": open_jobs[0].number})


async def _apply(request: SmsRequest) -> SmsReply:
    job = await market.get_by_number(request.runtime, request.command.number)
    await applications.apply(request.runtime, request.customer, job.id)
    return SmsReply(texts.SMS_APPLIED, {"number": job.number, "title": job.title})


async def _covers(request: SmsRequest) -> SmsReply:
    language = request.customer.language
    lines = [
        f"{translate(products.NAMES.get(policy.product, policy.product), language)} {policy.last_day:%d/%m/%Y}"
        for policy in await covers.list_policies(request.runtime, request.customer)
    ]
    if not lines:
        return SmsReply(texts.SMS_NO_COVER)
    return SmsReply(texts.SMS_COVERS, {"lines": _fitting(lines)})


async def _set_language(request: SmsRequest) -> SmsReply:
    await profiles.set_language(request.runtime, request.customer.id, request.command.language)
    return SmsReply(texts.SMS_LANGUAGE, language=request.command.language)


async def _join(_: SmsRequest) -> SmsReply:
    return SmsReply(texts.SMS_JOINED_ALREADY)


async def _help(_: SmsRequest) -> SmsReply:
    return SmsReply(texts.SMS_HELP)


async def _stop(request: SmsRequest) -> SmsReply:
    stopped = await _set_optout(request.runtime, request.customer.phone, is_out=True)
    return SmsReply(texts.SMS_STOPPED_PIN) if request.command.may_hold_pin else stopped


async def _start(request: SmsRequest) -> SmsReply:
    return await _set_optout(request.runtime, request.customer.phone, is_out=False)


async def _set_optout(runtime: Runtime, phone: str, *, is_out: bool) -> SmsReply:
    async with runtime.database.transaction() as connection:
        if is_out:
            await optouts.opt_out(connection, phone, "keyword")
        else:
            await optouts.opt_in(connection, phone)
    return SmsReply(texts.SMS_STOPPED if is_out else texts.SMS_STARTED)


def _fitting(lines: list[str], taken: int = 0) -> str:
    """As many of the lines as fit into one SMS beside `taken` septets."""
    kept = [septets.plain(lines[0])[: SCREEN_SEPTETS - taken]]
    for line in lines[1:]:
        longer = "\n".join([*kept, septets.plain(line)])
        if septets.count(longer) + taken > SCREEN_SEPTETS:
            break
        kept.append(septets.plain(line))
    return "\n".join(kept)


def _longest_foot(language: str) -> int:
    """Septets of the sentence below a list, at its longest."""
    return septets.count(translate(texts.SMS_JOBS, language).format(lines="", number="0" * 6))


_HANDLERS: Mapping[str, Callable[[SmsRequest], Awaitable[SmsReply]]] = {
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
