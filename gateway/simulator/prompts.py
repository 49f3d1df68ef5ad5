"""The local rail's prompts on a simulated phone, and the answers that are given there."""

from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from core import ids, reading
from core.errors import BadPhone
from core.payments import prompts as payment_prompts
from core.payments import requests
from core.payments.prompts import Prompt
from core.runtime import Runtime
from gateway.providers.local import rail
from gateway.simulator.replies import refuse

_MOST_BODY_BYTES = 1024
_ANSWERS = {"pay": True, "refuse": False}


class _Answer(msgspec.Struct):
    answer: str


def routes(runtime: Runtime) -> list[Route]:
    """A phone's open prompts, and the answer to one of them."""

    async def prompts(request: Request) -> Response:
        try:
            phone = reading.phone(request.query_params.get("phone", ""), runtime.settings.country)
        except BadPhone as refusal:
            return refuse(refusal.sentence)
        return JSONResponse([_as_json(prompt) for prompt in await payment_prompts.list_prompts(runtime, rail.NAME, phone)])

    async def answer(request: Request) -> Response:
        payment_id: UUID = request.path_params["payment_id"]
        is_yes = await _read_answer(request)
        if is_yes is None:
            return refuse('The answer is {"answer": "pay"} or {"answer": "refuse"}.')
        try:
            reference = ids.reference(payment_id) if is_yes else None
            await requests.report(runtime, payment_id, paid=is_yes, rail_reference=reference)
        except LookupError:
            return refuse("There is no such prompt.", status_code=404)
        return Response(status_code=204)

    return [
        Route("/simulator/prompts", prompts),
        Route("/simulator/prompts/{payment_id:uuid}", answer, methods=["POST"]),
    ]


async def _read_answer(request: Request) -> bool | None:
    """Is it yes? None where it is neither yes nor no."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BODY_BYTES:
            return None
    try:
        return _ANSWERS.get(msgspec.json.decode(body.decode(errors="replace"), type=_Answer).answer)
    except msgspec.DecodeError:
        return None


def _as_json(prompt: Prompt) -> dict[str, str]:
    return {"id": str(prompt.id), "direction": prompt.direction, "amount": str(prompt.amount)}
