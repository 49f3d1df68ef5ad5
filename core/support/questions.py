"""Answers a question in a customer's own words, by the rule with the highest score of her words.

A question is neither stored nor logged: it may hold a PIN.
"""

import re
import unicodedata
from collections.abc import Collection
from functools import cache

from core.errors import BadText
from core.i18n import translate
from core.rail import Ability, list_abilities
from core.refusing import refuses
from core.runtime import Runtime
from core.support.answers import COMMON, NEVER_WRITE_PIN, RULES, UNKNOWN

# A question is a line on a phone. Words after these are not read.
_MOST_WORDS = 30
# Shorter words are too much alike.
_LEAST_STEM_LETTERS = 4
_LEAST_LETTERS_MISSPELT = 5
# A word's score for its rule. Where several rules have the word they share its score.
_WEIGHT_ABOUT, _WEIGHT_BESIDE = 60, 20
# A question with a known word or two that are only `beside` is not understood.
_LEAST_SCORE = 30
_COMMON = frozenset(COMMON.split())


@refuses(BadText)
async def answer(runtime: Runtime, question: str, language: str) -> str:
    """The answer in `language`; the question may be in any of our languages. BadText: it holds no word."""
    words = _words(question)
    if not words:
        raise BadText
    text = translate(_answer(words, list_abilities(runtime.rails.values())), language).format(
        service_code=runtime.settings.service_code
    )
    if "pin" in words and re.search(r"(?<!\d)\d{4}(?!\d)", question):
        text = f"{translate(NEVER_WRITE_PIN, language)}\n{text}"
    return text


def _answer(words: list[str], abilities: Collection[Ability]) -> str:
    weights = _weights()
    score = [0] * len(RULES)
    for keyword in {_find_keyword(word) for word in words} - {None}:
        for number, weight in weights[str(keyword)].items():
            score[number] += weight
    best = max(score)
    if best < _LEAST_SCORE:
        return UNKNOWN
    rule = RULES[score.index(best)]
    return rule.answer if rule.needs is None or rule.needs in abilities else rule.answer_without


def _words(question: str) -> list[str]:
    bare = "".join(part for part in unicodedata.normalize("NFKD", question.casefold()) if not unicodedata.combining(part))
    return re.findall(r"[a-z]+", bare.replace("'", "").replace("-", ""))[:_MOST_WORDS]


def _find_keyword(word: str) -> str | None:
    """The word of a rule that `word` is, contains or misspells."""
    keywords = _weights()
    if word in keywords or word in _COMMON:
        return word if word in keywords else None
    stems = [keyword for keyword in keywords if len(keyword) >= _LEAST_STEM_LETTERS and keyword in word]
    if stems:
        return max(stems, key=len)
    if len(word) < _LEAST_LETTERS_MISSPELT:
        return None
    return next((keyword for keyword in keywords if _is_misspelt(word, keyword)), None)


def _is_misspelt(word: str, keyword: str) -> bool:
    """Is one letter added, missing or wrong, or have two neighbours changed places?"""
    start = _count_alike(word, keyword)
    end = _count_alike(word[start:][::-1], keyword[start:][::-1])
    typed, meant = word[start : len(word) - end], keyword[start : len(keyword) - end]
    return (len(typed) <= 1 and len(meant) <= 1) or (len(typed) == 2 and typed == meant[::-1])


def _count_alike(word: str, keyword: str) -> int:
    """How many letters at the start are the same."""
    pairs = enumerate(zip(word, keyword, strict=False))
    return next((number for number, (typed, meant) in pairs if typed != meant), min(len(word), len(keyword)))


@cache
def _weights() -> dict[str, dict[int, int]]:
    """The scores of each word, by the number of the rule."""
    weights: dict[str, dict[int, int]] = {}
    for part, weight in (("beside", _WEIGHT_BESIDE), ("about", _WEIGHT_ABOUT)):
        rules_of: dict[str, list[int]] = {}
        for number, rule in enumerate(RULES):
            for word in set(getattr(rule, part).split()):
                rules_of.setdefault(word, []).append(number)
        for word, numbers in rules_of.items():
            weights.setdefault(word, {}).update(dict.fromkeys(numbers, weight // len(numbers)))
    return weights
