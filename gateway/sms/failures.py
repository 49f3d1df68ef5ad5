"""What becomes of an SMS, a report or an opt-out that could not be handled: whether its provider should bring it again."""

import structlog
from sqlalchemy.exc import DataError

from core.deadline import within
from core.errors import Busy
from core.faults import is_away, is_passing
from core.messaging import aside
from core.messaging.aside import Brought
from core.runtime import Runtime

# Beside the 8 s for the SMS itself it ends before Twilio's fifteen.
_KEEP_SECONDS = 3.0

log = structlog.get_logger()


async def is_kept_aside(runtime: Runtime, brought: Brought, error: Exception) -> bool:
    """Keeps aside what fails for the second time, or holds what cannot be stored. Where it is False, it should come again.

    A server that is away, and whatever others are in the way of, is no fault of what was brought: that comes again.
    """
    if isinstance(error, Busy) or is_passing(error):
        return False
    # What the database cannot store, it cannot store the next time either.
    would_fail_again = isinstance(error, DataError | UnicodeError)
    try:
        return await within(_KEEP_SECONDS, aside.note_failure(runtime, brought, error, would_fail_again=would_fail_again))
    except Exception as failure:
        if is_away(failure):
            runtime.database.outage.fault(failure)
        else:
            log.exception("nothing can be kept aside", provider=brought.provider, way=brought.way)
        return False
