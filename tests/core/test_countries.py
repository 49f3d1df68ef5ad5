"""A country in the table is one whose customers can be served: every fact about it leads somewhere."""

import phonenumbers
import pytest

from core.countries import COUNTRIES, CURRENCIES, Country
from core.i18n import LANGUAGES
from core.rail import NETWORKS


@pytest.mark.parametrize(("code", "country"), COUNTRIES.items())
def test_a_country_has_a_currency_languages_and_a_network_that_there_are(code: str, country: Country) -> None:
    assert country.currency in CURRENCIES
    assert set(country.languages) <= set(LANGUAGES)
    assert country.network in NETWORKS
    example = phonenumbers.example_number_for_type(code, phonenumbers.PhoneNumberType.MOBILE)
    assert example is not None
    national = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.NATIONAL)
    assert len(national.replace(" ", "")) == country.phone_digits
