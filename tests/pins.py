"""Every PIN that a test types. After the suite, `tests/after` looks for each of them in logs, databases and Redis."""

import re

RIGHT = "4826"
NEW = "7305"
WRONG = "9164"
OTHER_WRONG = "3948"

ALL = (RIGHT, NEW, WRONG, OTHER_WRONG)

# A PIN standing by itself, or behind an encoded star: not four digits in the middle of a longer number.
_PIN = re.compile(rb"(?:(?<![0-9A-Za-z.])|%2[aA])(?:" + "|".join(ALL).encode() + rb")(?![0-9A-Za-z])")
_UUID = re.compile(rb"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")


def found_in(data: bytes) -> list[bytes]:
    """Every PIN in the data, with what stands around it. A group of a UUID may be the same four digits, and is none."""
    data = _UUID.sub(b"", data)
    return [data[max(0, match.start() - 60) : match.end() + 20] for match in _PIN.finditer(data)]
