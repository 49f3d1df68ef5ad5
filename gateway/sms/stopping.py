"""Does somebody want no more SMS from us? Read as generously as can be, because people seldom write the bare word.

A wrong yes costs reminders, and the answer says how to have them again; receipts and codes come all the same. A wrong no leaves
somebody written to who has asked us not to.
"""

import re

# Whoever begins with one of these means it, whatever follows: `STOP! Thank you`, `acha kunitumia ujumbe`.
_SURE = ("STOP", "STOPALL", "STOPSMS", "STOPIT", "STOPNOW", "STOPPLEASE", "UNSUBSCRIBE", "OPTOUT", "ACHA", "ONDOA")
# These also begin other sentences (`cancel my order`): beside them stands nothing but the words below.
_EVERYDAY = ("END", "CANCEL", "QUIT")
WORDS = (*_SURE, *_EVERYDAY)
# What may stand before the word (`please stop`), where all the rest is of these, too.
_BESIDE = re.compile(
    "PLEASE|PLS|PLZ|PLIZ|KINDLY|HI|HELLO|HEY|DEAR|SIR|MADAM|TEAM|JUST|NOW|TODAY|AGAIN|I|WE|U|YOU|WANT|WOULD|LIKE|NEED|TO|CAN|COULD|"
    "RE|FW|FWD|REPLY|SEND|OK|OKAY|THANKS?|THX|BYE|IT|THIS|THAT|THESE|ALL|ME|MY|US|ANY|MORE|SENDING|TEXTING|MESSAGING|DISTURBING|"
    "SPAM|SPAMMING|SMS|TEXTS?|MESSAGES?|MSGS?|REMINDERS?|NOTICES|NOTIFICATIONS|ALERTS|SUBSCRIPTION|UPDATES|PROMO|PROMOTIONS|ADS|"
    "FROM|THE|YOUR|NUMBER|AND|JASHO|TAFADHALI|NAOMBA|NATAKA|HEBU|HABARI|SASA|TUMA|JIBU|SAWA|ASANTE|SANA|KUNITUMIA|KUTUMA|UJUMBE|"
    "JUMBE|MESEJI|HIZI|HII|NAMBA|YANGU|KABISA|TU"
)
_RUN = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_LEAST_SPELT_LETTERS = 3


def letters(text: str) -> list[str]:
    """The runs of letters in a text that is cleaned, in capitals; an apostrophe within a word belongs to it."""
    return [run.upper() for run in _RUN.findall(text)]


def wants_no_more(text: str) -> bool:
    """Does this cleaned text opt its sender out?"""
    words = _joined(letters(text))
    place = next((place for place, word in enumerate(words) if _squeezed(word) in _SQUEEZED), None)
    if place is None:
        return False
    if place == 0 and _squeezed(words[0]) not in _SQUEEZED_EVERYDAY:
        return True
    others = words[:place] + words[place + 1 :]
    return not any(map(str.isdecimal, text)) and all(map(_BESIDE.fullmatch, others))


def _joined(words: list[str]) -> list[str]:
    """`S T O P` and `opt out` in one word."""
    spelt = next((place for place, word in enumerate(words) if len(word) > 1), len(words))
    if spelt >= _LEAST_SPELT_LETTERS:
        words = ["".join(words[:spelt]), *words[spelt:]]
    for place in range(len(words) - 1):
        if words[place : place + 2] == ["OPT", "OUT"]:
            return [*words[:place], "OPTOUT", *words[place + 2 :]]
    return words


def _squeezed(word: str) -> str:
    """`STOOOPP` is STOP."""
    return re.sub(r"(.)\1+", r"\1", word)


_SQUEEZED = frozenset(map(_squeezed, WORDS))
_SQUEEZED_EVERYDAY = frozenset(map(_squeezed, _EVERYDAY))
