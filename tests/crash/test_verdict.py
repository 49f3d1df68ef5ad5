"""The judge of the fault driver: each untrue sentence is noticed, and no true one is blamed."""

from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from verdict import OPEN, Books, Payment, Reading, Transfer, judge

import locales

ASHA, BRIAN = "+254711000801", "+254711000802"
SENT = Transfer(UUID(int=1), ASHA, BRIAN, 5_000, 95_000, 105_000, is_whole=True, paid_minor=5_000, sender_version=2)
BOOKS = Books([SENT], {ASHA: [100_000, 95_000], BRIAN: [100_000, 105_000]})
DEAR = replace(BOOKS, transfers=[replace(SENT, paid_minor=5_700)])
LATER = replace(SENT, id=UUID(int=2), amount_minor=5_100, sender_balance_minor=89_900, paid_minor=5_100, sender_version=3)
BOTH = Books([SENT, LATER], {ASHA: [100_000, 95_000, 89_900], BRIAN: [100_000, 105_000, 110_100]})
EMPTY = Books([], {ASHA: [100_000], BRIAN: [100_000]})
PAYMENT, OTHER = Payment(ASHA, BRIAN, 5_000, is_agreed=True), Payment(ASHA, BRIAN, 5_100)
RECEIPT = f"END {SENT.reference} confirmed. KES 50 sent to Neema B. Fee KES 0. Balance KES 950."
RECEIVED = f"{SENT.reference} confirmed. You received KES 50 from Neema A 0711000801. Balance KES 1,050."
LAST = f"CON This is done already:\n{SENT.reference} -KES 50 Brian Otieno\n1. Check Balance"
DONE = f"This is done already: {SENT.reference}, KES 50 to Brian Otieno. Nothing was done again."
WRONG = "CON Wrong PIN. Tries left: {}.\nEnter PIN"
MAYBE = "END Sorry, this takes too long. It may have been done. Please dial again and look before you repeat it."
LOOK = "END Sorry, we cannot answer now. Dial again soon, and look before you repeat."
NOTHING = "END Sorry, we cannot answer now. Nothing was done. Please dial again soon."
POOR = "CON Not enough money. You need KES 50.\nHow much to Neema B? You have KES 1,000."
TERMS = "CON Send KES 50 to Neema B, fee KES 0. Enter PIN"
LOCKED = "END Your PIN is locked after 3 wrong tries."


def found_in(books: Books, reading: Reading) -> dict[str, int]:
    verdict = judge(books, [PAYMENT, replace(OTHER, is_agreed=True)], [reading])
    found = {
        "lost": len(verdict.lost),
        "untrue": len(verdict.untrue),
        "unasked": len(verdict.unasked),
        "not judged": verdict.unread.total(),
    }
    return {name: count for name, count in found.items() if count}


@pytest.mark.parametrize(
    ("books", "reading"),
    [
        (BOOKS, Reading(ASHA, RECEIPT, PAYMENT, PAYMENT, is_agreed=True)),
        (BOOKS, Reading(ASHA, RECEIPT, about=PAYMENT, is_agreed=True)),
        (BOOKS, Reading(ASHA, RECEIPT.removeprefix("END "), is_sms=True)),
        (BOOKS, Reading(ASHA, RECEIPT.removeprefix("END "), OTHER, OTHER, is_sms=True)),
        (BOOKS, Reading(ASHA, LAST)),
        (DEAR, Reading(ASHA, LAST.replace("-KES 50", "-KES 57"))),
        (BOOKS, Reading(ASHA, LAST, PAYMENT, PAYMENT, is_agreed=True)),
        (BOTH, Reading(ASHA, LAST, OTHER, OTHER, is_agreed=True, versions=(2, 3))),
        (BOOKS, Reading(ASHA, POOR.replace("need KES 50", "need KES 2,000"), versions=(1, 1))),
        (BOOKS, Reading(ASHA, TERMS, about=PAYMENT)),
        (BOOKS, Reading(ASHA, DONE, PAYMENT, PAYMENT, is_agreed=True, is_sms=True)),
        (BOOKS, Reading(ASHA, DONE, is_sms=True)),
        (BOOKS, Reading(ASHA, MAYBE, PAYMENT, PAYMENT, is_agreed=True)),
        (EMPTY, Reading(ASHA, MAYBE, PAYMENT, PAYMENT, is_agreed=True)),
        (BOOKS, Reading(ASHA, LOOK, PAYMENT, PAYMENT, is_agreed=True)),
        (EMPTY, Reading(ASHA, WRONG.format(1), PAYMENT, wrong_pins=2, typed="wrong")),
        (EMPTY, Reading(ASHA, WRONG.format(2), PAYMENT, wrong_pins=2, typed="wrong")),
        (BOOKS, Reading(ASHA, "END Your balance is KES 950.", versions=(1, None))),
        (BOOKS, Reading(BRIAN, RECEIVED)),
        (EMPTY, Reading(ASHA, NOTHING, PAYMENT)),
        (BOOKS, Reading(ASHA, NOTHING)),
        (EMPTY, Reading(ASHA, LOCKED, PAYMENT, wrong_pins=3)),
        (EMPTY, Reading(ASHA, WRONG.format(2), PAYMENT, wrong_pins=1, typed="wrong")),
        (BOOKS, Reading(ASHA, "END Your balance is KES 1,000.", versions=(1, 2))),
        (BOOKS, Reading(ASHA, "END Your balance is KES 950.", versions=(1, 2))),
    ],
)
def test_a_true_sentence_is_blamed_on_nobody(books: Books, reading: Reading) -> None:
    assert found_in(books, reading) == {}


@pytest.mark.parametrize(
    ("books", "reading", "kind"),
    [
        (EMPTY, Reading(ASHA, RECEIPT, PAYMENT, PAYMENT, is_agreed=True), "lost"),
        (BOOKS, Reading(ASHA, RECEIPT, OTHER, OTHER, is_agreed=True), "untrue"),
        (BOOKS, Reading(ASHA, RECEIPT), "untrue"),
        (BOOKS, Reading(ASHA, RECEIPT, PAYMENT, PAYMENT, typed="wrong", wrong_pins=1), "untrue"),
        (BOOKS, Reading(ASHA, RECEIPT, about=PAYMENT), "untrue"),
        (EMPTY, Reading(ASHA, WRONG.format(0), PAYMENT, wrong_pins=1, typed="wrong"), "untrue"),
        (EMPTY, Reading(ASHA, WRONG.format(1), PAYMENT, wrong_pins=1, typed="wrong"), "untrue"),
        (EMPTY, Reading(ASHA, WRONG.format(0), PAYMENT, wrong_pins=3, typed="wrong"), "untrue"),
        (EMPTY, Reading(ASHA, WRONG.format(3), PAYMENT, wrong_pins=1, typed="wrong"), "untrue"),
        (EMPTY, Reading(ASHA, LAST), "untrue"),
        (BOOKS, Reading(BRIAN, LAST), "untrue"),
        (DEAR, Reading(ASHA, LAST), "untrue"),
        (BOOKS, Reading(ASHA, LAST.replace("KES 50", "KES 51")), "untrue"),
        (BOTH, Reading(ASHA, LAST, OTHER, OTHER, is_agreed=True, versions=(3, 3)), "untrue"),
        (BOOKS, Reading(ASHA, POOR, versions=(1, 1)), "untrue"),
        (BOOKS, Reading(ASHA, "Not enough money. You need KES 950.", is_sms=True), "untrue"),
        (BOOKS, Reading(ASHA, TERMS, about=OTHER), "untrue"),
        (EMPTY, Reading(ASHA, "Wrong code. Tries left: 2.", is_sms=True), "untrue"),
        (EMPTY, Reading(ASHA, "No order of yours waits for this code: nothing was done.", PAYMENT, is_sms=True), "untrue"),
        (EMPTY, Reading(ASHA, "CON Karibu Jasho. Welcome to Jasho.\nChagua lugha / Choose your language"), "not judged"),
        (EMPTY, Reading(ASHA, DONE, PAYMENT, is_sms=True), "untrue"),
        (BOOKS, Reading(BRIAN, DONE, is_sms=True), "untrue"),
        (BOOKS, Reading(ASHA, DONE.replace("KES 50", "KES 500"), is_sms=True), "untrue"),
        (BOOKS, Reading(ASHA, DONE, OTHER, is_sms=True), "untrue"),
        (BOOKS, Reading(ASHA, "END Your balance is KES 900.", versions=(1, None)), "untrue"),
        (BOOKS, Reading(ASHA, "END Your balance is KES 1,000.", versions=(2, None)), "untrue"),
        (BOOKS, Reading(ASHA, "END If it was done, an SMS tells you."), "not judged"),
        (EMPTY, Reading(BRIAN, RECEIVED), "lost"),
        (BOOKS, Reading(BRIAN, RECEIPT, PAYMENT), "untrue"),
        (BOOKS, Reading(ASHA, RECEIPT.replace("950", "1,000"), PAYMENT), "untrue"),
        (BOOKS, Reading(BRIAN, RECEIVED.replace("KES 50", "KES 51")), "untrue"),
        (BOOKS, Reading(ASHA, NOTHING, PAYMENT), "untrue"),
        (BOOKS, Reading(ASHA, "The fee rose: nothing sent.", PAYMENT), "untrue"),
        (EMPTY, Reading(ASHA, LOCKED, PAYMENT, wrong_pins=2), "untrue"),
        (EMPTY, Reading(ASHA, WRONG.format(2), PAYMENT, wrong_pins=1, typed="right"), "untrue"),
        (BOOKS, Reading(ASHA, "CON How much to Neema B? You have KES 1,000.", versions=(2, 2)), "untrue"),
        (EMPTY, Reading(ASHA, "END The fee rose. Nothing was done.", PAYMENT), "not judged"),
        (EMPTY, Reading(ASHA, "We are closed for a short while: nothing was done.", is_sms=True), "not judged"),
        (EMPTY, Reading(ASHA, "CON Enter PIN to close your account.", about=PAYMENT), "not judged"),
        (EMPTY, Reading(ASHA, "END The moon is made of cheese."), "not judged"),
    ],
)
def test_an_untrue_sentence_is_noticed(books: Books, reading: Reading, kind: str) -> None:
    assert found_in(books, reading) == {kind: 1}


def test_a_payment_that_was_made_twice_and_a_half_of_one_are_noticed() -> None:
    again = replace(SENT, id=UUID(int=2), is_whole=False)
    verdict = judge(Books([SENT, again], BOOKS.balances), [PAYMENT], [])
    assert (len(verdict.doubled), len(verdict.halves)) == (1, 1)


@pytest.mark.parametrize("payments", [[], [replace(PAYMENT, is_agreed=False)], [OTHER], [replace(OTHER, is_agreed=True)]])
def test_money_that_moved_without_a_right_pin_or_a_code_is_noticed(payments: list[Payment]) -> None:
    assert judge(BOOKS, payments, []).unasked == [SENT.reference]


@pytest.mark.parametrize(
    ("texts", "doubted", "untold", "twice"),
    [
        ([(ASHA, RECEIPT), (BRIAN, RECEIVED)], [], 0, 0),
        ([(ASHA, RECEIPT)], [], 1, 0),
        ([(ASHA, RECEIPT)], [BRIAN], 0, 0),
        ([], [], 2, 0),
        ([(ASHA, RECEIPT), (BRIAN, RECEIVED), (BRIAN, RECEIVED)], [], 0, 1),
    ],
)
def test_of_each_payment_both_sides_get_one_sms(
    texts: list[tuple[str, str]], doubted: list[str], untold: int, twice: int
) -> None:
    readings = [Reading(phone, text, is_sms=True) for phone, text in texts]
    verdict = judge(BOOKS, [PAYMENT], readings, doubted=doubted)
    assert (len(verdict.untold), len(verdict.twice)) == (untold, twice)


def test_every_sentence_that_promises_nothing_is_one_that_the_service_says() -> None:
    texts = (Path(locales.__file__).parent / "messages.pot").read_text().replace('"\n"', "")
    assert [words for words in OPEN if words not in texts] == []
