"""A service refuses only as it has declared; where it does not, tests fail and customers are told all the same."""

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from core import refusing
from core.errors import BadAmount, BadText, Busy, KeyConflict, Refusal
from core.refusing import Undeclared, finder_of, refused_by, refuses, repeats


@refuses(BadAmount)
def read(refusal: type[Refusal]) -> None:
    raise refusal


@refuses(read, Busy)
async def save(refusal: type[Refusal]) -> None:
    read(refusal)


def test_a_function_refuses_as_it_and_those_it_names_have_declared() -> None:
    assert refused_by(read) == {BadAmount}
    assert refused_by(save) == {BadAmount, Busy}
    assert refused_by(print) == frozenset()


async def test_a_declared_refusal_passes() -> None:
    with pytest.raises(BadAmount):
        read(BadAmount)
    with pytest.raises(BadAmount):
        await save(BadAmount)


async def test_an_undeclared_refusal_fails_a_test() -> None:
    with pytest.raises(Undeclared):
        read(BadText)
    with pytest.raises(Undeclared):
        await save(BadText)


async def test_a_customer_reads_an_undeclared_refusal_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusing, "is_strict", False)
    with capture_logs() as logs, pytest.raises(BadText):
        await save(BadText)
    assert [entry["event"] for entry in logs] == ["a refusal that was not declared"] * 2
    assert {entry["code"] for entry in logs} == {"bad_text"}


def deadlock() -> Busy:
    busy = Busy()
    busy.is_worth_another_try = True
    return busy


class Till:
    """A service that pays once for each key. `seen` is what its finder sees, one look after the other."""

    def __init__(self, *seen: str | None, refusal: Refusal | type[Refusal] | None = None) -> None:
        self.seen: Iterator[str | None] = iter(seen)
        self.refusal = refusal
        self.looked_for: list[dict[str, object]] = []
        self.paid = 0

        @refuses(KeyConflict)
        async def find(key: str, amount: int) -> str | None:
            self.looked_for.append({"key": key, "amount": amount})
            return next(self.seen)

        @repeats(find)
        @refuses(BadAmount, Busy)
        async def pay(key: str, pin: str, *, amount: int = 5) -> str:
            if self.refusal is not None:
                raise self.refusal
            self.paid += 1
            return f"new {key} {len(pin)} {amount}"

        self.pay, self.find = pay, find

    def recovering(self) -> Iterator[str | None]:
        """Sees nothing twice, and is well again after that."""
        yield None
        self.refusal = None
        yield None


async def test_a_key_that_is_new_is_worked_on_and_looked_up_without_the_pin() -> None:
    till = Till(None)
    assert await till.pay("k", pin="....") == "new k 4 5"
    assert till.looked_for == [{"key": "k", "amount": 5}]


async def test_a_key_that_is_done_is_answered_and_nothing_is_done_again() -> None:
    till = Till("first")
    assert await till.pay("k", "....", amount=7) == "first"
    assert (till.paid, till.looked_for) == (0, [{"key": "k", "amount": 7}])


async def test_who_is_refused_because_the_same_request_overtook_her_gets_its_answer() -> None:
    assert await Till(None, "first", refusal=BadAmount).pay("k", "....") == "first"
    with pytest.raises(BadAmount):
        await Till(None, None, refusal=BadAmount).pay("k", "....")


async def test_who_is_refused_as_busy_reads_that_nothing_was_done_only_where_nothing_was() -> None:
    with pytest.raises(Busy):
        await Till(None, None, refusal=Busy).pay("k", "....")
    assert await Till(None, "first", refusal=Busy).pay("k", "....") == "first"


async def test_what_a_deadlock_undid_is_asked_for_once_more_and_not_where_it_was_done() -> None:
    till = Till(None, None, None, refusal=deadlock())
    with pytest.raises(Busy):
        await till.pay("k", "....")
    assert len(till.looked_for) == 3
    assert await Till(None, None, "first", refusal=deadlock()).pay("k", "....") == "first"
    till = Till(None, None, refusal=deadlock())
    till.seen = till.recovering()
    assert await till.pay("k", "....") == "new k 4 5"


def test_a_service_refuses_as_its_finder_too_and_a_finder_gets_no_pin() -> None:
    till = Till()
    assert refused_by(till.pay) == {BadAmount, Busy, KeyConflict}
    assert (finder_of(till.pay), finder_of(save)) == (till.find, None)

    async def nosy(key: str, pin: str) -> None: ...

    async def strange(number: str) -> None: ...

    for finder in (nosy, strange):
        with pytest.raises(TypeError, match="which it gets from no request"):
            repeats(finder)(till.pay)
