"""Every way in which the service says no is said in every channel and language."""

import string
from collections.abc import Mapping, Sequence

import pytest

from api.problems import STATUS_OF_CODE
from core import errors, septets
from core.errors import Refusal, refusals
from core.i18n import LANGUAGES
from core.septets import SCREEN_SEPTETS
from menus.dsl import LONGEST
from menus.lint import Catalogues, catalogues

EVERY = pytest.mark.parametrize("refusal", refusals(), ids=lambda refusal: refusal.code)


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


def unmatched(codes: Sequence[str], statuses: Mapping[str, int]) -> list[str]:
    """Codes without a status, statuses without a code, and statuses that say no refusal."""
    return [
        *(f"{code} has no status" for code in codes if code not in statuses),
        *(f"{code} is no refusal" for code in statuses if code not in codes),
        *(f"{code} is {status}" for code, status in statuses.items() if status not in range(400, 500) and status != 503),
    ]


@EVERY
def test_a_refused_customer_is_told_why_in_her_language(refusal: type[Refusal]) -> None:
    assert unsaid(refusal.sentence, catalogues()) == []


def test_no_two_refusals_share_a_code() -> None:
    codes = [refusal.code for refusal in refusals()]
    assert twice(codes) == set()
    assert all(code == code.lower() and code.isascii() and code.replace("_", "").isalnum() for code in codes)


def test_no_two_refusals_say_the_same() -> None:
    assert twice([refusal.sentence for refusal in refusals()]) == set()


def test_every_refusal_has_a_status_of_its_own_in_the_rest_api() -> None:
    assert unmatched([refusal.code for refusal in refusals()], STATUS_OF_CODE) == []


def test_no_refusal_hides_below_another() -> None:
    assert [refusal for refusal in refusals() if refusal.__subclasses__()] == []


def test_the_tree_in_the_docstring_names_every_refusal() -> None:
    drawn = set((errors.__doc__ or "").split())
    assert [refusal.__name__ for refusal in refusals() if refusal.__name__ not in drawn] == []


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


@pytest.mark.parametrize("statuses", [{}, {"busy": 503, "gone": 404}, {"busy": 200}, {"busy": 500}])
def test_the_rule_finds_a_code_without_its_status(statuses: dict[str, int]) -> None:
    assert unmatched(["busy"], statuses)
    assert unmatched(["busy"], {"busy": 503}) == []


def test_the_rule_finds_a_code_that_is_there_twice() -> None:
    assert twice(["busy", "bad_pin", "busy"]) == {"busy"}
