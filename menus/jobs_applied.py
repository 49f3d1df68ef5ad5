"""My applications: what somebody has applied for, and the work that she was hired for."""

from uuid import UUID

from core.i18n import _
from core.jobs import applications, hiring, reviews
from core.jobs.applications import CHOSEN, WAITING
from core.jobs.market import FINISHED, HIRED, PAID
from menus.engine.dsl import Choice, End, Option, Outcome, Pick, found, ok, outcomes
from menus.engine.session import Step
from menus.job_words import MOVED_ON, RATED, about, at, for_worker, person, reachable, worker_stage


@outcomes("ok", "empty")
async def list_applications(step: Step) -> Outcome:
    session = step.session
    own = await applications.list_applications(step.runtime, session.registered)
    if not own:
        return Outcome("empty")
    return found("jobs_applications", ((f"{one.job.title}: {for_worker(one, session.language)}", one.job.id) for one in own))


@outcomes("ok", calls=(applications.get,))
async def show_application(step: Step) -> Outcome:
    session = step.session
    applied = await applications.get(step.runtime, session.registered, UUID(step.picked))
    job, stage = applied.job, worker_stage(applied)
    if stage == PAID and await reviews.has_rated(step.runtime, session.registered, job.id):
        stage = RATED
    tell = reachable if applied.status == CHOSEN else person
    status, lines = for_worker(applied, session.language), tell(job.employer, session.language)
    return ok(**about(job), stage=stage, status=status, name=job.employer.name, lines=lines)


@outcomes("ok", calls=(applications.withdraw,))
async def withdraw(step: Step) -> Outcome:
    await applications.withdraw(step.runtime, step.session.registered, UUID(step.session.slots["job"]))
    return ok()


@outcomes("ok", calls=(hiring.finish,))
async def finish(step: Step) -> Outcome:
    await hiring.finish(step.runtime, step.session.registered, UUID(step.session.slots["job"]))
    return ok()


@outcomes("ok", calls=(hiring.give_up,))
async def give_up(step: Step) -> Outcome:
    await hiring.give_up(step.runtime, step.session.registered, UUID(step.session.slots["job"]))
    return ok()


SCREENS = (
    Pick("jobs_applications", _("My applications"), do=show_application, goto={"ok": "jobs_application", "unknown_job": "jobs"}),
    Choice("jobs_applications_empty", _("You have not applied for a job yet. To see what is offered, choose Find a job.")),
    Choice(
        "jobs_application",
        _("{title}\n{status}"),
        options=(
            Option("1", _("Take it back"), do=withdraw, goto={"ok": "jobs_withdrawn", "job_closed": "jobs"}, when=at(WAITING)),
            Option(
                "2",
                _("I have finished"),
                do=finish,
                goto={"ok": "jobs_finished", **MOVED_ON, "account_closed": "jobs"},
                when=at(HIRED),
            ),
            Option("3", _("Give up"), goto="jobs_give_up", when=at(HIRED)),
            Option("4", _("Report a problem"), goto="jobs_problem", when=at(HIRED, FINISHED)),
            Option("5", _("Rate"), goto="jobs_rate", when=at(PAID)),
            Option("6", _("Details"), goto="jobs_details"),
        ),
    ),
    End("jobs_withdrawn", _("Your application is taken back. You may apply for {title} again as long as it is offered.")),
    End("jobs_finished", _("{name} has been told that {title} is done. When you are paid, you get an SMS.")),
    Choice(
        "jobs_give_up",
        _("Give up {title}? {amount} goes back to {name}."),
        options=(
            Option(
                "1",
                _("Yes, give up"),
                do=give_up,
                goto={"ok": "jobs_given_up", **MOVED_ON, "account_closed": "jobs"},
            ),
        ),
    ),
    End("jobs_given_up", _("You have given up {title}. {name} has been told and has {amount} back.")),
)
