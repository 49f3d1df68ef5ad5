"""Logs: lines for people on a developer's machine, JSON in production. What customers type is never in them.

Of an exception they hold the type and the places that it passed, not the message: a driver's message may quote a row.
"""

import logging
import sys
import time
import traceback
from collections import Counter
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

from core.settings import Settings

log = structlog.get_logger()


class Sparing:
    """For lines that anybody outside can cause, as often as he likes: one of each kind in ten seconds."""

    def __init__(self, every_seconds: float = 10.0) -> None:
        self._every_seconds = every_seconds
        self._held_back: Counter[str] = Counter()
        self._next_at: dict[str, float] = {}

    def count(self, kind: str) -> int:
        """How many lines of this kind the one line stands for that is to be logged now; 0 where none is."""
        self._held_back[kind] += 1
        now = time.monotonic()
        if now < self._next_at.get(kind, now):
            return 0
        self._next_at[kind] = now + self._every_seconds
        return self._held_back.pop(kind)


class WebServerHandler(logging.Handler):
    """Takes what uvicorn says into our log: a line, where uvicorn would print a traceback with the exception's message."""

    def __init__(self) -> None:
        super().__init__()
        self._sparing = Sparing()

    def emit(self, record: logging.LogRecord) -> None:
        """Logs the line, of an exception its type and places."""
        kind = type(record.exc_info[1]).__name__ if record.exc_info else ""
        if times := self._sparing.count(f"{record.msg} {kind}"):
            log.warning("the web server complains", says=record.getMessage().strip(), times=times, exc_info=record.exc_info)


# uvicorn's `log_config`. It applies this in each process that it starts.
WEB_SERVER: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"log": {"()": "gateway.logs.WebServerHandler"}},
    "loggers": {"uvicorn": {"handlers": ["log"], "level": "WARNING", "propagate": False}},
}


def configure(settings: Settings) -> None:
    """Sets up structlog for this process."""
    last: Any = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if settings.is_local else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            tell_exception,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def tell_exception(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Puts the present exception into the event: types and places, from the first cause on."""
    given = event.pop("exc_info", None)
    error = (given[1] if isinstance(given, tuple) else sys.exc_info()[1]) if given else None
    if error is None:
        return event
    causes: list[str] = []
    while error is not None:
        places = [
            f"{'/'.join(frame.filename.split('/')[-2:])}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)
        ]
        causes.insert(0, f"{type(error).__name__} at {' > '.join(places)}")
        error = error.__cause__ or error.__context__
    event["error"] = " | ".join(causes)
    return event
