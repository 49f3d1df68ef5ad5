"""Phone numbers (MSISDNs): people write them in many ways, E.164 comes out."""

import re
from functools import lru_cache

import phonenumbers

from core.errors import BadPhone
from core.refusing import refuses

_MOST_CHARACTERS = 24
_WRITTEN = re.compile(r"(?:\+|00)?\(?[0-9][0-9 ().-]*")
_MOBILE = frozenset({phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE})


@refuses(BadPhone)
def parse(text: str, country: str) -> str:
    """E.164 (`+254722000111`) of a mobile number, written in any way usual in `country` (ISO 3166: `KE`).

    Takes `0722000111`, `722000111`, `254722000111`, `+254722000111`, with spaces and dashes too.
    """
    if len(text) > _MOST_CHARACTERS:
        raise BadPhone
    number = _parse(text, country)
    if number is None:
        raise BadPhone
    return number


@refuses(parse)
def parse_at_home(text: str, country: str) -> str:
    """`parse`, of a number of this country only: what is shown of another's (`national`) would be somebody else's here."""
    number = parse(text, country)
    if _country(number) != country:
        raise BadPhone
    return number


@lru_cache(maxsize=10_000)
def _parse(text: str, country: str) -> str | None:
    # The library forgives letters and stars; a payment should not.
    if not _WRITTEN.fullmatch(text.strip()):
        return None
    try:
        number = phonenumbers.parse(re.sub("^00", "+", text.strip()), country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number) or phonenumbers.number_type(number) not in _MOBILE:
        return None
    # It also passes over noughts and codes in front of a number, which may have been part of another.
    before = re.sub("[^0-9]", "", text).removesuffix(str(number.national_number))
    if re.fullmatch(rf"0?|(?:00)?{number.country_code}0?", before) is None:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@lru_cache(maxsize=10_000)
def _country(number: str) -> str | None:
    return phonenumbers.region_code_for_number(phonenumbers.parse(number, None))


def national(phone: str) -> str:
    """How the number's owner says it at home: `+254722000111` becomes `0722000111`."""
    number = phonenumbers.parse(phone, None)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL).replace(" ", "")
