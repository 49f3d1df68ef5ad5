"""`jasho sms`, and the simulator's door that takes SMS: what a developer tries the commands with."""

import re
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from uuid import uuid4

import httpx2
import pytest

from core import clock
from core.runtime import Runtime
from gateway.providers.local import sms
from tests.gateway.cli.command import check_failed_in_one_line, jasho

pytestmark = pytest.mark.system

ASHA = "0711000001"


def test_an_sms_from_the_terminal_prints_the_answer(service_url: str) -> None:
    done = jasho(["sms", "BAL", "--phone", ASHA, "--url", service_url])
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"Your balance is KES [\d,]+\.\n", done.stdout)
    assert done.stderr == ""


def test_only_the_answer_is_printed_and_not_what_lay_there_before(service_url: str) -> None:
    for message, answer in (("HELP", "BAL, MINI, SEND"), ("lugha", "LANG SW")):
        done = jasho(["sms", message, "--phone", ASHA, "--url", service_url])
        assert done.returncode == 0, done.stderr
        assert answer in done.stdout
        assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize(("message", "answer"), [("BAL caf\udce9", "Your balance is"), ("\udcff\udcfe", "BAL, MINI, SEND")])
def test_a_byte_that_is_no_text_goes_as_it_was_typed(service_url: str, message: str, answer: str) -> None:
    done = jasho(["sms", message, "--phone", ASHA, "--url", service_url])
    assert done.returncode == 0, done.stderr
    assert answer in done.stdout


def test_a_dial_goes_on_after_a_byte_that_is_no_text(service_url: str) -> None:
    done = jasho(["dial", "*384*96*4*caf\udce9#", "--phone", ASHA, "--url", service_url], typed="0722000002\n")
    assert "That is not a mobile number." in done.stdout
    assert "How much to Baraka Otieno?" in done.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--phone", "nobody"], ["nobody is not a mobile number"]),
        (["--phone", ASHA, "--url", "http://127.0.0.1:1"], ["nothing answers", "make run", "--url"]),
        (["--phone", ASHA, "--url", "nowhere"], ["nowhere is no address", "--url"]),
    ],
)
def test_a_mistake_is_told_in_one_line(options: list[str], words: list[str]) -> None:
    done = jasho(["sms", "BAL", *options])
    check_failed_in_one_line(done, *words)
    assert done.returncode == 1


def test_another_service_at_the_address_is_told_in_one_line() -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Other) as server:
        thread = Thread(target=server.handle_request)
        thread.start()
        done = jasho(["sms", "BAL", "--phone", ASHA, "--url", f"http://127.0.0.1:{server.server_port}"])
        thread.join()
    check_failed_in_one_line(done, "is not this service", "--url")


async def test_the_simulator_says_when_it_took_an_sms_so_that_the_answer_comes_after_it(
    client: httpx2.AsyncClient, runtime: Runtime
) -> None:
    before = clock.now()
    taken = await client.post("/simulator/sms", json={"phone": ASHA, "text": "BAL"})
    assert taken.status_code == 202
    await sms.deliver(runtime)
    answer = (await client.get("/simulator/inbox", params={"phone": ASHA})).json()[0]
    assert answer["body"] == "Your balance is KES 12,500."
    assert before.isoformat()[:19] <= taken.json()["received_at"] <= answer["received_at"]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "BAL",
        b"\xff",
        b'{"phone": "0711\xe9", "text": "BAL"}',
        '{"text": "BAL"}',
        '{"phone": "12", "text": "BAL"}',
        '{"phone": 1}',
        '"' + "x" * 5000,
    ],
)
async def test_what_is_no_sms_is_refused_with_a_sentence(client: httpx2.AsyncClient, body: str | bytes) -> None:
    refused = await client.post("/simulator/sms", content=body)
    assert refused.status_code == 400
    assert refused.json()["reason"].endswith(".")


async def test_the_simulator_takes_an_sms_with_a_byte_that_is_no_text(client: httpx2.AsyncClient, runtime: Runtime) -> None:
    taken = await client.post("/simulator/sms", content=b'{"phone": "0711000001", "text": "BAL caf\xe9"}')
    assert taken.status_code == 202
    await sms.deliver(runtime)
    assert "Your balance is" in (await client.get("/simulator/inbox", params={"phone": ASHA})).json()[0]["body"]
    answered = await client.post(f"/simulator/prompts/{uuid4()}", content=b'{"answer": "\xff"}')
    assert answered.status_code == 400
