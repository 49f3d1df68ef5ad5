"""A feature phone for tests: dials the real callback, in the network's own form."""

from dataclasses import dataclass
from itertools import count
from typing import Self

import httpx2

CALLBACK = "/api/ussd/africastalking/local"
SERVICE_CODE = "*384*96#"
_sessions = count(1)


@dataclass(frozen=True)
class Screen:
    """What the phone shows. `is_open`: the session goes on."""

    text: str
    is_open: bool

    @classmethod
    def of(cls, response: httpx2.Response) -> Self:
        assert response.status_code == 200, f"{response.status_code}: {response.text}"
        assert response.headers["content-type"].startswith("text/plain")
        state, _, text = response.text.partition(" ")
        assert state in ("CON", "END"), response.text
        return cls(text, state == "CON")


class Phone:
    """One phone. `inputs` is what has been typed in the present session."""

    def __init__(self, client: httpx2.AsyncClient, number: str) -> None:
        self._client = client
        self.number = number
        self.session_id = ""
        self.text = ""

    async def dial(self, code: str = SERVICE_CODE) -> Screen:
        """Begins a session. A direct dial's inputs arrive as the first text."""
        self.session_id = f"ATUid_test_{next(_sessions)}_{self.number}"
        self.text = code.removeprefix(SERVICE_CODE.removesuffix("#")).removeprefix("*").removesuffix("#")
        return await self.send_again()

    async def type(self, *inputs: str) -> Screen:
        """Answers the screen, and the ones after it; the last screen comes back."""
        screen = None
        for typed in inputs:
            self.text = f"{self.text}*{typed}" if self.text else typed
            screen = await self.send_again()
        assert screen is not None, "nothing was typed"
        return screen

    async def send_again(self) -> Screen:
        """The present hop (once more), as the network repeats one that it got no answer to."""
        return Screen.of(await self.post(text=self.text))

    async def post(self, **fields: str) -> httpx2.Response:
        """The callback's form, with some fields said otherwise."""
        form = {
            "sessionId": self.session_id,
            "phoneNumber": self.number,
            "networkCode": "63902",
            "serviceCode": SERVICE_CODE,
            "text": self.text,
        }
        return await self._client.post(CALLBACK, data={**form, **fields})
