"""What M-Pesa asks on the simulated phone, in a real browser, against a whole service with its worker."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests import pins
from tests.browser.chromium import EXECUTABLE
from tests.browser.handset import BARAKA, SMS_MILLISECONDS, Handset

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(EXECUTABLE is None, reason="no Chromium here: install chromium or google-chrome to run this"),
]

Open = Callable[..., Handset]
ANSWERS = "**/simulator/prompts/*"
# What Asha has is counted by other tests.
NJERI = "0733000003"


def deposit(handset: Handset, units: int) -> None:
    """Asks for a deposit by the menu."""
    handset.be(NJERI)
    handset.dial_service()
    for typed in ("2", "1", str(units)):
        handset.type(typed)
    handset.expect_mode("ended")


def prompt(handset: Handset) -> Locator:
    """The question over the phone's screen, once it has come."""
    shown = handset.page.get_by_role("alertdialog", name="M-Pesa")
    expect(shown).to_be_visible(timeout=SMS_MILLISECONDS)
    return shown


def test_a_deposit_is_paid_on_the_prompt_by_keyboard_and_an_sms_confirms_it(pick_up: Open) -> None:
    handset = pick_up()
    deposit(handset, 500)
    shown = prompt(handset)
    expect(shown).to_have_accessible_description("Pay KES 500 to Jasho?")
    expect(shown).to_be_focused()
    handset.page.keyboard.press("Enter")  # meant for the screen before: it pays nothing
    handset.page.keyboard.type("1")
    expect(shown).to_be_visible()
    handset.page.keyboard.press("Tab")
    expect(handset.key("Pay")).to_be_focused()
    handset.page.keyboard.press("Enter")
    expect(shown).to_be_hidden()
    sms = handset.newest
    expect(sms).to_contain_text("You received KES 500 from your M-Pesa", timeout=SMS_MILLISECONDS)
    expect(handset.key("OK")).to_be_focused()


def test_a_cancelled_prompt_pays_nothing_and_says_so(pick_up: Open) -> None:
    handset = pick_up()
    deposit(handset, 350)
    shown = prompt(handset)
    handset.key("Red key: end").click()
    expect(shown).to_be_hidden()
    expect(handset.newest).to_contain_text("KES 350 from M-Pesa was not paid", timeout=SMS_MILLISECONDS)


def test_money_that_is_paid_out_is_accepted_on_the_prompt_in_swahili(pick_up: Open) -> None:
    handset = pick_up()
    handset.key("Kiswahili").click()
    handset.be(BARAKA)
    handset.dial_service()
    for typed in ("3", "2", "200", pins.RIGHT):
        handset.type(typed)
    shown = prompt(handset)
    expect(shown).to_have_accessible_description("Jasho inakulipa KES 200")
    expect(handset.key("Kataa")).to_be_visible()
    handset.key("Pokea").click()
    expect(shown).to_be_hidden()
    expect(handset.newest).to_contain_text("KES 200 imelipwa kwa M-Pesa yako", timeout=SMS_MILLISECONDS)


def test_a_prompt_waits_until_the_session_is_over_and_stays_with_its_phone(pick_up: Open) -> None:
    handset, other = pick_up(), pick_up()
    handset.be(NJERI)
    handset.dial_service()
    handset.type("2")
    deposit(other, 275)
    shown = prompt(other)
    with handset.page.expect_response("**/simulator/prompts?*"):
        pass  # the phone in its session has heard of it too
    expect(handset.page.locator("#prompt")).to_be_hidden()
    handset.page.keyboard.press("Escape")
    prompt(handset)
    handset.be(BARAKA)
    expect(handset.page.locator("#prompt")).to_be_hidden()
    other.key("Cancel").click()
    expect(shown).to_be_hidden()
    handset.be(NJERI)
    expect(handset.page.locator("#prompt")).to_be_hidden()


def test_an_answer_that_does_not_arrive_can_be_given_again(pick_up: Open) -> None:
    handset = pick_up()
    deposit(handset, 125)
    shown = prompt(handset)
    handset.page.route(ANSWERS, lambda route: route.abort())
    handset.key("Green key: dial and send").click()
    expect(shown.get_by_role("alert")).to_have_text("The service does not answer. Is it running?")
    handset.page.unroute(ANSWERS)
    handset.key("Pay").click()
    expect(shown).to_be_hidden()
    expect(handset.newest).to_contain_text("You received KES 125", timeout=SMS_MILLISECONDS)


def test_a_prompt_on_a_small_touch_screen_has_buttons_for_thumbs(pick_up: Open) -> None:
    handset = pick_up(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    deposit(handset, 999)
    shown = prompt(handset)
    for name in ("Pay", "Cancel"):
        box = shown.get_by_role("button", name=name).bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 44
    shown.get_by_role("button", name="Cancel").tap()
    expect(shown).to_be_hidden()
