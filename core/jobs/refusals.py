"""What may be refused about jobs."""

from core.errors import Kind, Refusal
from core.i18n import _


class UnknownJob(Refusal):
    code = "unknown_job"
    kind = Kind.UNKNOWN
    sentence = _("We do not know that job.")


class AlreadyApplied(Refusal):
    code = "already_applied"
    kind = Kind.CONFLICT
    sentence = _("You have applied for this job already.")


class JobClosed(Refusal):
    """The job's status has changed since it was shown."""

    code = "job_closed"
    kind = Kind.CONFLICT
    sentence = _("That can no longer be done with this job.")


class AlreadyReviewed(Refusal):
    code = "already_reviewed"
    kind = Kind.CONFLICT
    sentence = _("You have rated this job already.")


class TooManyJobs(Refusal):
    code = "too_many_jobs"
    kind = Kind.OVER
    sentence = _("You have 10 open jobs. Hire for one or cancel one first.")
