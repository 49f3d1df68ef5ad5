"""How a job reads on a phone."""

from collections.abc import Callable, Mapping

from core import phones
from core.i18n import _, translate
from core.jobs.applications import CHOSEN, WAITING, WITHDRAWN, Application
from core.jobs.market import CATEGORIES, DISPUTED, EXPIRED, FINISHED, HIRED, OPEN, PAID, REFUNDED, Job, Side
from core.jobs.reviews import NEW
from menus.engine.dsl import Handler, Option
from menus.engine.session import Session

# Where a job stands for one of its sides, beside the statuses that it has itself: the slot `stage`, by which options are shown.
RATED, OVER = "rated", "over"

# Where a refusal leads that says what has become of the job.
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


def category_of(typed: str) -> str:
    """The category whose number was typed."""
    return list(CATEGORIES)[int(typed) - 1]


def categories(do: Handler, goto: Mapping[str, str]) -> tuple[Option, ...]:
    """An option for each category, under the same number wherever people choose one."""
    return tuple(Option(str(number), label, do=do, goto=goto) for number, label in enumerate(CATEGORIES.values(), start=1))


def at(*stages: str) -> Callable[[Session], bool]:
    """Shows an option only while the job stands there."""
    return lambda session: session.slots.get("stage") in stages


def rated(rating: str, language: str) -> str:
    """`4.5/5`, or in words where nobody has said anything yet."""
    return translate(NEW, language) if rating == NEW else f"{rating}/5"


def person(side: Side, language: str) -> str:
    return f"{side.name} ({rated(side.rating, language)})"


def reachable(side: Side, language: str) -> str:
    """The same with the number to call."""
    return f"{side.name} {phones.national(side.phone)} ({rated(side.rating, language)})"


def for_employer(job: Job, language: str) -> str:
    """Where the job stands, in the employer's eyes."""
    return translate(_FOR_EMPLOYER.get(job.status, _CANCELLED), language).format(number=job.applicants)


def worker_stage(applied: Application) -> str:
    """Where the job stands for somebody who has applied."""
    if applied.status == CHOSEN:
        return applied.job.status
    return WAITING if applied.status == WAITING else OVER


def for_worker(applied: Application, language: str) -> str:
    """The same in words."""
    if applied.status in (CHOSEN, WAITING):
        said = _FOR_WORKER[worker_stage(applied)]
    elif applied.status == WITHDRAWN:
        said = _WITHDRAWN
    else:
        said = _NOT_OFFERED if applied.job.worker is None else _NOT_CHOSEN
    return translate(said, language)


def about(job: Job) -> dict[str, str]:
    """The slots that any screen about the job may fill its text with."""
    return {
        "job": str(job.id),
        "number": str(job.number),
        "title": job.title,
        "place": job.place,
        "amount": str(job.pay),
    }
