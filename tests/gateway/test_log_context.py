"""A line that belongs to no request has none of another's ids: an operator would follow the wrong trail."""

import json
from io import StringIO

import httpx2
import structlog

from core.faults.outage import Outage
from core.operations import board
from core.operations.switches import Switches
from core.runtime import Runtime
from core.settings import Settings
from core.staff import Staff
from gateway.readiness import Readiness
from tests.core.test_faults import NOWHERE
from tests.gateway.test_logs import written

__all__ = ["written"]


async def test_a_change_of_switches_is_told_without_the_ids_of_whoever_looked(
    runtime: Runtime, settings: Settings, written: StringIO
) -> None:
    await board.turn(runtime.database, "send", is_off=True, by=Staff("Neema"), why="fraud")
    switches = Switches(settings.database_url, Outage("PostgreSQL"))
    with structlog.contextvars.bound_contextvars(request="1234abcd", duty="holds: expire"):
        await switches.look()
    await switches.close()
    [line] = [json.loads(line) for line in written.getvalue().splitlines()]
    assert (line["event"], "request" in line, "duty" in line) == ("switches changed", False, False)


async def test_a_service_that_is_not_ready_is_told_without_the_ids_of_who_asked(settings: Settings, written: StringIO) -> None:
    readiness = Readiness(Settings(database_url=NOWHERE, redis_url=settings.redis_url))
    with structlog.contextvars.bound_contextvars(request="1234abcd"):
        assert not (await readiness.ask()).is_ready
    await readiness.close()
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert [line["event"] for line in lines if "request" in line] == []
    assert "not ready" in [line["event"] for line in lines]


async def test_the_lines_of_one_request_are_not_those_of_the_next(client: httpx2.AsyncClient, written: StringIO) -> None:
    for _ in range(2):
        assert (await client.post("/api/ussd/africastalking/local", data={"text": "1"})).status_code == 400
    [line] = [json.loads(line) for line in written.getvalue().splitlines() if "malformed" in line]
    assert len(line["request"]) == 8
    assert "request" not in structlog.contextvars.get_contextvars()
