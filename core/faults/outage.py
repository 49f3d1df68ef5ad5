"""When something that many need goes away and comes back: told once, however many are hit by it."""

from time import monotonic

import structlog

from core.faults import describe, is_away

_MOST_KINDS = 16
# A server that comes and goes is one outage.
_STEADY_SECONDS = 5
# So many outages are told as they come, until there was none for an hour. From then on each has to be over for twice as long
# as the one before until that is said: what flaps is an outage that goes on.
_FEW = 8
_FORGOTTEN_SECONDS = 3600
_FIRST_QUIET_SECONDS = 60
_LONGEST_QUIET_SECONDS = 3600

log = structlog.get_logger()


class Outage:
    """Something that many need and that is away: a line when it begins, reminders ever less often, a line when it is over.

    A cause that was not seen before in the same outage has a line of its own.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._failures = 0
        self._kinds: set[str] = set()
        # By the machine's own clock, which nobody sets.
        self._began_seconds = 0.0
        self._failed_seconds = 0.0
        self._remind_seconds = 0.0
        self._quiet_seconds = 0.0
        self._outages = 0

    def fault(self, error: BaseException) -> None:
        """Counts a failure, and says so where it is the first one or a reminder is due."""
        now_seconds = monotonic()
        self._failures += 1
        if now_seconds > self._failed_seconds + _FORGOTTEN_SECONDS:
            self._outages = 0
        self._failed_seconds = now_seconds
        kind = describe(error)
        if self._failures == 1:
            self._outages += 1
            self._began_seconds = now_seconds
            self._quiet_seconds = _FIRST_QUIET_SECONDS
            log.error("an outage begins", what=self._what, error=kind)
        elif (kind not in self._kinds and len(self._kinds) < _MOST_KINDS) or now_seconds >= self._remind_seconds:
            self._quiet_seconds = min(self._quiet_seconds * 2, _LONGEST_QUIET_SECONDS)
            seconds = round(now_seconds - self._began_seconds)
            log.warning("an outage goes on", what=self._what, error=kind, failures=self._failures, seconds=seconds)
        else:
            return
        self._kinds.add(kind)
        self._remind_seconds = now_seconds + self._quiet_seconds

    def over(self) -> None:
        """Says so, where there was an outage and nothing has failed for a while. It costs nothing where there was none."""
        if not self._failures or monotonic() < self._failed_seconds + self._steady_seconds:
            return
        seconds = round(monotonic() - self._began_seconds, 1)
        log.info("an outage is over", what=self._what, failures=self._failures, seconds=seconds)
        self._failures = 0
        self._kinds.clear()

    @property
    def _steady_seconds(self) -> int:
        """How long nothing has to fail until an outage is over."""
        return min(_STEADY_SECONDS << max(self._outages - _FEW, 0), _FORGOTTEN_SECONDS)


def blame(error: BaseException, server: Outage, work: Outage) -> None:
    """Counts a failure as the server's where it is away, and else as the work's own."""
    (server if is_away(error) else work).fault(error)
