"""Does somebody want no more SMS from us? Read as generously as can be, because people seldom write the bare word.

A wrong yes costs reminders, and the answer says how to have them again; receipts and codes come all the same. A wrong no leaves
somebody written to who has asked us not to.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

from core import reading

# Whoever begins with one of these means it, whatever follows: `STOP! Thank you`, `acha kunitumia ujumbe`.
_SURE = (
    "STOP",
    "STOPALL",
    "STOPSMS",
    "STOPIT",
    "STOPNOW",
    "STOPPLEASE",
    "UNSUBSCRIBE",
    "UNSUB",
    "OPTOUT",
    "ACHA",
    "ACHENI",
    "ONDOA",
)
# These also begin other sentences (`cancel my order`): beside them stands nothing but the words below.
_EVERYDAY = ("END", "CANCEL", "QUIT", "WACHA", "SITISHA", "SIMAMISHA", "NIONDOE", "NIONDOENI")
WORDS = (*_SURE, *_EVERYDAY)
# What may stand before the word (`please stop`), and behind one that ends a sentence (`I said stop sending this`).
_BESIDE = re.compile(
    "PLEASE|PLS|PLZ|PLIZ|KINDLY|HI|HELLO|HEY|DEAR|SIR|MADAM|TEAM|JUST|NOW|TODAY|AGAIN|I|WE|U|YOU|WANT|WOULD|LIKE|NEED|TO|CAN|COULD|"
    "RE|FW|FWD|REPLY|SEND|OK|OKAY|THANKS?|THX|BYE|IT|THIS|THAT|THESE|ALL|ME|MY|US|ANY|MORE|SENDING|TEXTING|MESSAGING|DISTURBING|"
    "SPAM|SPAMMING|SMS|TEXTS?|MESSAGES?|MSGS?|REMINDERS?|NOTICES|NOTIFICATIONS|ALERTS|SUBSCRIPTION|UPDATES|PROMO|PROMOTIONS|ADS|"
    "FROM|THE|YOUR|NUMBER|AND|JASHO|TAFADHALI|NAOMBA|NATAKA|HEBU|HABARI|SASA|TUMA|JIBU|SAWA|ASANTE|SANA|KUNITUMIA|KUTUMA|UJUMBE|"
    "JUMBE|MESEJI|HIZI|HII|NAMBA|YANGU|KABISA|TU"
)
# Something else than our SMS is to be stopped: `can you stop the payment`.
_OTHER_MATTER = re.compile(
    "PAY|PAYS|PAID|PAYING|PAYMENTS?|MONEY|CASH|TRANSFERS?|TRANSFERRING|TRANSACTIONS?|ORDERS?|SAVE|SAVING|SAVINGS|GOALS?|FUNDS?|LOANS?|"
    "COVERS?|INSURANCE|JOBS?|DEPOSITS?|WITHDRAW|WITHDRAWAL|REFUND|AMOUNT|MPESA|AIRTEL|KES|KSH|KSHS|BOB|SHILLINGS?|MALIPO|LIPA|KULIPA|"
    "PESA|AKIBA|KUWEKA|AGIZO|ODA|OMBI|MKOPO|BIMA|KAZI|HELA"
)
# Whose text begins with one of these, and with digits behind it, orders something.
_ORDERING = re.compile("SEND|TUMA|SAVE|WEKA|OK|OKAY|SAWA|APPLY|OMBA")
# And with one of these asks for something: what follows is its words, unless another sentence begins.
_ASKING = re.compile(
    "JOBS?|KAZI|JOIN|JIUNGE|BAL|BALANCE|SALIO|MINI|STATEMENT|TAARIFA|COVER|BIMA|LANG|LUGHA|START|UNSTOP|ANZA|LANGUAGE"
)
# Within a sentence, before the word: she wants the contrary, asks how, or means a place.
_NEGATION = re.compile("NOT|DONT|DON'T|NEVER|WONT|WON'T|DIDNT|DIDN'T|SI")
_LINK = re.compile(
    "I|YOU|U|WE|IT|TO|EVER|EVEN|WANT|WISH|LIKE|PLEASE|PLS|JUST|ME|US|LET|TELL|SAY|MEAN|HAVE|NEED|THE|A|WORD|TAFADHALI"
)
_QUESTION = re.compile("HOW|WHEN|WHY|WHERE|WHAT|JINSI|NAMNA|VIPI|LINI|WAPI")
_PLACE = re.compile("BUS|NEXT|LAST|FULL|NON|THE|A|AT|ONE|PIT|MATATU|STAGE|STENDI|MWISHO|EVERY|EACH|FIRST|UNTIL|TILL|WITHOUT")
# Who asks without any of the words, at the beginning of a sentence.
_ASKED_PLAINLY = re.compile(
    "(?:(?:PLEASE|PLS|PLZ|KINDLY|HI|HELLO|HEY|OK|TAFADHALI|NAOMBA) )*"
    "(?:(?:DO NOT|DONT|DON'T|NEVER) (?:EVER )?(?:SEND|TEXT|SMS|MESSAGE|CONTACT|WRITE|DISTURB) (?:TO )?(?:ME|US)|"
    "NO MORE (?:SMS|TEXTS?|MESSAGES?|MSGS?|REMINDERS|SPAM)|(?:REMOVE|DELETE) (?:ME|MY NUMBER)|TAKE (?:ME|MY NUMBER) OFF|"
    "[MU]SI(?:NI|TU)TUMIE(?:NI)?|SITAKI (?:UJUMBE|JUMBE|MESEJI|SMS|TEXTS?))(?: .*)?"
)
_RUN = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
# Between two words: a sentence begins, or a part of one.
_HARD, _SOFT = re.compile(r"[.!?;]"), re.compile(r"[,:()\[\]{}\"|/]|\s-+\s|--")
_LEAST_SPELT_LETTERS = 3


@dataclass(frozen=True, slots=True)
class _Word:
    """A run of letters, squeezed: `STOOOPP` is STOP. `break_before`: what parts it from the last one."""

    text: str
    squeezed: str
    break_before: str


def letters(text: str) -> list[str]:
    """The runs of letters in a text that is cleaned, in capitals; an apostrophe within a word belongs to it."""
    return [run.upper() for run in _RUN.findall(text)]


def wants_no_more(text: str) -> bool:
    """Does this cleaned text opt its sender out?"""
    words = _words(reading.without_accents(text))
    has_digits = any(map(str.isdecimal, text))
    places = (place for place, word in enumerate(words) if word.squeezed in _SQUEEZED)
    return any(_means_it(words, place, has_digits=has_digits) for place in places) or _is_asked_plainly(words)


def _is_asked_plainly(words: list[_Word]) -> bool:
    """`Do not text me`, `usinitumie ujumbe`; not `do not send me the money`."""
    starts = [place for place in range(len(words)) if place == 0 or _is_break(words[place], (_HARD,))]
    sentences = [[word.text for word in words[start:end]] for start, end in pairwise([*starts, len(words)])]
    return any(
        _ASKED_PLAINLY.fullmatch(" ".join(sentence)) and not any(map(_OTHER_MATTER.fullmatch, sentence)) for sentence in sentences
    )


def _means_it(words: list[_Word], place: int, *, has_digits: bool) -> bool:
    """Does the word at this place, which is one of WORDS, opt out?"""
    if words[place].squeezed in _SQUEEZED_EVERYDAY:
        return not has_digits and all(_BESIDE.fullmatch(word.text) for word in words[:place] + words[place + 1 :])
    if place == 0:
        return True
    if has_digits and _ORDERING.fullmatch(words[0].text):
        return False
    breaks = (_HARD,) if _ASKING.fullmatch(words[0].text) else (_HARD, _SOFT)
    begin = next((start for start in range(place, 0, -1) if _is_break(words[start], breaks)), 0)
    end = next((start for start in range(place + 1, len(words)) if _is_break(words[start], breaks)), len(words))
    before, behind = [word.text for word in words[begin:place]], [word.text for word in words[place + 1 : end]]
    if any(map(_OTHER_MATTER.fullmatch, before + behind)):
        return False
    if all(map(_BESIDE.fullmatch, before)):
        return True
    return not (begin == 0 and _ASKING.fullmatch(words[0].text)) and _ends_a_sentence(before, behind)


def _ends_a_sentence(before: list[str], behind: list[str]) -> bool:
    """`I said stop`, `not interested stop`; not `do not stop`, `bus stop`, `how do I stop`."""
    if not all(map(_BESIDE.fullmatch, behind)) or _PLACE.fullmatch(before[-1]) or any(map(_QUESTION.fullmatch, before)):
        return False
    last = next((word for word in reversed(before) if not _LINK.fullmatch(word)), "")
    return _NEGATION.fullmatch(last) is None


def _is_break(word: _Word, breaks: tuple[re.Pattern[str], ...]) -> bool:
    return any(pattern.search(word.break_before) for pattern in breaks)


def _words(text: str) -> list[_Word]:
    """The text's words, with `S T O P` and `opt out` as one."""
    runs = list(_RUN.finditer(text))
    starts = [0, *(run.end() for run in runs)][: len(runs)]
    parted = [(run[0].upper(), text[start : run.start()]) for run, start in zip(runs, starts, strict=True)]
    spelt = next((place for place, (word, _) in enumerate(parted) if len(word) > 1), len(parted))
    if spelt >= _LEAST_SPELT_LETTERS:
        parted = [("".join(word for word, _ in parted[:spelt]), parted[0][1]), *parted[spelt:]]
    for place in range(len(parted) - 1):
        if [word for word, _ in parted[place : place + 2]] == ["OPT", "OUT"]:
            parted[place : place + 2] = [("OPTOUT", parted[place][1])]
            break
    return [_Word(word, _squeezed(word), before) for word, before in parted]


def _squeezed(word: str) -> str:
    return re.sub(r"(.)\1+", r"\1", word)


_SQUEEZED = frozenset(map(_squeezed, WORDS))
_SQUEEZED_EVERYDAY = frozenset(map(_squeezed, _EVERYDAY))
