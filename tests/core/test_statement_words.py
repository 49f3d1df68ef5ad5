"""Every kind of transfer that can stand in a customer's statement has words there."""

import ast

from core.features import WORDS
from core.rail import NETWORKS
from tests.architecture.source import Source, sources

# The other customer's name stands there; or no customer's account is touched; or nothing is posted under that name.
NAMED_BY_THE_OTHER_SIDE = {"send"}
SEEN_BY_NOBODY = {"mpesa_unclaimed", "capture", "void", "expire"}
# What journals hold that were written by releases: sealed there, and read for years. A release adds to it and takes nothing away.
RELEASED = {
    *("deposit", "send", "save", "save_by_rule", "take_out", "invite", "invite_credit", "invite_return"),
    *("mpesa_in", "mpesa_out", "mpesa_unclaimed", "cash_in", "cash_out", "float_buy", "float_sell", "commission"),
    *("job_hire", "job_pay", "job_refund", "cover", "claim", "reversal", "exchange", "capture", "void", "expire"),
}


def kinds(source: Source) -> set[str]:
    """What a module assigns to KIND, KIND_PAY ..."""
    found: set[str] = set()
    for node in source.nodes():
        if isinstance(node, ast.Assign):
            names = [name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)]
            if any(name.lstrip("_") == "KIND" or name.lstrip("_").startswith("KIND_") for name in names):
                found |= {str(value.value) for value in ast.walk(node.value) if isinstance(value, ast.Constant)}
    return found


def known_kinds() -> set[str]:
    """What the ledger's users write, and what is made of the rails' kinds."""
    written = {kind for source in sources("core") for kind in kinds(source)}
    return written | {f"{network}_{way}" for network in NETWORKS for way in ("in", "out", "unclaimed")}


def renamed(known: set[str]) -> set[str]:
    """Kinds of the history that the code does not know any more."""
    return RELEASED - known


def test_no_line_of_a_statement_is_an_amount_without_a_word() -> None:
    known = known_kinds()
    assert {"save", "job_pay", "mpesa_in", "send"} <= known
    assert known - WORDS.keys() - NAMED_BY_THE_OTHER_SIDE - SEEN_BY_NOBODY == set()


def test_no_kind_that_history_has_is_renamed() -> None:
    assert renamed(known_kinds() | WORDS.keys()) == set()


def test_the_rule_finds_a_kind_that_was_renamed() -> None:
    assert renamed((RELEASED - {"send"}) | {"transfer"}) == {"send"}


def test_nothing_is_excepted_that_is_no_kind_any_more() -> None:
    assert (NAMED_BY_THE_OTHER_SIDE | SEEN_BY_NOBODY) - known_kinds() == set()
