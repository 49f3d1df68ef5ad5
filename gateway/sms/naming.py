"""The name in an SMS that asks to join."""

import re

_BEFORE = re.compile(r"(?:my (?:full )?names? (?:is|are)|i am|i'm|jina langu (?:kamili )?ni|mimi ni|naitwa) ", re.IGNORECASE)
_POLITE = re.compile("please|pls|plz|plis|kindly|tafadhali", re.IGNORECASE)
# What people write where they mean that they want to join, and give no name.
_NOBODY = re.compile(
    "us|me|now|today|again|jasho|sms|free|here|to|in|up|the|this|your|you|i|we|want|service|group|team|thanks?|asante|sana|sasa|sisi|"
    "mimi|nataka|naomba|kujiunga|hapa|na|and|ok|okay|yes|ndiyo|name|jina",
    re.IGNORECASE,
)


def name_in(words: str) -> str:
    """The words without what is said around a name; empty where they name nobody: `us`, `please`, `jasho now`."""
    polite = _POLITE.fullmatch
    names = _BEFORE.sub("", words).split()
    while names and polite(names[-1]):
        names.pop()
    while names and polite(names[0]):
        names.pop(0)
    return "" if all(map(_NOBODY.fullmatch, names)) else " ".join(names)
