"""Every way in which the service says no is said in every channel and language."""

import string
from collections.abc import Iterable, Mapping, Sequence

import pytest

from api.problems import STATUS_OF_KIND
from core import septets
from core.errors import Busy, Kind, Refusal
from core.i18n import LANGUAGES
from core.inventory import list_refusals
from core.septets import SCREEN_SEPTETS
from menus.engine.dsl import LONGEST
from menus.lint import Catalogues, catalogues

EVERY = pytest.mark.parametrize("refusal", list_refusals(), ids=lambda refusal: refusal.code)


def unsaid(sentence: str, texts: Catalogues) -> list[str]:
    """What is wrong with a sentence, in any language."""
    if not sentence.strip():
        return ["it is empty"]
    found = []
    for language in LANGUAGES:
        said = sentence if language == "en" else texts.get(language, {}).get(sentence, "")
        if not said.strip():
            found.append(f"{language}: not translated")
        elif placeholders(said) != placeholders(sentence):
            found.append(f"{language}: other placeholders")
        elif strange := septets.foreign(said):
            found.append(f"{language}: {strange!r} is no character of a phone")
        elif unknown := placeholders(said) - LONGEST.keys():
            found.append(f"{language}: nobody knows how long {unknown} can be")
        elif septets.count(said.format_map(LONGEST)) > SCREEN_SEPTETS:
            found.append(f"{language}: too long")
    return found


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def twice(codes: Sequence[str]) -> set[str]:
    return {code for code in codes if codes.count(code) > 1}


def unmatched(kinds: Iterable[Kind], statuses: Mapping[Kind, int]) -> list[str]:
    """Kinds without a status, and statuses that say no refusal."""
    return [
        *(f"{kind} has no status" for kind in kinds if kind not in statuses),
        *(f"{kind} is {status}" for kind, status in statuses.items() if status not in range(400, 500) and status != 503),
    ]


@EVERY
def test_a_refused_customer_is_told_why_in_her_language(refusal: type[Refusal]) -> None:
    assert unsaid(refusal.sentence, catalogues()) == []


def test_no_two_refusals_share_a_code() -> None:
    codes = [refusal.code for refusal in list_refusals()]
    assert twice(codes) == set()
    assert all(code == code.lower() and code.isascii() and code.replace("_", "").isalnum() for code in codes)


def test_no_two_refusals_say_the_same() -> None:
    assert twice([refusal.sentence for refusal in list_refusals()]) == set()


def test_every_refusal_has_a_status_in_the_rest_api_by_its_kind() -> None:
    assert unmatched([*Kind, *(refusal.kind for refusal in list_refusals())], STATUS_OF_KIND) == []


def test_no_refusal_hides_below_another() -> None:
    # Whoever has a word for Busy has it for each way of it: nothing was done, and the same may be asked again.
    assert [refusal for refusal in list_refusals() if refusal.__subclasses__()] == [Busy]


def test_a_refusal_stands_where_its_family_keeps_them() -> None:
    homes = {refusal.__module__ for refusal in list_refusals()}
    assert {home for home in homes if not home.endswith(".refusals")} == {"core.errors"}


@pytest.mark.parametrize(
    ("sentence", "swahili"),
    [
        ("", "Hapana."),
        ("  ", "Hapana."),
        ("No.", ""),
        ("You need {needed}.", "Unahitaji."),
        ("You need {needed}.", "Unahitaji {most}."),
        ("No.", "Hapana \u2022"),
        ("No, {whatever}.", "Hapana, {whatever}."),
        ("No.", "Hapana " * 30),
        ("No, {name}. " * 4, "Hapana {name}"),
    ],
)
def test_the_rule_finds_a_sentence_that_somebody_cannot_read(sentence: str, swahili: str) -> None:
    assert unsaid(sentence, {"sw": {sentence: swahili}})


def test_the_rule_lets_a_translated_sentence_be() -> None:
    assert unsaid("You need {needed}.", {"sw": {"You need {needed}.": "Unahitaji {needed}."}}) == []


@pytest.mark.parametrize("statuses", [{}, {Kind.OVER: 409}, {Kind.AWAY: 200}, {Kind.AWAY: 500}])
def test_the_rule_finds_a_kind_without_its_status(statuses: dict[Kind, int]) -> None:
    assert unmatched([Kind.AWAY], statuses)
    assert unmatched([Kind.AWAY], {Kind.AWAY: 503}) == []


def test_the_rule_finds_a_code_that_is_there_twice() -> None:
    assert twice(["busy", "bad_pin", "busy"]) == {"busy"}
