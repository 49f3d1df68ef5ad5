"""PINs: which ones are too easy to guess, and what a thief of the database learns from their hashes."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from uuid import UUID

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from core import clock
from core.credentials import pins
from core.credentials.refusals import BadPin, WeakPin
from core.errors import Busy
from core.hashing import MOST_OF_ONE_CUSTOMER, PinHasher
from tests.conftest import FULL_MEMORY_KIB
from tests.pins import ALL, NEW, RIGHT, WRONG

PHONE = "+254711000001"
ASHA, BARAKA, CHARITY = UUID(int=1), UUID(int=2), UUID(int=3)

WEAK = {
    "runs up": ("0123", "1234", "2345", "3456", "4567", "5678", "6789", "7890"),
    "runs down": ("9876", "8765", "7654", "6543", "5432", "4321", "3210", "0987"),
    "one digit": ("0000", "1111", "2222", "3333", "4444", "5555", "6666", "7777", "8888", "9999"),
    "a pair twice": ("1212", "2020", "4545", "9090"),
    "two pairs": ("1122", "0011", "9988"),
    "a line of the keypad": ("2580", "0852"),
    "a year of birth": ("1920", "1949", "1963", "1987", "1999", "2000", "2007", "2026", "2031"),
}


@pytest.fixture(autouse=True)
def _in_2026() -> Iterator[None]:
    with clock.at(datetime(2026, 6, 1, tzinfo=UTC)):
        yield


@pytest.fixture
def hasher() -> Iterator[PinHasher]:
    made = PinHasher("pepper")
    yield made
    made.close()


def is_chosen(pin: str) -> bool:
    try:
        return pins.check_new(pin, phone=PHONE) == pin
    except WeakPin:
        return False


@pytest.mark.parametrize("why", WEAK)
def test_a_pin_that_a_thief_tries_first_is_refused(why: str) -> None:
    assert [position for position, weak in enumerate(WEAK[why]) if is_chosen(weak)] == []


@pytest.mark.parametrize("position", range(len(ALL)))
def test_a_pin_that_is_hard_to_guess_is_accepted(position: int) -> None:
    assert pins.check_new(ALL[position], phone=PHONE) == ALL[position]


def test_the_end_of_ones_own_number_is_no_secret() -> None:
    with pytest.raises(WeakPin):
        pins.check_new(RIGHT, phone=f"+25471100{RIGHT}")
    assert pins.check_new(RIGHT, phone=f"+25471{RIGHT}001") == RIGHT


@pytest.mark.parametrize("typed", ["", "123", "12345", "12a4", "1 234", " 1234", "1234\n", "-123", "١٢٣٤", "１２３４"])
def test_what_is_not_four_digits_is_no_pin(typed: str) -> None:
    with pytest.raises(BadPin):
        pins.check_new(typed, phone=PHONE)


async def test_a_customer_is_let_in_by_her_own_pin_only(hasher: PinHasher) -> None:
    hashed = await hasher.hash(RIGHT, ASHA)
    assert await hasher.matches(hashed, RIGHT, ASHA)
    assert not await hasher.matches(hashed, WRONG, ASHA)


async def test_the_same_pin_of_another_customer_opens_nothing(hasher: PinHasher) -> None:
    assert not await hasher.matches(await hasher.hash(RIGHT, ASHA), RIGHT, BARAKA)


async def test_equal_pins_cannot_be_told_to_be_equal(hasher: PinHasher) -> None:
    assert await hasher.hash(RIGHT, ASHA) != await hasher.hash(RIGHT, ASHA)


async def test_a_stolen_hash_shows_no_pin_and_cannot_be_guessed_without_the_pepper(hasher: PinHasher) -> None:
    hashed = await hasher.hash(NEW, ASHA)
    assert NEW not in hashed
    for guess in (NEW.encode(), ASHA.bytes + NEW.encode()):
        with pytest.raises(VerifyMismatchError):
            PasswordHasher().verify(hashed, guess)
    other = PinHasher("another pepper")
    assert not await other.matches(hashed, NEW, ASHA)
    other.close()


async def test_a_hash_costs_a_thief_what_owasp_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PinHasher, "memory_kib", FULL_MEMORY_KIB)
    hasher = PinHasher("pepper")
    assert (await hasher.hash(RIGHT, ASHA)).startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    hasher.close()


def test_more_checks_than_can_be_done_in_time_are_refused_at_once() -> None:
    hasher = PinHasher("pepper", most_waiting=2)
    with hasher.place(ASHA), hasher.place(BARAKA), pytest.raises(Busy), hasher.place(CHARITY):
        pytest.fail("a third found a place")
    hasher.close()


def test_whoever_guesses_in_a_crowd_leaves_the_places_to_others() -> None:
    hasher = PinHasher("pepper", most_waiting=100)
    with ExitStack() as held:
        for _ in range(MOST_OF_ONE_CUSTOMER):
            held.enter_context(hasher.place(ASHA))
        with pytest.raises(Busy), hasher.place(ASHA):
            pytest.fail("one customer took more than hers")
        with hasher.place(BARAKA):
            pass
    with hasher.place(ASHA):
        pass
    hasher.close()


def test_there_are_as_many_places_after_a_crowd_as_before_it() -> None:
    hasher = PinHasher("pepper", most_waiting=2)
    for _ in range(3):
        with hasher.place(ASHA), hasher.place(BARAKA), pytest.raises(Busy), hasher.place(CHARITY):
            pytest.fail("a third found a place")
    hasher.close()


def test_a_place_is_free_again_whatever_happened_in_it() -> None:
    hasher = PinHasher("pepper", most_waiting=1)
    with pytest.raises(RuntimeError), hasher.place(ASHA):
        raise RuntimeError
    with hasher.place(ASHA) as place:
        assert place is None
    hasher.close()
