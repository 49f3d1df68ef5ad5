"""A line to PostgreSQL on which nothing comes any more, though nobody has hung up.

The server ends a statement whose time is over, and says so. Where not even that comes, the peer is gone, or a firewall between
has forgotten the line: TCP alone would wait for minutes, and for ever where something between goes on to acknowledge.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

# More than the server's own statement_timeout (core/db.py), and what a slow line adds.
ANSWER_SECONDS = 7.0

_Result = TypeVar("_Result")
_patience_seconds: ContextVar[float | None] = ContextVar("patience_seconds", default=ANSWER_SECONDS)


class Silent(psycopg.OperationalError):
    """No answer has come in time. What was asked may have been done."""


@contextmanager
def patience(seconds: float | None) -> Iterator[None]:
    """Within the block each answer has so many seconds; None where the server may take as long as it likes."""
    token = _patience_seconds.set(seconds)
    try:
        yield
    finally:
        _patience_seconds.reset(token)


class Connection(psycopg.AsyncConnection[Any]):
    """A connection that is hung up where an answer does not come in time."""

    async def wait(self, gen: PQGen[_Result], *given: Any, **named: Any) -> _Result:  # noqa: ANN401 - passed on
        """As the driver's. Raises Silent where no answer comes in the time that `patience` gives."""
        named.setdefault("timeout", _patience_seconds.get())
        try:
            return await super().wait(gen, *given, **named)
        except psycopg.OperationalError as error:
            if error.sqlstate is not None or self.pgconn.status != psycopg.pq.ConnStatus.OK:
                raise
            # The driver has waited long enough. Nobody else is to get this line.
            self.pgconn.finish()
            raise Silent("no answer has come") from TimeoutError()
