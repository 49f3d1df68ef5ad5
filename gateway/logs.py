"""Logs: lines for people on a developer's machine, JSON in production. What customers type is never in them.

A line names the process and its role, and whatever the work at hand has bound: the request, the session, the message, the duty.
Of an exception it holds what `core.faults.describe` says. What is said again and again is said less and less often.
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import msgspec
import structlog
from structlog.typing import EventDict, WrappedLogger

import core
from core.faults import describe
from core.settings import Settings, shown
from gateway import log_file
from gateway.discretion import Discretion

_MOST_REMEMBERED = 512
_FIRST_QUIET_SECONDS = 60
_LAST_QUIET_SECONDS = 3600
# What tells one complaint from another. Ids of rows and people do not: the same fault hits many.
_KIND = ("event", "level", "duty", "what", "provider", "error", "reason", "says", "code")
# Each beginning belongs to a line that says that it is over; each count of what was lost is to be added to the others.
_BOUNDED_ALREADY = ("an outage begins", "lines of the log were lost")

log = structlog.get_logger()


class LibraryHandler(logging.Handler):
    """Takes what libraries say into our log: a line each, where they would print a traceback with the exception's message."""

    def emit(self, record: logging.LogRecord) -> None:
        """Logs the line, of an exception what it is and where."""
        # The text before anything is filled in: what a library quotes may be a row or a customer's words.
        says = str(record.msg).strip().partition("\n")[0][:120]
        if record.name.startswith("uvicorn"):
            log.warning("the web server complains", says=says, exc_info=record.exc_info)
        else:
            log.warning("a library complains", library=record.name, says=says, exc_info=record.exc_info)


# uvicorn's `log_config`. It applies this in each process that it starts.
WEB_SERVER: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"log": {"()": "gateway.logs.LibraryHandler"}},
    "loggers": {"uvicorn": {"handlers": ["log"], "level": "WARNING", "propagate": False}},
}


class Repetitions:
    """Drops a complaint that was made a short while ago. The next one that passes says how often: `repeated`.

    So it does with an info line that says `is_anybodys`: strangers can cause it as often as they like.
    """

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, ...], _Kind] = {}

    def __call__(self, _: WrappedLogger, __: str, event: EventDict) -> EventDict:
        """The event, or DropEvent raised."""
        is_anybodys = event.pop("is_anybodys", False)
        if event["event"] in _BOUNDED_ALREADY:
            return event
        if not is_anybodys and event.get("level") not in ("warning", "error", "critical"):
            return event
        key = tuple(str(event.get(name, "")) for name in _KIND)
        now_seconds = monotonic()
        kind = self._kinds.pop(key, None)
        if kind is None or now_seconds > kind.quiet_until + kind.quiet_seconds:
            kind = _Kind(now_seconds + _FIRST_QUIET_SECONDS, _FIRST_QUIET_SECONDS)
        elif now_seconds < kind.quiet_until:
            kind.dropped += 1
            self._kinds[key] = kind
            raise structlog.DropEvent
        else:
            event["repeated"] = kind.dropped
            kind = _Kind(now_seconds + kind.quiet_seconds * 2, min(kind.quiet_seconds * 2, _LAST_QUIET_SECONDS))
        self._kinds[key] = kind
        if len(self._kinds) > _MOST_REMEMBERED:
            del self._kinds[next(iter(self._kinds))]
        return event


class _Kind:
    __slots__ = ("dropped", "quiet_seconds", "quiet_until")

    def __init__(self, quiet_until: float, quiet_seconds: float) -> None:
        self.quiet_until = quiet_until
        self.quiet_seconds = quiet_seconds
        self.dropped = 0


def configure(settings: Settings, role: str) -> None:
    """Sets up the log of this process. `role`: what the process is for, in each of its lines."""
    last: Any = (
        structlog.dev.ConsoleRenderer(colors=log_file.is_terminal())
        if settings.is_local
        else structlog.processors.JSONRenderer(serializer=_as_json)
    )
    process = {"role": role, "process": os.getpid()}
    file = log_file.open_log(sys.stderr)

    def name_process(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event.update(process)
        return event

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            tell_exception,
            Discretion(settings),
            Repetitions(),
            name_process,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            last,
        ],
        # A person at a terminal reads what the command prints.
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL if role == "command" else logging.INFO),
        logger_factory=lambda *_: file,
        # A command may go on as a service, which sets its log up anew.
        cache_logger_on_first_use=role != "command",
    )
    logging.captureWarnings(capture=True)
    logging.basicConfig(handlers=[LibraryHandler()], level=logging.WARNING, force=True)


def tell_start(settings: Settings) -> None:
    """Says which version begins to work, and with which settings; of secrets only whether they are set."""
    log.info("the process starts", version=core.__version__, settings=shown(settings))


@contextmanager
def naming_request(name: str) -> Iterator[None]:
    """Gives all lines of the block this id, by which they are found together."""
    with structlog.contextvars.bound_contextvars(request=name):
        yield


def tell_exception(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Puts the present exception into the event."""
    given = event.pop("exc_info", None)
    if given:
        error = given[1] if isinstance(given, tuple) else given if isinstance(given, BaseException) else sys.exc_info()[1]
        if error is not None:
            event["error"] = describe(error)
    return event


def _as_json(event: EventDict, **_: object) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()
