"""The simulated phone's SMS: those that it has received, and those that its owner sends."""

from datetime import UTC, datetime
from uuid import uuid4

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from core import clock, reading
from core.errors import BadPhone
from core.messaging import notices
from core.runtime import Runtime
from gateway.simulator.replies import refuse
from gateway.sms.inbound import Sms, answer

_MOST_BODY_BYTES = 4096


class _Sent(msgspec.Struct):
    phone: str
    text: str


def routes(runtime: Runtime) -> list[Route]:
    """A phone's inbox, and an SMS from it."""
    country = runtime.settings.country

    async def inbox(request: Request) -> Response:
        """A phone's newest messages, newest first."""
        try:
            phone = reading.phone(request.query_params.get("phone", ""), country)
        except BadPhone as refusal:
            return refuse(refusal.sentence)
        return JSONResponse([_as_json(message) for message in await notices.list_inbox(runtime, phone)])

    async def send(request: Request) -> Response:
        """Takes JSON with `phone` and `text`, and returns the moment. The answer arrives in the inbox."""
        moment = clock.now()
        try:
            # A bad byte becomes U+FFFD, as where a network delivers it (gateway/callbacks.py).
            body = (await request.body())[:_MOST_BODY_BYTES].decode(errors="replace")
            sent = msgspec.json.decode(body, type=_Sent)
            phone = reading.phone(sent.phone, country)
        except msgspec.MsgspecError:
            return refuse('An SMS is {"phone": "0711000001", "text": "BAL"}.')
        except BadPhone as refusal:
            return refuse(refusal.sentence)
        is_taken = await answer(runtime, Sms("local", uuid4().hex, phone, sent.text))
        return JSONResponse({"received_at": _as_text(moment)}, status_code=202) if is_taken else Response(status_code=503)

    return [Route("/simulator/inbox", inbox), Route("/simulator/sms", send, methods=["POST"])]


def _as_json(message: notices.Message) -> dict[str, str]:
    return {
        "id": str(message.id),
        "body": message.body,
        "received_at": _as_text(message.created_at),
    }


def _as_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
