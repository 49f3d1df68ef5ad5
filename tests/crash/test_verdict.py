"""The judge of the fault driver: each untrue sentence is noticed, and no true one is blamed."""

from dataclasses import replace
from uuid import UUID

import pytest
from verdict import Books, Payment, Reading, Transfer, judge

ASHA, BRIAN = "+254711000801", "+254711000802"
SENT = Transfer(UUID(int=1), ASHA, BRIAN, 5_000, 95_000, 105_000, is_whole=True)
BOOKS = Books([SENT], {ASHA: [100_000, 95_000], BRIAN: [100_000, 105_000]})
EMPTY = Books([], {ASHA: [100_000], BRIAN: [100_000]})
PAYMENT = Payment(ASHA, BRIAN, 5_000)
RECEIPT = f"END {SENT.reference} confirmed. KES 50 sent to Neema B. Fee KES 0. Balance KES 950."
RECEIVED = f"{SENT.reference} confirmed. You received KES 50 from Neema A 0711000801. Balance KES 1,050."
NOTHING = "END Sorry, we cannot answer now. Nothing was done. Please dial again soon."
LOCKED = "END Your PIN is locked after 3 wrong tries."


def found_in(books: Books, reading: Reading) -> dict[str, int]:
    verdict = judge(books, [PAYMENT], [reading])
    found = {"lost": len(verdict.lost), "untrue": len(verdict.untrue), "not judged": verdict.unread.total()}
    return {name: count for name, count in found.items() if count}


@pytest.mark.parametrize(
    ("books", "reading"),
    [
        (BOOKS, Reading(ASHA, RECEIPT, PAYMENT)),
        (BOOKS, Reading(BRIAN, RECEIVED)),
        (EMPTY, Reading(ASHA, NOTHING, PAYMENT)),
        (BOOKS, Reading(ASHA, NOTHING)),
        (EMPTY, Reading(ASHA, LOCKED, PAYMENT, wrong_pins=3)),
        (EMPTY, Reading(ASHA, "CON Wrong PIN. Tries left: 2.\nEnter PIN", PAYMENT, typed="wrong")),
        (BOOKS, Reading(ASHA, "END Your balance is KES 1,000.", versions=(1, 2))),
        (BOOKS, Reading(ASHA, "END Your balance is KES 950.", versions=(1, 2))),
        (BOOKS, Reading(ASHA, "END If it was done, an SMS tells you.", PAYMENT)),
    ],
)
def test_a_true_sentence_is_blamed_on_nobody(books: Books, reading: Reading) -> None:
    assert found_in(books, reading) == {}


@pytest.mark.parametrize(
    ("books", "reading", "kind"),
    [
        (EMPTY, Reading(ASHA, RECEIPT, PAYMENT), "lost"),
        (EMPTY, Reading(BRIAN, RECEIVED), "lost"),
        (BOOKS, Reading(BRIAN, RECEIPT, PAYMENT), "untrue"),
        (BOOKS, Reading(ASHA, RECEIPT.replace("950", "1,000"), PAYMENT), "untrue"),
        (BOOKS, Reading(BRIAN, RECEIVED.replace("KES 50", "KES 51")), "untrue"),
        (BOOKS, Reading(ASHA, NOTHING, PAYMENT), "untrue"),
        (BOOKS, Reading(ASHA, "The fee rose: nothing sent.", PAYMENT), "untrue"),
        (EMPTY, Reading(ASHA, LOCKED, PAYMENT, wrong_pins=2), "untrue"),
        (EMPTY, Reading(ASHA, "CON Wrong PIN. Tries left: 2.\nEnter PIN", PAYMENT, typed="right"), "untrue"),
        (BOOKS, Reading(ASHA, "CON How much to Neema B? You have KES 1,000.", versions=(2, 2)), "untrue"),
        (EMPTY, Reading(ASHA, "END The moon is made of cheese."), "not judged"),
    ],
)
def test_an_untrue_sentence_is_noticed(books: Books, reading: Reading, kind: str) -> None:
    assert found_in(books, reading) == {kind: 1}


def test_a_payment_that_was_made_twice_and_a_half_of_one_are_noticed() -> None:
    again = replace(SENT, id=UUID(int=2), is_whole=False)
    verdict = judge(Books([SENT, again], BOOKS.balances), [PAYMENT], [])
    assert (len(verdict.doubled), len(verdict.halves)) == (1, 1)
