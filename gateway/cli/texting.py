"""An SMS from the terminal: `jasho sms`. It arrives as Africa's Talking delivers one; the command prints the answers."""

import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from uuid import uuid4

import click

from core import clock
from core.settings import Settings
from gateway.cli.dial import nothing_answers, post, read_phone

_ANSWER_SECONDS = 10.0
# A confirmed order is answered by more than one SMS. This long after the last one nobody waits for another.
_QUIET_SECONDS = 1.0
_LOOK_SECONDS = 0.1


def text(settings: Settings, message: str, phone: str, url: str) -> None:
    """Sends the SMS and prints the answers. Raises ValueError or OSError in words for people."""
    sender = read_phone(phone, settings.country)
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url} is no address: write it like --url http://127.0.0.1:8000")
    base = url.rstrip("/")
    before = {message["id"] for message in _inbox(base, sender)}
    fields = {
        "id": f"terminal-{uuid4().hex}",
        "from": sender,
        "to": "Jasho",
        "text": message,
        "date": clock.now().isoformat(timespec="seconds"),
    }
    post(f"{base}/api/sms/africastalking/{settings.callback_secret}/inbound", fields)
    if not _print_answers(base, sender, before):
        click.echo("No SMS came back.")


def _print_answers(base: str, sender: str, seen: set[str]) -> bool:
    """Prints what arrives until it is quiet. Returns whether anything arrived."""
    deadline = time.monotonic() + _ANSWER_SECONDS
    has_answer = False
    while time.monotonic() < deadline:
        for message in reversed(_inbox(base, sender)):
            if message["id"] not in seen:
                seen.add(message["id"])
                click.echo(message["body"])
                has_answer = True
                deadline = time.monotonic() + _QUIET_SECONDS
        time.sleep(_LOOK_SECONDS)
    return has_answer


def _inbox(base: str, phone: str) -> list[dict[str, str]]:
    """The simulator's inbox, which only a developer's machine has. Raises OSError in words for people."""
    address = f"{base}/simulator/inbox?{urllib.parse.urlencode({'phone': phone})}"
    try:
        with urllib.request.urlopen(address, timeout=_ANSWER_SECONDS) as answer:  # noqa: S310 - the operator's own address
            messages: list[dict[str, str]] = json.load(answer)
            return messages
    except urllib.error.HTTPError as error:
        raise OSError("the service has no simulator: SMS from the terminal are for a developer's machine") from error
    except urllib.error.URLError as error:
        raise nothing_answers(base) from error
    except (ValueError, http.client.HTTPException) as error:
        raise OSError(f"what answers at {base} is not this service: name its address with --url") from error
