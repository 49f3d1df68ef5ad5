"""What the SMS callbacks of all providers share: reading ids and numbers strictly, and answering a provider."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import structlog
from starlette.responses import PlainTextResponse, Response

from core import phones, reading
from core.deadline import within
from core.errors import BadPhone
from core.faults import describe, is_away
from core.messaging import aside, reports
from core.messaging.aside import Brought
from core.messaging.reports import DeliveryReport
from core.runtime import Runtime
from gateway.callbacks import Fields, Malformed, is_id
from gateway.sms.failures import is_kept_aside
from gateway.sms.inbound import Sms
from gateway.sms.inbound import answer as answer_sms
from gateway.sms.pool import ProviderPool

_MOST_ID_CHARACTERS = 128
# As for an SMS (inbound.py).
_ANSWER_SECONDS = 8.0
_MOST_REASON_CHARACTERS = 64

log = structlog.get_logger()
Work = Callable[[Fields, Mapping[str, str]], Awaitable[None]]


async def record_report(runtime: Runtime, pool: ProviderPool | None, report: DeliveryReport) -> None:
    """Records a delivery report. One whose message is not known yet is kept."""
    if not await reports.record(runtime, report, pool.names if pool else ()):
        log.info("delivery report of no message that is known yet", provider=report.provider, reported=report.reported)


@dataclass(frozen=True, slots=True)
class Callback:
    """A provider's callback: in which way it brings something (`core/messaging/aside.py`), and which field names that.

    `status_field`: which says what a report tells.
    """

    provider: str
    way: str
    id_field: str
    status_field: str = ""

    def brought(self, fields: Fields) -> Brought:
        """What has come. Raises Malformed."""
        name = fields.get(self.id_field, "")
        # An opt-out has no name but its number, however that is written.
        name = aside.printable(name) if self.way == aside.OPT_OUT else read_id(name, self.id_field)
        return Brought(self.provider, self.way, name, fields.get(self.status_field, ""))


class UnknownStatus(Malformed):
    """A report with a status that is none of those we know."""


class NoMobile(Malformed):
    """A number or name to which no SMS can be written."""


async def answer(runtime: Runtime, callback: Callback, work: Work, fields: Fields, query: Mapping[str, str]) -> Response:
    """Lets `work` do what the callback asks, and answers. Raises Malformed.

    Where something is broken, the answer makes the provider come again; not with what would be of no more use then.
    """
    try:
        await within(_ANSWER_SECONDS, _work(runtime, callback, work, fields, query))
    except Malformed:
        raise
    except Exception as error:  # noqa: BLE001 - told, and kept aside where it comes again
        _tell(runtime, error)
        if not await is_kept_aside(runtime, callback.brought(fields), error):
            return PlainTextResponse("try again", status_code=503)
    return PlainTextResponse("")


def _tell(runtime: Runtime, error: Exception) -> None:
    if is_away(error):
        runtime.database.outage.fault(error)
    else:
        log.error("SMS callback not taken", error=describe(error))


async def _work(runtime: Runtime, callback: Callback, work: Work, fields: Fields, query: Mapping[str, str]) -> None:
    try:
        await work(fields, query)
    except UnknownStatus:
        await aside.keep_status(runtime, callback.brought(fields))
    except NoMobile:
        await aside.keep_sender(runtime, callback.brought(fields), fields.get(callback.id_field, ""))
    else:
        if callback.way == aside.OPT_OUT:
            await aside.forget(runtime, callback.brought(fields))


async def take(runtime: Runtime, callback: Callback, fields: Fields, sender_field: str, read: Callable[[Fields], Sms]) -> bool:
    """Answers an SMS, or counts it where nothing can be written to its sender. False where it should come again.

    Raises Malformed.
    """
    try:
        sms = read(fields)
    except NoMobile:
        try:
            await within(_ANSWER_SECONDS, aside.keep_sender(runtime, callback.brought(fields), fields[sender_field]))
        except Exception as error:  # noqa: BLE001 - told; it comes again
            _tell(runtime, error)
            return False
        return True
    return await answer_sms(runtime, sms)


def refuse_malformed(error: Malformed) -> Response:
    """The answer to a callback that is not what the provider sends."""
    log.warning("malformed SMS callback", reason=str(error))
    return PlainTextResponse(str(error), status_code=400)


def read_id(text: str, field: str) -> str:
    """A provider's id. Raises Malformed."""
    if not is_id(text, _MOST_ID_CHARACTERS):
        raise Malformed(f"{field} is empty, too long or unreadable")
    return text


def read_phone(text: str, country: str, what: str) -> str:
    """A number in E.164. Raises NoMobile, which says `what` the number was meant to be."""
    try:
        return phones.parse(text, country)
    except BadPhone as error:
        raise NoMobile(f"{what} is not a mobile number") from error


def read_phone_if_any(text: str, country: str) -> str | None:
    """A number in E.164; None where it is no mobile number."""
    try:
        return phones.parse(text, country)
    except BadPhone:
        return None


def read_status(words: Mapping[str, str], status: str) -> str:
    """Our word for a provider's. Raises UnknownStatus."""
    if status not in words:
        raise UnknownStatus("the status is none that is known")
    return words[status]


def read_sender(text: str, country: str) -> str:
    """Who has written, in E.164. Raises NoMobile, of a foreign number too: an answer there costs many times more."""
    try:
        return phones.parse_at_home(text, country)
    except BadPhone as error:
        raise NoMobile("the sender is not a mobile number of this country") from error


def shortened(reason: str) -> str | None:
    """A provider's reason, cut to what a row keeps and without control characters; None where it gave none."""
    return reading.clean(reason[:_MOST_REASON_CHARACTERS])[:_MOST_REASON_CHARACTERS] or None
