"""The proof of the books, for the commands that ask for one."""

import sys
from datetime import timedelta
from functools import partial

import click

from core import features
from core.ledger import audit, seal
from core.ledger.proof import SealName
from core.runtime import Runtime
from core.settings import Settings
from gateway.cli.command import Failure, run


def prove(settings: Settings, since: SealName | None = None) -> str:
    """What was proved, in sentences. Names what is broken on standard error and raises Failure.

    What waits long for its seal is named there too. It breaks nothing: where no worker runs, nobody seals.
    """
    report, waited = run(settings, partial(_verify, since=since), uses_secrets=False)
    for invariant, finding in report.findings:
        click.echo(f"broken: {invariant}: {finding}", err=True)
    if waited > seal.LONGEST_UNSEALED:
        seconds = round(waited.total_seconds())
        click.echo(f"weak: a transfer has waited {seconds} s for its seal: does a worker run?", err=True)
    if report.findings:
        raise Failure("the books do not hold")
    counted = f"{report.transfers} transfers ({report.sealed} sealed) and {report.postings} postings"
    proved = f"\nThe last seal is {report.proved}." if report.proved else ""
    return f"The books hold: {report.invariants} invariants over {counted}.{proved}"


async def _verify(runtime: Runtime, since: SealName | None) -> tuple[audit.AuditReport, timedelta]:
    report = await audit.verify(runtime.database, _show_progress, features.CHECKS, since)
    async with runtime.database.autocommit() as connection:
        return report, await seal.unsealed_for(connection)


def _show_progress(invariant: str) -> None:
    if sys.stderr.isatty():
        click.echo(f"  {invariant} ...", err=True)
