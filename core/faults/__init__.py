"""What went wrong, in words that fit in one line of a log.

A driver's message may quote a row, so that no message is repeated: an exception is told by its class, by the code that the
database or the system gave it, and by the innermost place of our own code that it passed.
"""

import errno
from pathlib import Path
from types import TracebackType

# SQLSTATE classes of a server that is away or goes away: connection, resources, an operator's intervention, the system. So is one
# that takes no writes, as after a change of the primary, and one that has hung up on a transaction that stood still for long.
_AWAY_CLASSES = ("08", "53", "57P", "58", "25006", "25P03", "25P04")
# Deadlocks, locks that others keep, and statements whose time was over.
_PASSING = ("40", "55P03", "57014")
_MOST_CAUSES = 4
_ROOT = Path(__file__).parent.parent.parent
_OURS = ("api", "core", "gateway", "locales", "menus", "tests")


def describe(error: BaseException) -> str:
    """Each exception from the first cause on: `ConnectionRefusedError ECONNREFUSED | OperationalError at core/db.py:68`."""
    return " | ".join(dict.fromkeys(_describe_alone(cause) for cause in _causes(error)))


def is_away(error: BaseException) -> bool:
    """Is it a server that does not answer, rather than something that it refuses?"""
    for cause in _causes(error):
        code = _sqlstate(cause)
        if code:
            return code.startswith(_AWAY_CLASSES)
        if isinstance(cause, TimeoutError | OSError) or type(cause).__name__ in ("ConnectionTimeout", "TimeoutError"):
            return True
    return type(error).__name__ in ("OperationalError", "InterfaceError")


def is_passing(error: BaseException) -> bool:
    """Is it over by itself, whatever was asked: a server that is away, or work that PostgreSQL cut off for others' sake?"""
    return is_away(error) or any(_sqlstate(cause).startswith(_PASSING) for cause in _causes(error))


def _causes(error: BaseException) -> list[BaseException]:
    causes: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.insert(0, cause)
        if isinstance(cause, BaseExceptionGroup):
            cause = cause.exceptions[0]
        else:
            cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return causes[-_MOST_CAUSES:]


def _describe_alone(error: BaseException) -> str:
    place = _place(error.__traceback__)
    return " ".join(part for part in (type(error).__name__, _code(error), f"at {place}" if place else "") if part)


def _code(error: BaseException) -> str:
    if isinstance(error, OSError) and error.errno is not None:
        return errno.errorcode.get(error.errno, str(error.errno))
    return _sqlstate(error)


def _sqlstate(error: BaseException) -> str:
    return getattr(error, "sqlstate", None) or getattr(getattr(error, "orig", None), "sqlstate", None) or ""


def _place(traceback: TracebackType | None) -> str:
    """The innermost frame of ours."""
    place = ""
    while traceback is not None:
        path = Path(traceback.tb_frame.f_code.co_filename)
        if path.is_relative_to(_ROOT) and (relative := path.relative_to(_ROOT)).parts[0] in _OURS:
            place = f"{relative}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return place
