"""The proof of the books, for the commands that ask for one."""

import sys

import click

from core import features
from core.ledger import audit, seal
from core.runtime import Runtime
from core.settings import Settings
from gateway.cli.command import Failure, run


def prove(settings: Settings) -> str:
    """What was proved, in a sentence. Names what is broken on standard error and raises Failure."""
    report = run(settings, _verify, uses_secrets=False)
    for invariant, finding in report.findings:
        click.echo(f"broken: {invariant}: {finding}", err=True)
    if report.findings:
        raise Failure("the books do not hold")
    counted = f"{report.transfers} transfers ({report.sealed} sealed) and {report.postings} postings"
    return f"The books hold: {report.invariants} invariants over {counted}."


async def _verify(runtime: Runtime) -> audit.AuditReport:
    async with runtime.database.transaction() as connection:
        report = await audit.verify(connection, _show_progress, features.CHECKS)
        waited = await seal.unsealed_for(connection)
    if waited > seal.LONGEST_UNSEALED:
        age = f"the oldest that is not has waited {round(waited.total_seconds())} s; does a worker run?"
        report.findings.append(("transfers are sealed soon", age))
    return report


def _show_progress(invariant: str) -> None:
    if sys.stderr.isatty():
        click.echo(f"  {invariant} ...", err=True)
