"""Africa's Talking on loopback in this process, which can be told to fail."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import parse_qs

MOODS = ("refuses", "hangs up", "is silent", "answers garbage")
_SILENCE_SECONDS = 20
_names = count(1)


class Sent(NamedTuple):
    """A message that a phone got, and when by `time.monotonic`."""

    phone: str
    text: str
    seconds: float


class Provider:
    def __init__(self) -> None:
        self.mood = ""
        self.sent: list[Sent] = []
        self.has_changed = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.change("")
        self._server.shutdown()

    def change(self, mood: str) -> None:
        """Those who wait for a silent one are let go."""
        self.mood = mood
        before, self.has_changed = self.has_changed, threading.Event()
        before.set()

    def answer(self, form: str) -> tuple[int, bytes] | None:
        """The status and the body; None where it hangs up."""
        if self.mood == "is silent":
            self.has_changed.wait(_SILENCE_SECONDS)
            return None
        if self.mood == "hangs up":
            return None
        if self.mood == "refuses":
            return 503, b"try later"
        if self.mood == "answers garbage":
            return 201, b"\xff\xfe{<html>"
        fields = parse_qs(form)
        if "to" in fields:
            self.sent.append(Sent(fields["to"][0], fields["message"][0], time.monotonic()))
        recipient = {"statusCode": 101, "number": "+254711000701", "status": "Success", "cost": "KES 0.8000"}
        recipients = [{**recipient, "messageId": f"ATXid_{next(_names)}"}]
        return 201, json.dumps({"SMSMessageData": {"Message": "Sent to 1/1", "Recipients": recipients}}).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                answer = provider.answer(form.decode())
                self.close_connection = True
                if answer is None:
                    return
                status, body = answer
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nobody reads what it would print."""

        return Handler
