"""Jobs: finding one and applying, reporting a problem and rating. The rest is beside it."""

from uuid import UUID

from core.i18n import _, translate
from core.jobs import applications, hiring, market, reviews
from core.jobs.refusals import JobClosed
from core.operations.refusals import JobsOff
from menus.engine.dsl import Choice, End, Option, Outcome, Pick, found, ok, outcomes
from menus.engine.session import Step
from menus.jobs import applied, posted, posting
from menus.jobs.words import MOVED_ON, category_at, category_options, job_slots, name_side

_ALL_PLACES = _("All places")
_STARS = (_("Very bad"), _("Bad"), _("All right"), _("Good"), _("Very good"))


@outcomes("ok", "empty")
async def choose_category(step: Step) -> Outcome:
    category = category_at(step.text)
    places = await market.list_places(step.runtime, category)
    if not places:
        return Outcome("empty")
    everywhere = translate(_ALL_PLACES, step.session.language)
    return found("jobs_place", [(everywhere, ""), *((place, place) for place in places)], category=category)


@outcomes("ok", "empty")
async def choose_place(step: Step) -> Outcome:
    offered = await market.list_offered(step.runtime, step.session.slots["category"], step.picked)
    if not offered:
        return Outcome("empty")
    return found(
        "jobs_list",
        ((f"{job.title} {job.pay}" if step.picked else f"{job.title}, {job.place} {job.pay}", job.id) for job in offered),
    )


@outcomes("ok", JobClosed, calls=(market.get,))
async def show_job(step: Step) -> Outcome:
    job = await market.get(step.runtime, UUID(step.picked))
    if not market.is_offered(job):
        raise JobClosed
    return ok(**job_slots(job), employer=name_side(job.employer, step.session.language), name=job.employer.name)


@outcomes("ok", calls=(applications.apply,))
async def apply(step: Step) -> Outcome:
    await applications.apply(step.runtime, step.session.registered, UUID(step.session.slots["job"]))
    return ok()


@outcomes("ok", calls=(hiring.dispute,))
async def dispute(step: Step) -> Outcome:
    await hiring.dispute(step.runtime, step.session.registered, UUID(step.session.slots["job"]))
    return ok()


@outcomes("ok", calls=(reviews.rate,))
async def rate(step: Step) -> Outcome:
    await reviews.rate(step.runtime, step.session.registered, UUID(step.session.slots["job"]), int(step.text))
    return ok()


SCREENS = (
    Choice(
        "jobs",
        _("Jobs"),
        options=(
            Option("1", _("Find a job"), goto="jobs_category"),
            Option(
                "2",
                _("My applications"),
                do=applied.list_applications,
                goto={"ok": "jobs_applications", "empty": "jobs_applications_empty"},
            ),
            Option(
                "3", _("Post a job"), do=posting.begin, goto={"ok": "jobs_post_category", "too_many_jobs": "jobs"}, off=JobsOff
            ),
            Option("4", _("My jobs"), do=posted.list_jobs, goto={"ok": "jobs_posted", "empty": "jobs_posted_empty"}),
        ),
    ),
    Choice(
        "jobs_category",
        _("Which kind of work?"),
        options=category_options(do=choose_category, goto={"ok": "jobs_place", "empty": "jobs_none"}),
    ),
    Pick("jobs_place", _("Where?"), do=choose_place, goto={"ok": "jobs_list", "empty": "jobs_none"}),
    Choice("jobs_none", _("No work of this kind is offered now. Please look again another day.")),
    Pick(
        "jobs_list",
        _("Jobs, the newest first"),
        do=show_job,
        goto={"ok": "jobs_job", "job_closed": "jobs_list", "unknown_job": "jobs_list"},
    ),
    Choice(
        "jobs_job",
        _("{number} {title}\n{place}, {amount}\n{employer}"),
        options=(
            Option(
                "1",
                _("Apply"),
                do=apply,
                goto={
                    "ok": "jobs_asked",
                    "already_applied": "jobs_job",
                    "job_closed": "jobs",
                    "unknown_job": "jobs",
                    "not_permitted": "jobs_job",
                    "too_many_tries": "jobs_job",
                    "account_closed": "jobs_job",
                },
            ),
        ),
    ),
    Choice(
        "jobs_asked", _("You have applied for {title}. {name} can see your name now. When there is an answer, you get an SMS.")
    ),
    Choice("jobs_details", _("Job {number}: {title}\n{place}, {amount}\n{lines}")),
    Choice(
        "jobs_problem",
        _("Report a problem with {title}? {amount} stays kept until Jasho has decided who gets it."),
        options=(
            Option(
                "1",
                _("Yes, report it"),
                do=dispute,
                goto={"ok": "jobs_problem_done", **MOVED_ON, "account_closed": "jobs"},
            ),
        ),
    ),
    End("jobs_problem_done", _("Jasho looks into it and may call you. {amount} stays kept until then. You get an SMS.")),
    Choice(
        "jobs_rate",
        _("How was it with {name}?"),
        options=tuple(
            Option(str(stars), label, do=rate, goto={"ok": "jobs_rated", **MOVED_ON, "already_reviewed": "jobs"})
            for stars, label in enumerate(_STARS, start=1)
        ),
    ),
    End("jobs_rated", _("Thank you. This helps others to choose well.")),
    *applied.SCREENS,
    *posting.SCREENS,
    *posted.SCREENS,
)
