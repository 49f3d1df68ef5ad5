"""Twilio, by its SDK: takes over where Africa's Talking fails."""

from functools import partial

from requests.adapters import HTTPAdapter
from twilio.base.exceptions import TwilioException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from core.messaging.deliveries import Attempt, ProviderAnswer, SendOutcome
from gateway.providers.twilio.settings import TwilioSettings
from gateway.sms.provider import CALL_SECONDS, MOST_THREADS, READ_SECONDS, Threads

NAME = "twilio"
# It costs many times as much there, so it is used only where no other provider can.
WEIGHT = 0
STATUS_PATH = "/api/sms/twilio/status"

# Its error codes about the recipient: no valid number, not reachable by SMS, a short code, a premium number, itself,
# opted out, not a mobile number, a landline.
_BARRED = frozenset({21211, 21214, 21217, 21263, 21264, 21265, 21266, 21268, 21269, 21610, 21614, 21635})
# Those about the account or the sender, which every message would meet.
_AWAY = frozenset({20003, 20005, 20429, 21212, 21603, 21606, 21607, 21609, 21611, 21659, 21660, 21661})
_OPTED_OUT = 21610
_FINAL = ("failed", "undelivered")


class Twilio:
    """It reports to `public_url`, the service's own address as the outside knows it."""

    name = NAME
    weight = WEIGHT

    def __init__(self, settings: TwilioSettings, public_url: str, call_seconds: float = CALL_SECONDS) -> None:
        http = TwilioHttpClient(timeout=READ_SECONDS)
        for scheme in ("https://", "http://"):
            http.session.mount(scheme, HTTPAdapter(pool_maxsize=MOST_THREADS))
        # Given an environment with nothing in it, it does not read the process's.
        nothing = {"TWILIO_REGION": ""}
        self._client = Client(settings.account_sid, settings.auth_token, http_client=http, environment=nothing)
        if settings.base_url:
            self._client.api.base_url = settings.base_url.rstrip("/")
        sender = settings.from_
        self._sender = {"messaging_service_sid": sender} if sender.startswith("MG") else {"from_": sender}
        self._reports_to = f"{public_url.rstrip('/')}{STATUS_PATH}"
        self._call_seconds = call_seconds
        self._threads = Threads()

    async def send(self, attempt: Attempt) -> ProviderAnswer:
        return await self._threads.call(partial(self._call, attempt), self._call_seconds)

    def _call(self, attempt: Attempt) -> ProviderAnswer:
        message = attempt.message
        status_callback = f"{self._reports_to}?attempt={attempt.id}"
        try:
            accepted = self._client.messages.create(
                to=message.phone, body=message.body, status_callback=status_callback, **self._sender
            )
        except TwilioException as error:
            return read_refusal(getattr(error, "status", 0), getattr(error, "code", None))
        if not accepted.sid:
            return ProviderAnswer(SendOutcome.UNSURE, "not understood")
        if accepted.status in _FINAL:
            return read_refusal(400, accepted.error_code)
        cost = f"{accepted.price_unit or ''} {accepted.price}".strip()[:32] if accepted.price else None
        return ProviderAnswer(SendOutcome.SENT, str(accepted.status or "")[:64], accepted.sid[:128], cost)


def read_refusal(status: int, code: int | None) -> ProviderAnswer:
    """What its error means. `status` is HTTP's, `code` Twilio's own."""
    if code in _BARRED:
        return ProviderAnswer(SendOutcome.BARRED, str(code), has_opted_out=code == _OPTED_OUT)
    is_about_us = code in _AWAY or status in (401, 403, 429) or status >= 500
    return ProviderAnswer(SendOutcome.AWAY if is_about_us else SendOutcome.REFUSED, str(code or status))
