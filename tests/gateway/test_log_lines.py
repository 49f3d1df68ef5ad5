"""What a service in production writes, from its first line on: JSON, with ids by which the lines of one request are found."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

import core
from core.settings import Settings
from tests import databases
from tests.conftest import JASHO, LOGS, serving
from tests.gateway.cli.test_command_line import SECRETS

pytestmark = pytest.mark.system


def lines_of(url: str) -> list[dict[str, Any]]:
    """Fails where a line is no JSON."""
    return [json.loads(line) for line in Path(LOGS, f"serve-{urlsplit(url).port}.log").read_text().splitlines()]


def test_every_line_of_a_service_in_production_is_json_and_tells_what_it_is_about(settings: Settings) -> None:
    environment = {"JASHO_DATABASE_URL": settings.database_url, "JASHO_REDIS_URL": settings.redis_url, **SECRETS}
    callback = f"/api/ussd/africastalking/{SECRETS['JASHO_CALLBACK_SECRET']}"
    hop = {"sessionId": "ATUid_lines", "phoneNumber": "+254711000001", "serviceCode": "*384*96#", "text": "1"}
    databases.forget_ids(settings.database_url)
    with serving({**environment, "JASHO_ENV": "production"}, "--no-worker") as url:
        assert httpx2.post(f"{url}{callback}", data=hop).status_code == 200
        assert httpx2.post(f"{url}{callback}", data={"sessionId": "ATUid_lines"}).status_code == 400
    lines = lines_of(url)
    assert [line["event"] for line in lines[:2]] == ["the service listens", "the process starts"]
    assert lines[1]["version"] == core.__version__
    assert all(line["role"] == "web" and line["process"] > 0 and line["timestamp"] for line in lines)
    [malformed] = [line for line in lines if line["event"] == "malformed USSD callback"]
    assert len(malformed["request"]) == 8
    written = json.dumps(lines)
    assert not [name for name, value in SECRETS.items() if value in written]


def test_every_line_of_a_worker_in_production_is_json_from_its_first_on(settings: Settings) -> None:
    environment = {"JASHO_DATABASE_URL": settings.database_url, "JASHO_REDIS_URL": settings.redis_url, **SECRETS}
    databases.forget_ids(settings.database_url)
    command = [str(JASHO), "worker"]
    with subprocess.Popen(
        command,
        env={**os.environ, **environment, "JASHO_ENV": "production"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.terminate()
        lines = [json.loads(line) for line in (first, *process.stdout)]
    assert lines[0]["event"] == "the process starts"
    assert {line["role"] for line in lines} == {"worker"}
