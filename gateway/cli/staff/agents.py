"""The office's commands for agents: `jasho agent` makes a customer one, `jasho float` sells float and buys it back."""

from collections.abc import Callable, Coroutine
from typing import Any

import click

from core import phones, reading
from core.agents import directory, floats
from core.agents.directory import Agent
from core.customers import profiles
from core.customers.profiles import Customer
from core.customers.refusals import UnknownRecipient
from core.errors import BadText, KeyConflict, UnknownAgent
from core.ledger.refusals import NotEnoughMoney, OverLimit
from core.money import Money
from core.runtime import Runtime
from core.staff import Staff
from gateway.cli.command import Failure, configured, run
from gateway.cli.staff import words
from gateway.cli.staff.asking import require_terminal, require_yes, yes_option
from gateway.cli.staff.words import Advice, in_words

_ADVICE: Advice = {
    UnknownRecipient: "{phone} is not on Jasho yet: its owner registers by dialing {service_code} first",
    UnknownAgent: "no agent has the number {number}: `jasho agent add` prints it",
    OverLimit: "the most at once is {most}",
}
Trade = Callable[..., Coroutine[Any, Any, floats.FloatReceipt]]

_WRITTEN_LIKE = "write letters, digits and spaces only: 40 characters at most, 20 for a place"

# Click takes a negative amount for an option, and would answer in its own words.
_ANY_AMOUNT = {"ignore_unknown_options": True}


@click.group()
def agent() -> None:
    """Agents: shops that turn cash into balance and back."""


@agent.command("add")
@click.option("--phone", required=True, help="A customer's number, for example 0711000001.")
@click.option("--name", required=True, help="What the shop is called.")
@click.option("--place", default="", help="Where it is, as people there say.")
@click.option("--float", "amount", help="Float to begin with, for money that is at the bank already.")
@yes_option
def add(phone: str, name: str, place: str, amount: str | None, yes: bool) -> None:
    """Makes a customer an agent and prints the agent number. Twice is harmless."""
    require_terminal(is_agreed=yes or amount is None)
    with configured() as settings:
        opening = None if amount is None else words.amount(amount, settings)
        msisdn = words.phone(phone, settings)

        async def look(runtime: Runtime) -> Customer:
            owner = await profiles.find(runtime, msisdn)
            if owner is None:
                raise UnknownRecipient(phone=phones.national(msisdn))
            return owner

        async def work(runtime: Runtime) -> Agent:
            added = await directory.add(runtime, msisdn, name, place)
            if opening is not None:
                await floats.buy(runtime, added, opening, reference=f"opening {added.number}", by=Staff("jasho agent add"))
            return added

        with in_words(_ADVICE, service_code=settings.service_code):
            if opening is not None and not yes:
                owner = f"{run(settings, look).name} {phones.national(msisdn)}"
                require_yes(f"{owner} becomes an agent, and {opening} will be added to the float.")
            try:
                added = run(settings, work)
            except BadText as error:
                raise Failure(f"the shop's name or place cannot be read: {_WRITTEN_LIKE}") from error
            except KeyConflict as error:
                raise Failure(f"{phone} was given another float to begin with: add to it with `jasho float buy`") from error
    click.echo(f"Agent number: {added.number}")
    if (added.name, added.place) != (reading.tidy(name), reading.tidy(place)):
        click.echo(f"jasho: {phone} was an agent already, as {added.name!r} in {added.place!r}: that stays", err=True)


@click.group("float")
def float_() -> None:
    """What agents can sell as balance."""


def _trading(command: click.Command) -> click.Command:
    """Gives a command the arguments that buying float and selling it share."""
    command.params = [
        click.Argument(["number"], metavar="AGENT_NUMBER"),
        click.Argument(["amount"]),
        click.Option(["--reference"], required=True, help="The bank's: it is worked off once."),
        click.Option(["--by"], required=True, metavar="NAME", help="Who in the office does it."),
    ]
    return yes_option(command)


@_trading
@float_.command(context_settings=_ANY_AMOUNT)
def buy(yes: bool, **given: str) -> None:
    """An agent has paid at the bank: adds it to her float."""
    require_terminal(is_agreed=yes)
    _trade(floats.buy, "added to", yes=yes, **given)


@_trading
@float_.command(context_settings=_ANY_AMOUNT)
def sell(yes: bool, **given: str) -> None:
    """The bank pays an agent out: takes it from her float."""
    require_terminal(is_agreed=yes)
    _trade(floats.sell, "taken from", yes=yes, **given)


def _trade(trade: Trade, done: str, *, number: str, amount: str, reference: str, by: str, yes: bool) -> None:
    with configured() as settings:
        traded = words.amount(amount, settings)

        async def look(runtime: Runtime) -> tuple[Agent, Money]:
            trader = await directory.get_by_number(runtime, number)
            return trader, await floats.get_balance(runtime, trader)

        async def work(runtime: Runtime) -> tuple[Agent, floats.FloatReceipt]:
            trader = await directory.get_by_number(runtime, number)
            try:
                return trader, await trade(runtime, trader, traded, reference=reference, by=words.staff(by))
            except NotEnoughMoney as error:
                balance = await floats.get_balance(runtime, trader)
                raise Failure(f"agent {number} has a float of {balance}: {traded} cannot be taken from it") from error

        with in_words(_ADVICE, number=number):
            if not yes:
                trader, balance = run(settings, look)
                require_yes(f"{traded} will be {done} the float of {trader.number} {trader.name}, which is {balance} now.")
            try:
                trader, receipt = run(settings, work)
            except BadText as error:
                raise Failure("--reference is a few letters and digits, 40 at most") from error
            except KeyConflict as error:
                message = f"the bank's reference {reference} was worked off before, for another agent or amount: nothing was done"
                raise Failure(message) from error
    if not receipt.is_new:
        click.echo(f"The bank's reference {reference} was worked off before, as {receipt.reference}: nothing was done now.")
        return
    click.echo(f"{receipt.reference}: {traded} {done} the float of {trader.number} {trader.name}. It is {receipt.balance} now.")
