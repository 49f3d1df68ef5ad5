"""STOP as people write it: whoever asks us to write no more is heard, and whoever means something else is not silenced."""

import pytest

from gateway.sms.commands import Command, LooksLikeAPin, NotUnderstood, parse
from gateway.sms.stopping import wants_no_more
from tests import pins

STOPS = [
    "STOP", "stop", "Stop.", "STOP!", "STOP!!!", "STOP?", " STOP ", "STOP! Thank you", "(STOP)", "[stop]", "<STOP>",
    "{STOP}", "STOP; please",
    "STOP, please", "STOP: thanks", '"STOP"', "'STOP'", "“STOP”", "‘stop’", "«STOP»", "`STOP`", "*STOP*", "_STOP_",
    "~STOP~", "#STOP", "-STOP-",
    "STOP🙏", "🙏STOP", "🛑 STOP", "STOP ✋🏽", "\u200bSTOP", "\u200eSTOP\u200f", "\u2066STOP\u2069",
    "\u202aSTOP\u202c", "\ufeffSTOP", "ST\u00adOP",
    "\u00a0STOP\u00a0", "STOP\x00", "STOP\u00a0please", "STOP\ufffd", "STOP\nSent from my phone", "ＳＴＯＰ", "S T O P",
    "S.T.O.P", "s-t-o-p", "STOPP",
    "STOOOOP", "stop2", "1. STOP", "Stop 22384", "STOP sending me messages", "stop it",
    "Stop texting me, I never joined", "STOP ALL", "STOPALL", "stop-all",
    "STOP SMS", "stopsms", "STOP JASHO", "JASHO STOP", "jasho: stop", "Please STOP", "pls stop",
    "Please, stop sending me SMS!", "I want to stop",
    "Can you stop texting me?", "Re: STOP", "reply STOP", "Send STOP", "Hi, stop", "ok stop", "UNSUBSCRIBE",
    "unsubscribe me", "Unsubscribe, please",
    "OPT OUT", "opt-out", "OptOut please", "CANCEL", "cancel!", "Cancel all messages", "END", "End.", "end these texts",
    "QUIT", "quit now please",
    "ACHA", "ACHA! asante", "acha kunitumia ujumbe", "Acha, tafadhali", "tafadhali acha", "Naomba acha kutuma meseji",
    "ONDOA", "ondoa namba yangu",
    "tuma ACHA", f"STOP {pins.RIGHT}",
]  # fmt: skip
NO_STOPS = [
    "START", "UNSTOP", "don't stop", "Don’t stop", "dont stop", "do not stop the reminders", "please do not stop",
    "never stop", "stopped",
    "stopping", "bus stop", "JOBS stop", "JOBS bus stop", "KAZI stendi, mwisho stop", "SEND 500 0722000111 stop",
    "SAVE 200 stop fund", "BAL stop",
    "HELP how do I stop", "OK 4831 stop", "I want to stop saving 200", "can you stop the payment", "cancel my order",
    "Cancel the transfer to 0722000111", "END of month rent", "end 500", "quit smoking goal", "Quit 2 jobs",
    "the weekend", "friend", "CANCELLED",
    "endelea", "inachanganya", "JOIN Acha Wanjiku", "STARTSTOP", "nonstop", "non-stop music", "S T", "OPT", "out", "",
    "🛑", "5TOP",
]  # fmt: skip


@pytest.mark.parametrize("text", STOPS, ids=ascii)
def test_whoever_wants_no_more_sms_is_heard_however_she_writes_it(text: str) -> None:
    assert parse(text, "KE") == Command("stop")


@pytest.mark.parametrize("text", NO_STOPS, ids=ascii)
def test_nobody_is_opted_out_who_has_written_something_else(text: str) -> None:
    try:
        assert parse(text, "KE").verb != "stop"
    except (NotUnderstood, LooksLikeAPin):
        assert not wants_no_more(text)
