"""What the office decides about claims: `jasho claims` lists those that wait, pays one or says no."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import click

from core import phones
from core.approvals import ApprovalClosed
from core.errors import BadAmount, BadText, Refusal
from core.insurance import decisions
from core.insurance.claims import MOST_TEXT_CHARACTERS, Claim
from core.insurance.decisions import UnknownClaim
from core.ledger.refusals import AccountClosed, OverLimit
from core.money import Money, NotAnAmount
from core.runtime import Runtime
from gateway.cli.command import Failure, configured, run

_ADVICE: dict[type[Refusal], str] = {
    ApprovalClosed: "claim {number} has been decided already: nothing was done",
    AccountClosed: "the owner of claim {number} has closed her account: it cannot be paid here, only declined",
    BadAmount: "--amount is above nothing, for example 5000 or 5000.50",
    OverLimit: "claim {number} pays {most} at most: nothing was done",
    BadText: f"--by and --why are a few plain words each, {MOST_TEXT_CHARACTERS} characters at most",
}


@click.group()
def claims() -> None:
    """Claims of customers on their covers."""


@claims.command("list")
def list_waiting() -> None:
    """Shows the claims that wait for a decision, oldest first."""
    with configured() as at:
        found = run(at, decisions.waiting)
    for one in found:
        claim = one.claim
        click.echo(
            f"{claim.number}  {claim.name}, up to {claim.cover}  {one.customer} {phones.national(one.phone)}  "
            f"on {claim.happened}: {claim.reason}"
        )
    if not found:
        click.echo("No claim waits.")


@claims.command(context_settings={"ignore_unknown_options": True})
@click.argument("number")
@click.option("--by", required=True, metavar="NAME", help="Who in the office decides.")
@click.option("--amount", help="Less than the cover pays at most, for example 5000.")
def approve(number: str, by: str, amount: str | None) -> None:
    """Pays a claim into its owner's wallet, and tells her by SMS. A claim is decided once."""

    async def work(runtime: Runtime) -> Claim:
        paid = None if amount is None else _read(amount, runtime.settings.currency)
        return await decisions.approve(runtime, _number(number), by, paid)

    click.echo(f"Claim {number} is paid: {_decide(number, work).paid}.")


@claims.command()
@click.argument("number")
@click.option("--by", required=True, metavar="NAME", help="Who in the office decides.")
@click.option("--why", required=True, metavar="TEXT", help="The customer reads it, in an SMS.")
def decline(number: str, by: str, why: str) -> None:
    """Says no to a claim, and tells its owner why by SMS. A claim is decided once."""

    async def work(runtime: Runtime) -> Claim:
        return await decisions.decline(runtime, _number(number), by, why)

    click.echo(f"Claim {number} is declined: {_decide(number, work).decision}.")


def _decide(number: str, work: Callable[[Runtime], Awaitable[Claim]]) -> Claim:
    with configured() as at, _in_words(number):
        return run(at, work)


def _number(text: str) -> int:
    """A claim's six digits. Raises UnknownClaim for what no claim is called."""
    if len(text) != len("123456") or not (text.isascii() and text.isdecimal()):
        raise UnknownClaim(text)
    return int(text)


def _read(text: str, currency: str) -> Money:
    try:
        return Money.parse(text, currency)
    except NotAnAmount as error:
        raise BadAmount from error


@contextmanager
def _in_words(number: str) -> Iterator[None]:
    """One line for a refusal, with what to do about it."""
    try:
        yield
    except UnknownClaim as error:
        raise Failure(f"there is no claim {number}: `jasho claims list` shows those that wait") from error
    except Refusal as refusal:
        raise Failure(_ADVICE.get(type(refusal), refusal.sentence).format(**{"number": number, **refusal.params})) from refusal
