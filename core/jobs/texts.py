"""SMS to both sides of a job; `name` and `phone` are the other side's."""

from core.i18n import _

JOB_APPLIED = _("{name} wants your job {number}, {title}. Dial {service_code} and choose 6, then 4, to see who applied.")
JOB_TAKEN = _("Somebody else was chosen for {title}, {place}. Dial {service_code} to find other jobs.")
JOB_OFF = _("{title}, {place}, is not offered any more. Dial {service_code} to find other jobs.")
JOB_EXPIRED = _(
    "Nobody was hired for job {number}, {title}, in {days} days. It is off the list. Dial {service_code} to post it again."
)
JOB_KEPT = _("{reference} confirmed. {name} {phone} is hired. {amount} is kept for the pay. Balance {balance}.")
JOB_HIRED = _("You are hired by {name} {phone}: {title}, {place}. {amount} is kept for you.")
JOB_FINISHED = _("{name} says that job {number}, {title}, is done. Dial {service_code} to pay {amount}.")
JOB_REMINDER = _("Job {number}, {title}, done {date}. {name} waits for {amount}. Pay: dial {service_code}.")
JOB_PAID = _("{reference} confirmed. {name} paid you {amount} for {title}. Balance {balance}.")
JOB_PAYMENT = _("{reference} confirmed. {amount} paid to {name} {phone} for {title}.")
JOB_REFUNDED = _("{reference} confirmed. {amount} that was kept for {title} is back. Balance {balance}.")
JOB_CANCELLED = _("{name} has cancelled job {number}, {title}. Please do not do it. Dial {service_code} for other jobs.")
JOB_GIVEN_UP = _("{reference}: {name} gave up {title}. {amount} is yours again. Balance {balance}.")
JOB_DISPUTED = _("{name} reports a problem with job {number}, {title}. {amount} stays kept until Jasho decides.")
JOB_UNPAID = _("Job {number}, {title}, is not paid after {days} days. {amount} stays kept until Jasho decides.")
JOB_AWARDED = _("{reference} confirmed. Jasho decided: {amount} for {title} is yours. Balance {balance}.")
JOB_DECIDED = _("Jasho decided about job {number}, {title}: {amount} goes to {name}.")
