"""A channel that is switched off answers in words and does nothing; a provider of SMS that is switched off is not asked."""

from core.messaging import notices
from core.operations import switches
from core.runtime import Runtime
from core.settings import Settings
from gateway import worker
from gateway.sms.inbound import Sms, answer
from tests.conftest import running_client
from tests.core.operations.turning import turn_off, turn_on

ASHA, STRANGER = "+254711000001", "+254799000123"


async def sends(runtime: Runtime, text: str, phone: str = ASHA) -> list[str]:
    """Her messages after she has written this one, oldest first."""
    sends.number += 1  # type: ignore[attr-defined]
    assert await answer(runtime, Sms("local", f"off-{sends.number}", phone, text))  # type: ignore[attr-defined]
    while await worker.drain(runtime):
        pass
    return [message.body for message in reversed(await notices.list_inbox(runtime, phone))]


sends.number = 0  # type: ignore[attr-defined]


async def test_a_number_reads_once_a_day_that_sms_is_off_and_may_still_opt_out(runtime: Runtime) -> None:
    before = await sends(runtime, "BAL")
    await turn_off(runtime, switches.SMS)
    [sentence] = (await sends(runtime, "BAL"))[len(before) :]
    assert sentence.startswith("Commands by SMS are off for now: nothing was done. Your money is safe.")
    assert len(await sends(runtime, "SEND 500 0722000002")) == len(before) + 1
    assert len(await sends(runtime, "hello there")) == len(before) + 1
    assert "no more" in (await sends(runtime, "STOP"))[-1]
    assert len(await sends(runtime, "JOIN Zawadi Achieng", STRANGER)) == 1
    await turn_on(runtime, switches.SMS)
    assert (await sends(runtime, "BAL"))[-1].startswith("Your balance is")


async def test_a_code_that_is_delivered_again_while_sms_is_off_is_not_told_that_nothing_was_done(runtime: Runtime) -> None:
    code = (await sends(runtime, "SEND 500 0722000002"))[-1].partition("OK ")[2][:4]
    receipt = (await sends(runtime, f"OK {code}"))[-1]
    await turn_off(runtime, switches.SMS)
    assert (await sends(runtime, f"OK {code}"))[-1].startswith(f"This is done already: {receipt[:10]}")
    assert (await sends(runtime, f"OK {code[::-1]}x"))[-1].startswith("Commands by SMS are off for now")


async def test_with_both_channels_off_nobody_is_sent_to_the_other(runtime: Runtime) -> None:
    await turn_off(runtime, switches.SMS)
    await turn_off(runtime, switches.USSD)
    assert (await sends(runtime, "BAL"))[-1].startswith("We are closed for a short while")


async def test_a_command_of_a_feature_that_is_off_is_answered_in_words_and_its_code_moves_nothing(runtime: Runtime) -> None:
    asked = (await sends(runtime, "SEND 500 0722000002"))[-1]
    code = asked.partition("OK ")[2].partition(" ")[0]
    await turn_off(runtime, "send")
    assert (await sends(runtime, "SEND 500 0722000002"))[-1].startswith("Sending money is off for now.")
    assert (await sends(runtime, f"OK {code}"))[-1].startswith("Sending money is off for now.")
    assert "12,500" in (await sends(runtime, "BAL"))[-1]


async def test_the_simulators_page_says_that_it_is_off(settings: Settings, runtime: Runtime) -> None:
    await turn_off(runtime, switches.SIMULATOR)
    async with running_client(settings) as client:
        page = await client.get("/simulator")
        assert (page.status_code, "switched off" in page.text) == (503, True)
        assert (await client.get("/healthz")).status_code == 200
