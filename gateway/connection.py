"""One caller's connection, and how much of the service it may take: bytes of a request, time to send it, requests at once.

What uvicorn lets a stranger keep, it keeps for as long as he likes: a header that does not end, a body that does not come, an
answer that he does not read, and request after request behind one that is not answered yet.

Where a process is full, those go first for whom it only waits. So callers who say nothing keep nobody out who does.
"""

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.config import Config
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from gateway import logs, request_ids
from gateway.parting import PartingTransport

MOST_HEAD_BYTES = 16 * 1024
MOST_BODY_BYTES = 64 * 1024
# With what frames the chunks of a body and stands behind it.
_MOST_REQUEST_BYTES = 2 * MOST_BODY_BYTES
_REQUEST_SECONDS = 5.0
_ANSWER_SECONDS = 5.0
# Above this a process answers 503, except where it is asked whether it is alive.
MOST_AT_WORK = 512
_ALIVE = b"/healthz"
# A process may often open no more than 1024 files. Idle connections are among these.
MOST_OPEN = MOST_AT_WORK + 256
# So many that wait are let go together: looking for them takes time.
_MOST_LET_GO = 32


class _Refused(Exception):
    """The parser stops here, and the caller gets this status."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


class Connection(HttpToolsProtocol):
    """uvicorn's own, with bounds. A request that does not wait for the answer to the one before ends the connection behind it."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._status = HTTPStatus.BAD_REQUEST
        self._deadline: asyncio.TimerHandle | None = None
        # Runs while the caller has to read.
        self._reading_deadline: asyncio.TimerHandle | None = None
        self._is_early = False
        self._has_served = False
        self._waits_since = self.loop.time()
        self._request_id = request_ids.make()
        self._forget_request()

    def _forget_request(self) -> None:
        self._is_in_head = True
        self._received_bytes = self._head_bytes = self._body_bytes = 0
        self._stop_deadline()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._parting = PartingTransport(transport, lambda: bool(self._received_bytes) or self._is_early)
        super().connection_made(self._parting)
        if len(self.connections) > MOST_OPEN and not self._let_others_go(at_work=False):
            self._abort()
            return
        self._start_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._parting.forget()
        self._stop_deadline()
        self._stop_reading_deadline()
        # uvicorn leaves its timer running where the caller broke off, and with it the connection and what was sent on it.
        self._unset_keepalive_if_required()
        self._drop_body()

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            self._parting.discard(data)
        if self._is_early or self.transport.is_closing():
            return
        if not self._received_bytes:
            self._request_id = request_ids.make()
        self._received_bytes += len(data)
        with logs.naming_request(self._request_id):
            super().data_received(data)
        if self.transport.is_closing() or not self._received_bytes:
            return
        self._start_deadline()
        if self._is_in_head and self._received_bytes > MOST_HEAD_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self._received_bytes > _MOST_REQUEST_BYTES:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

    def on_message_begin(self) -> None:
        if self._is_busy():
            self._is_early = True
            raise _Refused(HTTPStatus.BAD_REQUEST)
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count_head(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        for name, value in self.headers:
            # The parser has refused what is no number.
            if name == b"content-length" and int(value) > MOST_BODY_BYTES:
                self._stop(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        is_full = len(self.tasks) >= MOST_AT_WORK and self.url != _ALIVE and not self._let_others_go(at_work=True)
        # uvicorn's way to answer 503. Its own count has idle connections in it.
        self.limit_concurrency = 0 if is_full else None
        self._request_id = request_ids.choose(self.headers, self._request_id, is_from_proxy=self._is_from_proxy())
        super().on_headers_complete()
        self.cycle.default_headers = [*self.cycle.default_headers, (request_ids.HEADER, self._request_id.encode())]
        self._is_in_head = False

    def _is_from_proxy(self) -> bool:
        app = self.config.loaded_app
        return isinstance(app, ProxyHeadersMiddleware) and self.client is not None and self.client[0] in app.trusted_hosts

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        if self._body_bytes > MOST_BODY_BYTES:
            self._stop(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._forget_request()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._drop_body()
        self._has_served = True
        self._waits_since = self.loop.time()
        super().on_response_complete()
        if self.transport.is_closing():
            self._start_reading_deadline()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._start_reading_deadline()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():
            self._stop_reading_deadline()

    def eof_received(self) -> None:
        super().eof_received()
        self._start_reading_deadline()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._start_reading_deadline()

    def _unsupported_upgrade_warning(self) -> None:
        """It is answered as if nothing else had been asked for. What comes behind is in that other protocol."""
        self.cycle.keep_alive = False

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's own signature
        """Answers what the parser did not take: with 400, or as `_stop` says."""
        if self._is_early and self._is_busy():
            self.cycle.keep_alive = False
            self.flow.pause_reading()
        else:
            self._refuse(self._status)

    def _count_head(self, count: int) -> None:
        self._head_bytes += count
        if self._head_bytes > MOST_HEAD_BYTES:
            self._stop(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def _stop(self, status: HTTPStatus) -> None:
        self._status = status
        raise _Refused(status)

    def _refuse(self, status: HTTPStatus) -> None:
        if self.transport.is_closing():
            return
        # Where the answer went ahead of the body, there is nothing more to say.
        if self._is_in_head or (self._is_busy() and not self.cycle.response_started):
            head = f"HTTP/1.1 {status.value} {status.phrase}\r\nx-request-id: {self._request_id}\r\n"
            self.transport.write(f"{head}connection: close\r\ncontent-length: 0\r\n\r\n".encode())
        if self._is_busy():
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()
        self._start_reading_deadline()

    def _let_others_go(self, *, at_work: bool) -> bool:
        """Ends connections whose callers are waited for, longest first: of those with a request at work, or of all.

        Returns whether there were any.
        """
        others = [other for other in self.connections if isinstance(other, Connection) and other is not self]
        waiting = [other for other in others if other._waits_for_caller() and (other._is_busy() or not at_work)]  # noqa: SLF001
        # Those of a proxy have served.
        waiting.sort(key=lambda other: (other._has_served, other._waits_since))  # noqa: SLF001
        for other in waiting[:_MOST_LET_GO]:
            other._abort()  # noqa: SLF001
        return bool(waiting)

    def _waits_for_caller(self) -> bool:
        return not self._is_busy() or self.cycle.more_body or self.flow.write_paused

    def _abort(self) -> None:
        # uvloop tells of it later, and until then it would be counted.
        self.connections.discard(self)
        if self._is_busy():
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.abort()

    def _is_busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _drop_body(self) -> None:
        if self.cycle is not None:
            self.cycle.body = bytearray()

    def _start_deadline(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(_REQUEST_SECONDS, self._end_waiting)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _start_reading_deadline(self) -> None:
        if self._reading_deadline is None:
            self._reading_deadline = self.loop.call_later(_ANSWER_SECONDS, self.transport.abort)

    def _stop_reading_deadline(self) -> None:
        if self._reading_deadline is not None:
            self._reading_deadline.cancel()
            self._reading_deadline = None

    def _end_waiting(self) -> None:
        if self._received_bytes:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.transport.abort()
