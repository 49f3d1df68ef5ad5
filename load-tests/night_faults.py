"""What goes wrong in a night, and the customers who use the service meanwhile."""

import signal
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path
from random import Random
from urllib.parse import urlencode

from provider import MOODS, Provider
from requests_of_strangers import attack
from servers import end, freeze
from service import HOST

from gateway.cli.embedded import embedded
from tests import pins
from tests.crash import upgrade

SMS = f"/api/sms/africastalking/{upgrade.SECRET}/inbound"
# A hop has 6 s for its work, and a database that is silent is given up before.
FROZEN_SECONDS = 10
AWAY_SECONDS = 3
ATTACKS = 150
KINDS = (
    "PostgreSQL killed",
    "PostgreSQL stopped",
    "PostgreSQL frozen",
    "Redis killed",
    "Redis frozen",
    "strangers",
    *(f"provider {mood}" for mood in MOODS),
)
_numbers = count(1)


class Night:
    """Each kind of fault comes once before any comes again; their order is the random's."""

    def __init__(self, port: int, folder: Path, provider: Provider, random: Random, servers: ExitStack) -> None:
        self._port = port
        self._folder = folder
        self._provider = provider
        self._random = random
        self._servers = servers
        self.is_over = threading.Event()
        self.requests = 0
        self.faults: Counter[str] = Counter()
        acts: tuple[Callable[[], None], ...] = (
            lambda: self._end("postgres", signal.SIGKILL),
            lambda: self._end("postgres", signal.SIGINT),
            lambda: freeze(self._folder, "postgres", FROZEN_SECONDS),
            lambda: self._end("valkey-server", signal.SIGKILL),
            lambda: freeze(self._folder, "valkey-server", FROZEN_SECONDS),
            self._send_garbage,
            *(partial(self._spoil, mood) for mood in MOODS),
        )
        self._kinds = dict(zip(KINDS, acts, strict=True))
        self._left: list[str] = []

    @property
    def is_incomplete(self) -> bool:
        return len(self.faults) < len(self._kinds)

    def keep(self, only: str | None) -> None:
        """Has no other kind of fault than this one, where it is one."""
        if only is not None:
            self._kinds = {only: self._kinds[only]}

    def fault(self) -> None:
        if not self._left:
            self._left = self._random.sample(list(self._kinds), len(self._kinds))
        kind = self._left.pop()
        self._kinds[kind]()
        self.faults[kind] += 1

    def use(self, phone: str) -> None:
        """A customer who dials, sends money, hangs up now and then, and asks by SMS."""
        while not self.is_over.is_set():
            session = f"ATUid_night_{next(_numbers)}"
            for text in ("", "1"):
                fields = {"sessionId": session, "phoneNumber": phone, "serviceCode": "*384*96#", "text": text}
                self._post(upgrade.CALLBACK, fields)
            pay = {"sessionId": f"{session}p", "phoneNumber": phone, "serviceCode": "*384*96#"}
            to = upgrade.PHONES[0 if phone != upgrade.PHONES[0] else 1]
            dialled = f"4*0{to.removeprefix('+254')}*50"
            for text in (dialled, f"{dialled}*{pins.RIGHT}"):
                self._post(upgrade.CALLBACK, {**pay, "text": text})
            sms = {"id": f"night-{next(_numbers)}", "from": phone, "to": "22345", "text": "BAL", "date": "2026-11-23T12:00:00Z"}
            self._post(SMS, sms)
            self._hang_up(phone)
            self.is_over.wait(0.3)

    def _post(self, path: str, fields: dict[str, str]) -> None:
        """What is answered does not matter here: the log does."""
        connection = HTTPConnection(HOST, self._port, timeout=10)
        try:
            connection.request("POST", path, urlencode(fields), {"Content-Type": "application/x-www-form-urlencoded"})
            connection.getresponse().read()
            self.requests += 1
        except (OSError, HTTPException):
            self.is_over.wait(0.1)
        finally:
            connection.close()

    def _hang_up(self, phone: str) -> None:
        body = urlencode({"sessionId": f"ATUid_gone_{next(_numbers)}", "phoneNumber": phone, "text": ""}).encode()
        head = f"POST {upgrade.CALLBACK} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(body)}\r\n\r\n"
        with socket.create_connection((HOST, self._port), 10) as opened:
            opened.sendall(head.encode() + body)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _end(self, name: str, how: signal.Signals) -> None:
        end(self._folder, name, how)
        time.sleep(AWAY_SECONDS)
        self._servers.enter_context(embedded(self._folder))

    def _spoil(self, mood: str) -> None:
        self._provider.change(mood)
        time.sleep(FROZEN_SECONDS)
        self._provider.change("")

    def _send_garbage(self) -> None:
        for _ in range(ATTACKS):
            made = attack(self._random)
            try:
                with socket.create_connection((HOST, self._port), 5) as opened:
                    opened.sendall(b"".join(made.pieces))
            except OSError:
                continue  # refused in the middle, as it should be
        for number in range(ATTACKS):
            self._post(self._random.choice([SMS, upgrade.CALLBACK]), {"id": str(number), "text": "?" * number})
