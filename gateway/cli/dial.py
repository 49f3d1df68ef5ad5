"""A phone in the terminal: `jasho dial`. It calls a running service by the network's own callback."""

import getpass
import sys
import urllib.error
import urllib.parse
import urllib.request
from uuid import uuid4

import click

from core import reading
from core.errors import BadPhone
from core.settings import Settings

_ANSWER_SECONDS = 12


def converse(settings: Settings, code: str, phone: str, url: str) -> None:
    """Dials `code`, shows screens and takes input until the session is over.

    Raises ValueError or OSError in words for people.
    """
    stem = settings.service_code.removesuffix("#")
    if not (code == settings.service_code or (code.startswith(stem + "*") and code.endswith("#"))):
        raise ValueError(f"this service is dialled as {settings.service_code}, not {code}")
    caller = read_phone(phone, settings.country)
    callback = f"{url.rstrip('/')}/api/ussd/africastalking/{settings.callback_secret}"
    fields = {
        "sessionId": f"terminal-{uuid4().hex}",
        "phoneNumber": caller,
        "networkCode": "99999",
        "serviceCode": settings.service_code,
    }
    inputs = [part for part in [code.removeprefix(stem).removesuffix("#").removeprefix("*")] if part]
    while True:
        state, _, screen = post(callback, {**fields, "text": "*".join(inputs)}).partition(" ")
        click.echo(f"{'-' * 30}\n{screen}\n{'-' * 30}")
        if state != "CON":
            return
        typed = _typed(is_secret="PIN" in screen)
        if typed is None:
            return
        inputs.append(typed)


def read_phone(phone: str, country: str) -> str:
    """The number in E.164. Raises ValueError in words for people."""
    try:
        return reading.phone(phone, country)
    except BadPhone as error:
        raise ValueError(f"{phone} is not a mobile number") from error


def nothing_answers(url: str) -> OSError:
    """The error of a service that does not run, in words for people."""
    return OSError(f"nothing answers at {url}: start it with `make run`, or name its address with --url")


def post(callback: str, fields: dict[str, str]) -> str:
    """Sends a form to a callback of the service and returns the answer. Raises OSError in words for people."""
    # What was typed goes as it was typed, bad bytes too: the service answers them in words.
    form = urllib.parse.urlencode(fields, errors="surrogateescape").encode()
    request = urllib.request.Request(callback, form, method="POST")  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=_ANSWER_SECONDS) as answer:  # noqa: S310 - the operator's own address
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        raise OSError(f"the service answered {error.code}: {error.read(200).decode(errors='replace')}") from error
    except urllib.error.URLError as error:
        raise nothing_answers(callback.split("/api/", maxsplit=1)[0]) from error


def _typed(*, is_secret: bool) -> str | None:
    """A line from the keyboard; a PIN is not shown. None where there is no more input."""
    try:
        if is_secret and sys.stdin.isatty():
            return getpass.getpass("> ")
        return input("> ")
    except (EOFError, KeyboardInterrupt):
        click.echo("")
        return None
