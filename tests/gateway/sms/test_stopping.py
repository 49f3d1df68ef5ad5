"""STOP as people write it: whoever asks us to write no more is heard, and whoever means something else is not silenced."""

import pytest

from core import reading
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
    "tuma ACHA",
    "Who is this? STOP", "Wrong number, stop", "No, stop", "NO MORE. STOP", "Sitaki. STOP", "I said STOP", "not interested stop",
    "Please stop sending sms to 0722000111", "tafadhali acha, 0722000111", "help stop", "I said stop sending me messages",
    "I don't want this. Stop", "I do not want these messages stop", "Who are you\nStop texting me", "not mine - stop",
    "Sitaki ujumbe wenu acha", "Sijui hii ni nini. Acha kunitumia", "BAL! STOP", "SEND me no more SMS, STOP",
    "Please don't. STOP!",
    "I never joined, please stop", "Hii si namba yake, acha", "Nani? acha", "my name is not John, unsubscribe",
    "Take me off. Opt out", "wrong person (stop)", "Nobody asked for this stop now please", "Stop 0722000111",
    "stóp", "ŠTOP", "STO\u0301P", "𝐒𝐓𝐎𝐏", "Unsub", "ACHENI", "acheni kunitumia ujumbe", "Wacha", "wacha kunitumia meseji",
    "SITISHA", "Simamisha ujumbe", "tafadhali niondoe", "Do not text me", "Please don't send me messages!", "Dont sms me again",
    "No more messages please", "remove me", "Kindly remove my number", "Take me off your list", "Usinitumie ujumbe tena",
    "Msinitumie meseji", "Sitaki ujumbe wenu", "Hello. Never contact us again",
    "HELP. Stop", "how did you get my number? stop",
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
    "I do not want you to stop", "don't ever stop", "Please never stop, jasho", "the next stop", "SEND 500 0722000111. STOP",
    "TUMA 500 0722000111, acha", "OK 4831. stop", "SAVE 200, stop fund", "Please, stop the payment", "Wait. Stop the transfer",
    "Help! Stop my order", "KAZI stendi, stop", "JOBS matatu stop", "Where is the bus stop", "Please acha malipo hayo", "Usiache",
    "Do not send me the money", "Don't send to me 500 bob", "You do not send me messages", "Usinitumie pesa", "Sitaki mkopo",
    "Remove me from the job", "Wacha nitume pesa kesho", "sitisha malipo", "Simamisha agizo langu", "Why don't you text me",
    "how can I stop", "I said stop the transfer", "wrong number, cancel", "JOIN John, Acha",
]  # fmt: skip


@pytest.mark.parametrize("text", STOPS, ids=ascii)
def test_whoever_wants_no_more_sms_is_heard_however_she_writes_it(text: str) -> None:
    assert parse(text, "KE") == Command("stop")


@pytest.mark.parametrize(
    "text", [f"STOP {pins.RIGHT}", f"stop {' '.join(pins.RIGHT)}", f"STOP my pin is {pins.RIGHT}", f"{pins.RIGHT} STOP"]
)
def test_whoever_writes_four_digits_beside_stop_is_opted_out_and_can_be_warned(text: str) -> None:
    assert parse(text, "KE") == Command("stop", may_hold_pin=True)


@pytest.mark.parametrize("text", NO_STOPS, ids=ascii)
def test_nobody_is_opted_out_who_has_written_something_else(text: str) -> None:
    try:
        assert parse(text, "KE").verb != "stop"
    except (NotUnderstood, LooksLikeAPin):
        assert not wants_no_more(reading.clean(text))
