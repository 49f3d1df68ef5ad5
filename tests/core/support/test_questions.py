"""Questions in customers' own words: each finds its answer, in English or Swahili, with a slip of the thumb."""

from collections.abc import AsyncIterator

import pytest

from core import septets
from core.errors import BadText
from core.i18n import LANGUAGES, translate
from core.runtime import Runtime
from core.septets import SCREEN_SEPTETS
from core.settings import Settings
from core.support import questions
from core.support.answers import NEVER_WRITE_PIN, RULES, UNKNOWN
from gateway import wiring
from menus.engine.dsl import LONGEST
from menus.engine.screen import BACK_LINE
from tests.pins import RIGHT

# By a piece of the answer that the customer needs.
ASKED = {
    "1 Check Balance": ["how do i check my balance", "nina pesa ngapi", "naangaliaje salio", "how much money do I have"],
    "4 Balance privacy": ["can i hide my balance", "ninawezaje kuficha salio langu"],
    "1 Mini statement": ["my money has not arrived", "nataka taarifa fupi", "pesa haijafika"],
    "2 Deposit": [
        "how do I deposit money",
        "how can i put money in from mpesa",
        "nitawekaje pesa",
        "niweke pesa",
        "how do i top up",
    ],
    "3 Withdraw": ["how to withdrow money", "nitatoaje pesa", "jinsi ya kutoa pesa", "how can i get cash"],
    "4 Send Money": ["how do i send money", "nitumeje pesa kwa rafiki", "kutuma pesa", "how to transfer to a friend"],
    "1 Fees": ["how much does it cost to send 500", "FEES???", "ada ya kutoa ni ngapi", "gharama ya kutuma"],
    "a code that we send by SMS": ["i forgot my pin", "nimesahau pin yangu", "nimesahu pini", "I cannot remember my pin"],
    "Three wrong PINs": ["my pin is locked", "pin yangu imefungwa", "pin is blocked help"],
    "2 Change PIN. You need": ["how do I change my pin", "nataka kubadilisha pin"],
    "ask the receiver": [
        "i sent money to the wrong number",
        "nimetuma pesa kimakosa",
        "can I reverse a payment",
        "nimekosea nambari",
    ],
    "Send to any number": ["can I send to somebody who is not on jasho", "anaweza kupokea bila akaunti hajajiandikisha"],
    "5 Savings": ["how do i save", "nataka kuweka akiba", "savings goal"],
    "6 Jobs": ["i am looking for a job", "natafuta kazi", "how do I hire a worker"],
    "8 Insurance: each": ["what insurance do you have", "bima ya afya"],
    "then Claim": ["how do i claim", "mtoto ni mgonjwa nadai vipi", "nataka kudai bima"],
    "2 Find an agent": ["where is the nearest agent", "wakala yuko wapi"],
    "3 Language": ["i want english", "badilisha lugha", "Chnage langauge"],
    "Your limits": ["what is the most I can send in a day", "kikomo changu"],
    "block the SIM": ["my phone was stolen", "simu yangu imeibiwa", "nimepoteza simu", "I lost my phone"],
    "to nobody": ["somebody called and asked for my pin", "mtu ameniuliza pin", "I was scammed", "is it safe to share my pin"],
    "6 Close account": ["i want to close my account", "nataka kufunga akaunti"],
    "bring your ID": ["who can i talk to", "customer care number", "what time do you open", "nataka kuongea na mtu"],
    "trust account": ["is my money safe", "pesa zangu ziko salama"],
    "What we know of you": ["what is my name here"],
    "found no answer": ["what is the weather tomorrow", "habari", "hello", "asante", "zzz", "a b c"],
}


@pytest.fixture
async def runtime() -> AsyncIterator[Runtime]:
    """Nothing is connected: a rule needs no database."""
    made = wiring.runtime(Settings(database_url="postgresql://nobody@nowhere/jasho"))
    yield made
    await made.close()


@pytest.mark.parametrize(("piece", "question"), [(piece, question) for piece, asked in ASKED.items() for question in asked])
async def test_a_question_finds_the_answer_that_it_needs(runtime: Runtime, piece: str, question: str) -> None:
    assert piece in await questions.answer(runtime, question, "en")


async def test_the_answer_comes_in_the_customers_language_whichever_she_asked_in(runtime: Runtime) -> None:
    assert await questions.answer(runtime, "how do i save", "sw") == await questions.answer(runtime, "nataka akiba", "sw")
    assert "Akiba" in await questions.answer(runtime, "how do i save", "sw")


async def test_a_pin_in_a_question_is_warned_of_and_not_said_again(runtime: Runtime) -> None:
    said = await questions.answer(runtime, f"my pin is {RIGHT} and it is locked", "en")
    assert said.startswith(NEVER_WRITE_PIN)
    assert "Three wrong PINs" in said
    assert RIGHT not in said


@pytest.mark.parametrize("question", ["", "   ", "???", "0722 000 111", "*#!", "٣٤"])
async def test_what_has_no_word_in_it_is_asked_for_again(runtime: Runtime, question: str) -> None:
    with pytest.raises(BadText):
        await questions.answer(runtime, question, "en")


@pytest.mark.parametrize("question", ["send " * 500, "x" * 5000, "Ünïcödé ñandú", "{service_code} {0} %s", "sénd mönéy"])
async def test_any_text_gets_an_answer(runtime: Runtime, question: str) -> None:
    assert await questions.answer(runtime, question, "en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_answer_fits_one_screen(language: str) -> None:
    for text in [*(rule.answer for rule in RULES), UNKNOWN]:
        shown = translate(text, language).format(service_code=LONGEST["service_code"]) + "\n" + translate(BACK_LINE, language)
        assert not septets.foreign(shown)
        assert septets.count(shown) <= SCREEN_SEPTETS, shown


def test_every_answer_is_translated() -> None:
    texts = [*(rule.answer for rule in RULES), UNKNOWN, NEVER_WRITE_PIN]
    assert [text for text in texts if translate(text, "sw") == text] == []


def test_a_word_that_many_answers_share_decides_less_than_one_that_is_of_one_answer_alone() -> None:
    for word, scores in questions._weights().items():
        assert sum(scores.values()) <= questions._WEIGHT_ABOUT + questions._WEIGHT_BESIDE, word
        assert all(score > 0 for score in scores.values()), word
