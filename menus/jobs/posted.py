"""My jobs: what a customer has posted, who has applied, hiring and paying."""

from uuid import UUID

from core import clock
from core.i18n import _, translate
from core.jobs import applications, hiring, market, reviews
from core.jobs.market import FINISHED, HIRED, OPEN, PAID
from core.jobs.refusals import JobClosed
from menus.engine.dsl import Ask, Choice, End, Option, Outcome, Pick, again, found, ok, outcomes
from menus.engine.screen import HIDDEN
from menus.engine.session import Step
from menus.jobs.words import MOVED_ON, RATED, employer_status_text, job_slots, name_reachable, rating_text, when_at

_APPLICANT = _("{name} ({rating}), jobs done: {number}")
_ON_LIST = _("On the list until {date}")


@outcomes("ok", "empty")
async def list_jobs(step: Step) -> Outcome:
    session = step.session
    jobs = await market.list_posted(step.runtime, session.registered)
    if not jobs:
        return Outcome("empty")
    return found(
        "jobs_posted", ((f"{job.number} {job.title}: {employer_status_text(job, session.language)}", job.id) for job in jobs)
    )


@outcomes("ok", calls=(market.get,))
async def show_job(step: Step) -> Outcome:
    session, language = step.session, step.session.language
    job = await market.get(step.runtime, UUID(step.picked))
    stage = job.status
    if stage == PAID and await reviews.has_rated(step.runtime, session.registered, job.id):
        stage = RATED
    slots = {**job_slots(job), "stage": stage, "status": employer_status_text(job, language), "lines": ""}
    if job.worker is not None:
        slots |= {"name": job.worker.name, "lines": name_reachable(job.worker, language)}
    elif job.status == OPEN:
        until = clock.day_text(clock.day(job.expires_at, step.runtime.settings.country))
        slots["lines"] = translate(_ON_LIST, language).format(date=until)
    return ok(**slots)


@outcomes("ok", "empty", calls=(applications.list_applicants,))
async def list_applicants(step: Step) -> Outcome:
    session, language = step.session, step.session.language
    waiting = await applications.list_applicants(step.runtime, session.registered, UUID(session.slots["job"]))
    if not waiting:
        return Outcome("empty")
    line = translate(_APPLICANT, language)
    return found(
        "jobs_applicants",
        (
            (line.format(name=person.name, rating=rating_text(person.rating, language), number=person.jobs_done), person.id)
            for person in waiting
        ),
    )


@outcomes("ok", JobClosed, calls=(applications.list_applicants,))
async def choose_applicant(step: Step) -> Outcome:
    session = step.session
    for applicant in await applications.list_applicants(step.runtime, session.registered, UUID(session.slots["job"])):
        if str(applicant.id) == step.picked:
            return ok(worker=applicant.id, name=applicant.name)
    raise JobClosed


@outcomes("ok", calls=(hiring.hire,))
async def hire(step: Step) -> Outcome:
    session = step.session
    job, worker = UUID(session.slots["job"]), UUID(session.slots["worker"])
    receipt = await hiring.hire(step.runtime, session.registered, job, worker, step.text, step.key)
    return ok(reference=receipt.reference, balance=receipt.balance)


@outcomes("ok", calls=(hiring.pay,))
async def pay(step: Step) -> Outcome:
    session = step.session
    receipt = await hiring.pay(step.runtime, session.registered, UUID(session.slots["job"]), step.text, step.key)
    return ok(reference=receipt.reference, balance=receipt.balance)


@outcomes("ok", "refunded", calls=(hiring.cancel,))
async def cancel(step: Step) -> Outcome:
    session = step.session
    receipt = await hiring.cancel(step.runtime, session.registered, UUID(session.slots["job"]))
    if receipt is None:
        return ok()
    # This screen has not asked for a PIN.
    balance = HIDDEN if session.registered.asks_pin_for_balance else str(receipt.balance)
    return Outcome("refunded", {"reference": receipt.reference, "balance": balance})


SCREENS = (
    Pick("jobs_posted", _("My jobs"), do=show_job, goto={"ok": "jobs_mine", "unknown_job": "jobs"}),
    Choice("jobs_posted_empty", _("You have not posted a job yet. It is free: choose Post a job.")),
    Choice(
        "jobs_mine",
        _("{number} {title}\n{status}"),
        options=(
            Option(
                "1",
                _("Applicants"),
                do=list_applicants,
                goto={"ok": "jobs_applicants", "empty": "jobs_applicants_empty", "unknown_job": "jobs", "not_permitted": "jobs"},
                when=when_at(OPEN),
            ),
            Option("2", _("Done: pay"), goto="jobs_pay", when=when_at(HIRED, FINISHED)),
            Option("3", _("Cancel"), goto="jobs_cancel", when=when_at(OPEN, HIRED)),
            Option("4", _("Report a problem"), goto="jobs_problem", when=when_at(HIRED, FINISHED)),
            Option("5", _("Rate"), goto="jobs_rate", when=when_at(PAID)),
            Option("6", _("Details"), goto="jobs_details"),
        ),
    ),
    Choice("jobs_applicants_empty", _("Nobody has applied yet. When somebody does, you get an SMS.")),
    Pick("jobs_applicants", _("Whom do you hire?"), do=choose_applicant, goto={"ok": "jobs_hire", **MOVED_ON}),
    Ask(
        "jobs_hire",
        _("Hire {name}? {amount} is kept safe until you pay. No fee. Enter PIN"),
        do=hire,
        goto={
            "ok": "jobs_hired",
            **again("jobs_hire"),
            "money_out_waits": "jobs_mine",
            "not_enough": "jobs_mine",
            "over_limit": "jobs_mine",
            "over_day_limit": "jobs_mine",
            **MOVED_ON,
            "account_closed": "jobs",
            "key_conflict": "jobs",
        },
        secret=True,
    ),
    End("jobs_hired", _("{reference} confirmed. {name} is hired. {amount} is kept for the pay. Balance {balance}.")),
    Ask(
        "jobs_pay",
        _("The job is done: pay {amount} to {name}? No fee. Enter PIN"),
        do=pay,
        goto={
            "ok": "jobs_paid",
            **again("jobs_pay"),
            "money_out_waits": "jobs_mine",
            "over_balance_limit": "jobs_mine",
            **MOVED_ON,
            "account_closed": "jobs",
            "key_conflict": "jobs",
        },
        secret=True,
    ),
    End("jobs_paid", _("{reference} confirmed. {amount} paid to {name}. Balance {balance}.")),
    Choice(
        "jobs_cancel",
        _("Cancel {title}? Whatever is kept for the pay comes back to you."),
        options=(
            Option(
                "1",
                _("Yes, cancel it"),
                do=cancel,
                goto={"ok": "jobs_cancelled", "refunded": "jobs_refunded", **MOVED_ON, "account_closed": "jobs"},
            ),
        ),
    ),
    End("jobs_cancelled", _("{title} is off the list.")),
    End("jobs_refunded", _("{reference} confirmed. {amount} that was kept for {title} is back. Balance {balance}.")),
)
