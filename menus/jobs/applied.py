"""My applications: what a customer has applied for, and the work that she was hired for."""

from uuid import UUID

from core.i18n import _
from core.jobs import applications, hiring, reviews
from core.jobs.applications import CHOSEN, WAITING, Application
from core.jobs.market import FINISHED, HIRED, PAID
from menus.engine.dsl import Choice, End, Option, Outcome, Pick, found, ok, outcomes
from menus.engine.session import Step
from menus.jobs.words import MOVED_ON, RATED, job_slots, name_reachable, name_side, when_at, worker_stage, worker_status_text


@outcomes("ok", "empty")
async def list_applications(step: Step) -> Outcome:
    session = step.session
    listed = await applications.list_applications(step.runtime, session.registered)
    if not listed:
        return Outcome("empty")
    return found("jobs_applications", ((_line(application, session.language), application.job.id) for application in listed))


def _line(application: Application, language: str) -> str:
    return f"{application.job.title}: {worker_status_text(application, language)}"


@outcomes("ok", calls=(applications.get,))
async def show_application(step: Step) -> Outcome:
    session = step.session
    application = await applications.get(step.runtime, session.registered, UUID(step.picked))
    job, stage = application.job, worker_stage(application)
    if stage == PAID and await reviews.has_rated(step.runtime, session.registered, job.id):
        stage = RATED
    tell = name_reachable if application.status == CHOSEN else name_side
    status, lines = worker_status_text(application, session.language), tell(job.employer, session.language)
    return ok(**job_slots(job), stage=stage, status=status, name=job.employer.name, lines=lines)


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
            Option(
                "1", _("Take it back"), do=withdraw, goto={"ok": "jobs_withdrawn", "job_closed": "jobs"}, when=when_at(WAITING)
            ),
            Option(
                "2",
                _("I have finished"),
                do=finish,
                goto={"ok": "jobs_finished", **MOVED_ON, "account_closed": "jobs"},
                when=when_at(HIRED),
            ),
            Option("3", _("Give up"), goto="jobs_give_up", when=when_at(HIRED)),
            Option("4", _("Report a problem"), goto="jobs_problem", when=when_at(HIRED, FINISHED)),
            Option("5", _("Rate"), goto="jobs_rate", when=when_at(PAID)),
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
