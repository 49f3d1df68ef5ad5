"""Staff decide claims: `jasho claims` lists those that wait, pays one or declines it."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from core import phones
from core.errors import BadText
from core.insurance import decisions
from core.insurance.claims import MOST_TEXT_CHARACTERS, Claim
from core.insurance.decisions import UnknownClaim, WaitingClaim
from core.insurance.refusals import ClaimDecided
from core.ledger.refusals import AccountClosed, OverLimit
from core.money import Money
from core.runtime import Runtime
from core.settings import Settings
from gateway.cli.command import Failure, configured, run
from gateway.cli.staff import words
from gateway.cli.staff.asking import require_terminal, require_yes, yes_option
from gateway.cli.staff.words import Advice, in_words

_ADVICE: Advice = {
    ClaimDecided: "claim {number} has been decided already: nothing was done",
    AccountClosed: "the owner of claim {number} has closed her account: it cannot be paid here, only declined",
    OverLimit: "claim {number} pays {most} at most: nothing was done",
    BadText: f"--why is a few plain words, {MOST_TEXT_CHARACTERS} characters at most",
}


@click.group()
def claims() -> None:
    """Claims of customers on their covers."""


@claims.command("list")
def list_waiting() -> None:
    """Shows the claims that wait for a decision, oldest first."""
    with configured() as settings:
        waiting = run(settings, decisions.list_waiting)
    for item in waiting:
        claim = item.claim
        click.echo(
            f"{claim.number}  {claim.name}, up to {claim.cover}  {item.customer} {phones.national(item.phone)}  "
            f"on {claim.happened}: {claim.reason}"
        )
    if not waiting:
        click.echo("No claim waits.")


@claims.command(context_settings={"ignore_unknown_options": True})
@click.argument("number")
@click.option("--by", required=True, metavar="NAME", help="Who in the office decides.")
@click.option("--amount", help="Less than the cover pays at most, for example 5000.")
@yes_option
def approve(number: str, by: str, amount: str | None, yes: bool) -> None:
    """Pays a claim into its owner's wallet. She is told by SMS, and a claim is decided once."""
    require_terminal(is_agreed=yes)

    def read_amount(settings: Settings) -> Money | None:
        return None if amount is None else words.amount(amount, settings, "--amount")

    async def look(runtime: Runtime) -> WaitingClaim:
        return await decisions.get_waiting(runtime, _number(number))

    async def work(runtime: Runtime) -> Claim:
        return await decisions.approve(runtime, _number(number), words.staff(by), read_amount(runtime.settings))

    with _deciding(number) as settings:
        if not yes:
            waiting, paid = run(settings, look), read_amount(settings)
            owner = f"{waiting.customer} {phones.national(waiting.phone)}"
            require_yes(f"Claim {number}, {waiting.claim.name}: {paid or waiting.claim.cover} goes to {owner}.")
        claim = run(settings, work)
    click.echo(f"Claim {number} is paid: {claim.paid}.")


@claims.command()
@click.argument("number")
@click.option("--by", required=True, metavar="NAME", help="Who in the office decides.")
@click.option("--why", required=True, metavar="TEXT", help="The customer reads it, in an SMS.")
def decline(number: str, by: str, why: str) -> None:
    """Says no to a claim, and tells its owner why by SMS. A claim is decided once."""

    async def work(runtime: Runtime) -> Claim:
        return await decisions.decline(runtime, _number(number), words.staff(by), why)

    with _deciding(number) as settings:
        claim = run(settings, work)
    click.echo(f"Claim {number} is declined: {claim.decision}.")


@contextmanager
def _deciding(number: str) -> Iterator[Settings]:
    with configured() as settings, in_words(_ADVICE, number=number):
        try:
            yield settings
        except UnknownClaim as error:
            raise Failure(f"there is no claim {number}: `jasho claims list` shows those that wait") from error


def _number(text: str) -> int:
    """Reads a claim's six digits. Raises UnknownClaim where no claim can have them."""
    if len(text) != len("123456") or not (text.isascii() and text.isdecimal()):
        raise UnknownClaim(text)
    return int(text)
