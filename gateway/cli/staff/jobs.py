"""Staff decide disputes of jobs: `jasho jobs disputes` lists those that wait, `jasho jobs settle` ends one."""

import click

from core import clock, phones
from core.jobs import hiring
from core.jobs import market as job_list
from core.jobs.market import Job, Side
from core.jobs.refusals import JobClosed, UnknownJob
from core.ledger.refusals import AccountClosed
from core.runtime import Runtime
from gateway.cli.command import Failure, configured, run
from gateway.cli.staff import words
from gateway.cli.staff.asking import require_terminal, require_yes, yes_option
from gateway.cli.staff.words import Advice, in_words

_ADVICE: Advice = {
    UnknownJob: "there is no job {number}: `jasho jobs disputes` shows those that wait",
    JobClosed: "nobody disputes job {number}, or it is settled already: nothing was done",
    AccountClosed: "one of the two sides of job {number} has closed the account: nothing was done",
}


@click.group()
def jobs() -> None:
    """Jobs whose two sides do not agree."""


@jobs.command()
def disputes() -> None:
    """Shows the jobs that wait for a decision, oldest first."""
    with configured() as settings:
        waiting = run(settings, job_list.list_disputed)
    for job in waiting:
        since = f"{clock.day(job.changed_at, settings.country)}"
        click.echo(f"{job.number}  {job.title}, {job.place}  {job.pay}  since {since}")
        click.echo(f"    employer {_contact(job.employer)}, worker {_contact(job.worker)}")
    if not waiting:
        click.echo("No job waits.")


@jobs.command()
@click.argument("number")
@click.option("--pay", is_flag=True, help="The money goes to the worker.")
@click.option("--refund", is_flag=True, help="The money goes back to the employer; her limit of the day does not.")
@click.option("--by", required=True, metavar="NAME", help="Who in the office decides.")
@yes_option
def settle(number: str, pay: bool, refund: bool, by: str, yes: bool) -> None:
    """Ends a dispute: the pay goes to the worker or back. Both sides are told by SMS, and a dispute is settled once."""
    if pay == refund:
        raise Failure("say who gets the money, one of the two: --pay (the worker) or --refund (the employer)")
    require_terminal(is_agreed=yes)

    async def look(runtime: Runtime) -> Job:
        job = await job_list.get_by_number(runtime, number)
        if job.status != job_list.DISPUTED:
            raise JobClosed
        return job

    async def work(runtime: Runtime) -> Job:
        return await hiring.settle(runtime, number, pay_worker=pay, by=words.staff(by))

    with configured() as settings, in_words(_ADVICE, number=number):
        if not yes:
            job = run(settings, look)
            require_yes(f"Job {job.number}, {job.title}: {job.pay} goes to {_receiver(job, pays_worker=pay)}.")
        job = run(settings, work)
    click.echo(f"Job {job.number} is settled: {job.pay} to {_receiver(job, pays_worker=pay)}.")


def _receiver(job: Job, *, pays_worker: bool) -> str:
    return _contact(job.worker if pays_worker else job.employer)


def _contact(side: Side | None) -> str:
    assert side is not None, "nobody was hired for a job that is disputed"
    return f"{side.name} {phones.national(side.phone)}"
