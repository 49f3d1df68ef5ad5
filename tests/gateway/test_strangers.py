"""Whoever knows no secret costs the service no question to a server."""

import pytest
from starlette.routing import Route

from core.settings import Settings
from gateway.app import application
from tests.conftest import free_port, running_client

# Addresses that need a secret or a signature, and what the secret is in each.
GUARDED = {"/api/sms/twilio/inbound": 403, "/api/sms/twilio/status": 403}


@pytest.fixture
def nowhere() -> Settings:
    """Neither server is there, so that whatever is asked of one fails."""
    port = free_port()
    return Settings(database_url=f"postgresql://127.0.0.1:{port}/x", redis_url=f"redis://127.0.0.1:{port}")


def callbacks(settings: Settings) -> list[str]:
    app = application(settings, with_worker=False)
    paths = [route.path for route in app.routes if isinstance(route, Route)]
    return [path for path in paths if path.startswith("/api/")]


async def test_a_wrong_secret_asks_no_server_anything(nowhere: Settings) -> None:
    paths = callbacks(nowhere)
    assert len(paths) >= 7
    async with running_client(nowhere) as client:
        for path in paths:
            answer = await client.post(path.replace("{secret}", "wrong"), data={"text": "", "phoneNumber": "+254711000001"})
            assert answer.status_code == GUARDED.get(path, 404), path


@pytest.mark.parametrize("path", ["/healthz", "/", "/api/nothing", "/%00", "/simulator", "/simulator/settings"])
async def test_what_anybody_may_have_asks_no_server_anything(nowhere: Settings, path: str) -> None:
    async with running_client(nowhere) as client:
        assert (await client.get(path)).status_code in (200, 404)


def test_every_address_is_one_that_this_file_knows(nowhere: Settings) -> None:
    """A new address that needs no secret has to be thought of here."""
    app = application(nowhere, with_worker=False)
    assert {getattr(route, "path", "") for route in app.routes} == {
        "/api/ussd/africastalking/{secret}",
        "/api/ussd/africastalking/{secret}/events",
        "/api/sms/africastalking/{secret}/inbound",
        "/api/sms/africastalking/{secret}/delivery",
        "/api/sms/africastalking/{secret}/optout",
        "/api/sms/twilio/inbound",
        "/api/sms/twilio/status",
        "/healthz",
        "/readyz",
        "/simulator",
        "/simulator/",
        "/simulator/settings",
        "/simulator/number",
        "/simulator/inbox",
        "/simulator/sms",
        "/simulator/prompts",
        "/simulator/prompts/{payment_id:uuid}",
    }
