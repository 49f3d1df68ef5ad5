"""The proof of the books, for the commands that ask for one."""

import sys
from datetime import timedelta

import click

from core import features
from core.ledger import audit, seal
from core.runtime import Runtime
from core.settings import Settings
from gateway.cli.command import Failure, run


def prove(settings: Settings) -> str:
    """What was proved, in a sentence. Names what is broken on standard error and raises Failure.

    What waits long for its seal is named there too. It breaks nothing: where no worker runs, nobody seals.
    """
    report, waited = run(settings, _verify, uses_secrets=False)
    for invariant, finding in report.findings:
        click.echo(f"broken: {invariant}: {finding}", err=True)
    if waited > seal.LONGEST_UNSEALED:
        seconds = round(waited.total_seconds())
        click.echo(f"weak: a transfer has waited {seconds} s for its seal: does a worker run?", err=True)
    if report.findings:
        raise Failure("the books do not hold")
    counted = f"{report.transfers} transfers ({report.sealed} sealed) and {report.postings} postings"
    return f"The books hold: {report.invariants} invariants over {counted}."


async def _verify(runtime: Runtime) -> tuple[audit.AuditReport, timedelta]:
    async with runtime.database.transaction() as connection:
        report = await audit.verify(connection, _show_progress, features.CHECKS)
        return report, await seal.unsealed_for(connection)


def _show_progress(invariant: str) -> None:
    if sys.stderr.isatty():
        click.echo(f"  {invariant} ...", err=True)
