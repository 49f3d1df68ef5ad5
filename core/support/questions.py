"""Answers questions in a customer's own words, by rules: the rule that most of her words speak for.

Nothing that she wrote is kept or logged: it may hold a PIN.
"""

import re
import unicodedata
from functools import cache

from core.errors import BadText
from core.i18n import translate
from core.refusing import refuses
from core.runtime import Runtime
from core.support.answers import COMMON, NEVER_WRITE_PIN, RULES, UNKNOWN

# A question is a line on a phone; what is longer is read as far as this.
_MOST_WORDS = 30
# Shorter words are too much alike to be taken for one another.
_LEAST_STEM_LETTERS = 4
_LEAST_LETTERS_MISSPELT = 5
# What a word speaks for its rule; the more rules have it, the less it speaks for each.
_WEIGHT_ABOUT, _WEIGHT_BESIDE = 60, 20
# A question of which only a word or two beside the matter is known is not understood.
_LEAST_SCORE = 30
_COMMON = frozenset(COMMON.split())


@refuses(BadText)
async def answer(runtime: Runtime, question: str, language: str) -> str:
    """The answer in `language`, whichever of our languages was asked in. BadText: there is not a word in it."""
    words = _words(question)
    if not words:
        raise BadText
    text = translate(_answer(words), language).format(service_code=runtime.settings.service_code)
    if "pin" in words and re.search(r"(?<!\d)\d{4}(?!\d)", question):
        text = f"{translate(NEVER_WRITE_PIN, language)}\n{text}"
    return text


def _answer(words: list[str]) -> str:
    weights = _weights()
    score = [0] * len(RULES)
    for meant in {_meant(word) for word in words} - {None}:
        for number, weight in weights[str(meant)].items():
            score[number] += weight
    best = max(score)
    return RULES[score.index(best)].answer if best >= _LEAST_SCORE else UNKNOWN


def _words(question: str) -> list[str]:
    bare = "".join(part for part in unicodedata.normalize("NFKD", question.casefold()) if not unicodedata.combining(part))
    return re.findall(r"[a-z]+", bare.replace("'", "").replace("-", ""))[:_MOST_WORDS]


def _meant(word: str) -> str | None:
    """The word of a rule that this is, contains, or is a misspelling of."""
    known = _weights()
    if word in known or word in _COMMON:
        return word if word in known else None
    stems = [stem for stem in known if len(stem) >= _LEAST_STEM_LETTERS and stem in word]
    if stems:
        return max(stems, key=len)
    if len(word) < _LEAST_LETTERS_MISSPELT:
        return None
    return next((known_word for known_word in known if _is_misspelt(word, known_word)), None)


def _is_misspelt(word: str, known: str) -> bool:
    """Is one letter too many, left out or another one, or have two changed places?"""
    start = _alike(word, known)
    end = _alike(word[start:][::-1], known[start:][::-1])
    typed, meant = word[start : len(word) - end], known[start : len(known) - end]
    return (len(typed) <= 1 and len(meant) <= 1) or (len(typed) == 2 and typed == meant[::-1])


def _alike(word: str, known: str) -> int:
    """How many letters the two begin with together."""
    pairs = enumerate(zip(word, known, strict=False))
    return next((number for number, (typed, meant) in pairs if typed != meant), min(len(word), len(known)))


@cache
def _weights() -> dict[str, dict[int, int]]:
    """How much each word speaks for which rules, by their numbers."""
    weights: dict[str, dict[int, int]] = {}
    for part, weight in (("beside", _WEIGHT_BESIDE), ("about", _WEIGHT_ABOUT)):
        rules_of: dict[str, list[int]] = {}
        for number, rule in enumerate(RULES):
            for word in set(getattr(rule, part).split()):
                rules_of.setdefault(word, []).append(number)
        for word, numbers in rules_of.items():
            weights.setdefault(word, {}).update(dict.fromkeys(numbers, weight // len(numbers)))
    return weights
