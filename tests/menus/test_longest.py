"""The lint proves texts with the longest values that the service accepts, so none may come longer."""

import phonenumbers
import pytest
from phonenumbers import PhoneMetadata

from core import inventory, phones, septets, settings
from core.agents import directory
from core.countries import COUNTRIES
from core.customers import profiles
from core.insurance import claims
from core.jobs import market
from core.savings import opening
from core.settings import BadSettings
from menus.engine.dsl import LONGEST
from menus.lint import lint


def test_no_text_that_customers_type_is_longer_than_the_lint_thinks() -> None:
    longest = {
        "name": max(profiles.MOST_NAME_CHARACTERS, directory.MOST_NAME_CHARACTERS),
        "recipient": profiles.MOST_NAME_CHARACTERS,
        "place": max(market.MOST_PLACE_CHARACTERS, directory.MOST_PLACE_CHARACTERS),
        "title": market.MOST_TITLE_CHARACTERS,
        "goal": opening._MOST_NAME_CHARACTERS,
        "why": claims.MOST_TEXT_CHARACTERS,
    }
    assert {name: septets.count(LONGEST[name]) for name in longest} == longest


def test_no_service_code_that_settings_allow_is_longer_than_the_lint_thinks() -> None:
    longest = LONGEST["service_code"]
    assert settings.read({"JASHO_SERVICE_CODE": longest}).service_code == longest
    with pytest.raises(BadSettings, match=r"JASHO_SERVICE_CODE must look like .* 16 characters at most"):
        settings.read({"JASHO_SERVICE_CODE": longest.replace("#", "0#")})


@pytest.mark.parametrize("country", COUNTRIES)
def test_no_mobile_number_of_a_country_that_is_served_is_longer_than_the_lint_thinks(country: str) -> None:
    metadata = PhoneMetadata.metadata_for_region(country)
    assert metadata is not None
    mobile = metadata.mobile
    assert mobile is not None
    for length in mobile.possible_length:
        national = int("7" + "2" * (length - 1))
        number = phonenumbers.PhoneNumber(country_code=metadata.country_code, national_number=national)
        shown = phones.national(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
        assert len(shown) <= len(LONGEST["phone"]), shown


def test_every_sms_of_every_channel_fits_one_message_at_its_longest() -> None:
    import gateway

    assert lint(sms=inventory.list_texts(gateway)) == []
