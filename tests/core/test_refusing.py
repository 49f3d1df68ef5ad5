"""A service refuses only as it has declared; where it does not, tests fail and customers are told all the same."""

import pytest
from structlog.testing import capture_logs

from core import refusing
from core.errors import BadAmount, BadText, Busy, Refusal
from core.refusing import Undeclared, refused_by, refuses


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
