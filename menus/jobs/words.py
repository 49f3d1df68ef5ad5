"""How a job reads on a phone."""

from collections.abc import Callable, Mapping

from core import phones
from core.i18n import _, translate
from core.jobs.applications import CHOSEN, WAITING, WITHDRAWN, Application
from core.jobs.market import CATEGORIES, DISPUTED, EXPIRED, FINISHED, HIRED, OPEN, PAID, REFUNDED, Job, Side
from core.jobs.reviews import NEW
from menus.engine.dsl import Handler, Option
from menus.engine.session import Session

# Values of the slot `stage`, by which options are shown, beside the statuses of the job itself.
RATED, OVER = "rated", "over"

# Destinations of the refusals that say what has become of a job.
MOVED_ON = {"unknown_job": "jobs", "not_permitted": "jobs", "job_closed": "jobs"}

_FOR_EMPLOYER = {
    OPEN: _("On offer, {number} applied"),
    HIRED: _("Hired"),
    FINISHED: _("Done, please pay"),
    DISPUTED: _("Jasho decides"),
    PAID: _("Paid"),
    REFUNDED: _("Pay is back with you"),
    EXPIRED: _("Off the list"),
}
_CANCELLED = _("Cancelled")
_FOR_WORKER = {
    WAITING: _("Waiting for an answer"),
    HIRED: _("You are hired"),
    FINISHED: _("Done, pay is due"),
    DISPUTED: _("Jasho decides"),
    PAID: _("Paid"),
    REFUNDED: _("Ended without pay"),
}
_WITHDRAWN = _("You took it back")
_NOT_CHOSEN = _("Somebody else was chosen")
_NOT_OFFERED = _("Not offered any more")


def category_at(typed: str) -> str:
    """The category whose number was typed."""
    return list(CATEGORIES)[int(typed) - 1]


def category_options(do: Handler, goto: Mapping[str, str]) -> tuple[Option, ...]:
    """An option for each category, under the same number wherever people choose one."""
    return tuple(Option(str(number), label, do=do, goto=goto) for number, label in enumerate(CATEGORIES.values(), start=1))


def when_at(*stages: str) -> Callable[[Session], bool]:
    """Shows an option only at these stages of the job."""
    return lambda session: session.slots.get("stage") in stages


def rating_text(rating: str, language: str) -> str:
    """`4.5/5`, or a word for a person without reviews."""
    return translate(NEW, language) if rating == NEW else f"{rating}/5"


def name_side(side: Side, language: str) -> str:
    return f"{side.name} ({rating_text(side.rating, language)})"


def name_reachable(side: Side, language: str) -> str:
    """Name, number to call, and rating."""
    return f"{side.name} {phones.national(side.phone)} ({rating_text(side.rating, language)})"


def employer_status_text(job: Job, language: str) -> str:
    """The job's status in words, for its employer."""
    return translate(_FOR_EMPLOYER.get(job.status, _CANCELLED), language).format(number=job.applicants)


def worker_stage(application: Application) -> str:
    """The stage of an application, or of the job where it was accepted."""
    if application.status == CHOSEN:
        return application.job.status
    return WAITING if application.status == WAITING else OVER


def worker_status_text(application: Application, language: str) -> str:
    """The status in words, for somebody who has applied."""
    if application.status in (CHOSEN, WAITING):
        text = _FOR_WORKER[worker_stage(application)]
    elif application.status == WITHDRAWN:
        text = _WITHDRAWN
    else:
        text = _NOT_OFFERED if application.job.worker is None else _NOT_CHOSEN
    return translate(text, language)


def job_slots(job: Job) -> dict[str, str]:
    """The slots of every screen about the job."""
    return {
        "job": str(job.id),
        "number": str(job.number),
        "title": job.title,
        "place": job.place,
        "amount": str(job.pay),
    }
