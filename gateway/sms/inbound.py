"""SMS that come in, from Africa's Talking and from Twilio: taken once, understood, and answered through the outbox.

What an SMS said is neither logged nor kept: it may hold a PIN. The sender's number proves nothing, so nothing moves money here
but a one-time code that only the number's owner has received.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from core import phones
from core.deadline import within
from core.errors import BadPhone, Refusal
from core.i18n import translate
from core.runtime import Runtime
from core.services import customers, notices, sms_inbound, texts
from core.services.customers import Customer
from core.services.sms_inbound import Taken
from gateway.callbacks import Fields, Malformed, is_from_network, is_from_twilio, read_form, read_multiform, required
from gateway.sms import commands
from gateway.sms.answers import EXAMPLES, Answer, Asked, answer, answer_stranger
from gateway.sms.commands import LooksLikeAPin, NotUnderstood

_MOST_ID_CHARACTERS = 128
# Twilio waits fifteen seconds.
_ANSWER_SECONDS = 8.0
_DATES = ("%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S")
_EMPTY_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response/>'

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sms:
    """An SMS as its provider delivers it. `id` is the provider's name for it, `phone` (E.164) where it says it came from."""

    provider: str
    id: str
    phone: str
    text: str = field(repr=False)

    @property
    def key(self) -> str:
        """What it asks for is done once under this key, however often it is delivered."""
        return f"sms:{self.provider}:{self.id}"


@dataclass(frozen=True, slots=True)
class _Sender:
    """Who is answered, registered or not."""

    phone: str
    language: str


def routes(runtime: Runtime) -> list[BaseRoute]:
    """Where the providers deliver what people write to us."""
    return [
        Route("/api/sms/africastalking/{secret}/inbound", africastalking_inbound(runtime), methods=["POST"]),
        Route("/api/sms/twilio/inbound", twilio_inbound(runtime), methods=["POST"]),
    ]


def africastalking_inbound(runtime: Runtime) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint of `POST /api/sms/africastalking/{secret}/inbound`. It is called again, for hours, until it answers 200."""

    async def receive(request: Request) -> Response:
        if not is_from_network(request, runtime.settings):
            return PlainTextResponse("Not Found", status_code=404)
        try:
            fields = await read_form(request)
            required(fields, "id", "from", "text")
            sms = _read(runtime, "africastalking", fields["id"], fields["from"], fields["text"])
            _check_date(fields)
        except Malformed as error:
            log.warning("malformed SMS callback", reason=str(error))
            return PlainTextResponse(str(error), status_code=400)
        return PlainTextResponse("") if await take(runtime, sms) else PlainTextResponse("try again", status_code=503)

    return receive


def twilio_inbound(runtime: Runtime) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint of `POST /api/sms/twilio/inbound`, signed. What is answered leaves by the outbox, not in the reply."""

    async def receive(request: Request) -> Response:
        try:
            form = await read_multiform(request)
            if not is_from_twilio(request, form, runtime.settings):
                return PlainTextResponse("Forbidden", status_code=403)
            fields = dict(form)
            required(fields, "MessageSid", "From", "Body")
            sms = _read(runtime, "twilio", fields["MessageSid"], fields["From"], fields["Body"])
        except Malformed as error:
            log.warning("malformed SMS callback", reason=str(error))
            return PlainTextResponse(str(error), status_code=400)
        is_done = await take(runtime, sms)
        return Response(_EMPTY_TWIML, status_code=200 if is_done else 503, media_type="application/xml")

    return receive


async def take(runtime: Runtime, sms: Sms) -> bool:
    """Answers an SMS, once. False: somebody else has it in hand, or something broke, and the provider should come again."""
    try:
        return await within(_ANSWER_SECONDS, _take(runtime, sms))
    except Exception:
        log.exception("SMS not answered", provider=sms.provider)
        return False


async def _take(runtime: Runtime, sms: Sms) -> bool:
    taken = await sms_inbound.take(runtime, sms.provider, sms.id, sms.phone)
    if taken is Taken.TOO_MANY:
        log.warning("SMS not answered: too many from one number", provider=sms.provider)
    if taken is not Taken.YES:
        return taken is not Taken.BY_ANOTHER
    customer = await customers.find(runtime, sms.phone)
    verb, said = await _answer(runtime, sms, customer)
    language = _language(sms, customer, said)
    async with runtime.database.transaction() as connection:
        is_first = await sms_inbound.answered(connection, sms.provider, sms.id, verb)
        if is_first and said.text:
            kind = "receipt" if said.code_id is None else "code"
            to = _Sender(sms.phone, language)
            await notices.tell(connection, to, said.text, kind=kind, code_id=said.code_id, **said.params)
    return True


async def _answer(runtime: Runtime, sms: Sms, customer: Customer | None) -> tuple[str, Answer]:
    """Which command it was, and what is answered."""
    service_code = runtime.settings.service_code
    try:
        command = commands.parse(sms.text, runtime.settings.country)
    except LooksLikeAPin:
        return "pin", Answer(texts.SMS_PIN_SEEN, {"service_code": service_code})
    except NotUnderstood as error:
        if customer is None:
            return "unknown", Answer(texts.SMS_NOT_REGISTERED, {"service_code": service_code})
        language = customer.language
        example = translate(EXAMPLES[error.verb], language) if error.verb else ""
        unknown = (
            Answer(texts.SMS_TRY, {"example": example}) if example else Answer(texts.SMS_HELP, {"service_code": service_code})
        )
        return "unknown", unknown
    try:
        if customer is None:
            return command.verb, await answer_stranger(runtime, command, sms.phone, commands.language_of(sms.text))
        return command.verb, await answer(Asked(runtime, customer, command, sms.key))
    except Refusal as refusal:
        return command.verb, Answer(refusal.sentence, refusal.params)


def _language(sms: Sms, customer: Customer | None, said: Answer) -> str:
    """The reader's own; a stranger's is guessed from the word that she used."""
    if said.language:
        return said.language
    return customer.language if customer is not None else commands.language_of(sms.text)


def _read(runtime: Runtime, provider: str, sms_id: str, phone: str, text: str) -> Sms:
    if not sms_id or len(sms_id) > _MOST_ID_CHARACTERS or not sms_id.isprintable():
        raise Malformed("the id is empty or too long")
    try:
        return Sms(provider, sms_id, phones.parse(phone, runtime.settings.country), text)
    except BadPhone as error:
        raise Malformed("the sender is not a mobile number") from error


def _check_date(fields: Fields) -> None:
    """Both of its ways to write a date are right; whatever else it may send is worth a line in the log, and not a lost SMS."""
    written = fields.get("date", "")
    for form in _DATES:
        try:
            datetime.strptime(written, form).replace(tzinfo=UTC)
        except ValueError:
            continue
        return
    log.warning("an SMS with a date that nobody can read")
