"""The feature phone at `/simulator`, in a real browser, against a whole service."""

import re
from collections.abc import Callable
from urllib.parse import parse_qsl

import pytest
from playwright.sync_api import Page, Request, Route, expect

from core.i18n import translate
from core.sending import texts
from menus.screens import SCREENS
from tests import pins
from tests.browser.chromium import EXECUTABLE
from tests.browser.handset import ASHA, BARAKA, CALLBACK, SMS_MILLISECONDS, Handset

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(EXECUTABLE is None, reason="no Chromium here: install chromium or google-chrome to run this"),
]

Open = Callable[..., Handset]
TEXTS = {screen.name: screen.text for screen in SCREENS}
CONNECTION_PROBLEM = "Connection problem or invalid MMI code."


def worded(message: str, language: str) -> re.Pattern[str]:
    """What a text of the service reads like in a language, whatever is filled in."""
    text = translate(message, language)
    assert language == "en" or text != message, f"not translated: {message}"
    return re.compile(".+".join(re.escape(part) for part in re.split(r"\{\w+\}", text)))


def test_balance_by_keypad(pick_up: Open) -> None:
    handset = pick_up()
    handset.press("*384*96#")
    expect(handset.entry).to_have_value("*384*96#")
    handset.key("Green key: dial and send").click()
    handset.expect_question()
    expect(handset.screen).to_contain_text("1. Check Balance")
    handset.press("1")
    handset.key("Send").click()
    expect(handset.screen).to_have_text(re.compile(r"^Your balance is KES 1\d,\d{3}\.\nReply 0 for menu\.$"))


def test_send_by_keyboard(pick_up: Open) -> None:
    handset = pick_up()
    expect(handset.entry).to_be_focused()
    handset.type("*384*96#")
    for typed in ("4", BARAKA, "500", pins.RIGHT):
        handset.type(typed)
    handset.expect_mode("ended")
    expect(handset.screen).to_have_text(worded(TEXTS["send_done"], "en"))
    expect(handset.screen).to_contain_text("KES 500 sent to Baraka Otieno")
    expect(handset.key("OK")).to_be_focused()

    sms = handset.newest
    expect(sms).to_contain_text(worded(texts.SENT, "en"), timeout=SMS_MILLISECONDS)
    expect(sms).to_contain_text("New")
    expect(handset.page.locator("#badge")).to_have_text("1")
    expect(handset.page.locator("#announcer")).to_have_text(worded(texts.SENT, "en"))
    handset.page.locator("#inbox").hover()
    expect(handset.page.locator("#badge")).to_be_hidden()

    handset.page.keyboard.press("Enter")
    handset.expect_mode("idle")
    expect(handset.entry).to_be_focused()
    kept = handset.page.evaluate("JSON.stringify([localStorage, sessionStorage, location.href])")
    assert ASHA in kept
    assert pins.RIGHT not in kept


def test_all_in_swahili(pick_up: Open) -> None:
    handset = pick_up()
    handset.key("Kiswahili").click()
    page = handset.page
    expect(page.locator("html")).to_have_attribute("lang", "sw")
    expect(page.get_by_role("heading", name="Ujumbe")).to_be_visible()
    expect(page.get_by_role("group", name="Nambari yako")).to_be_visible()
    handset.be(BARAKA)

    page.get_by_role("button", name="Piga *384*96#").click()
    handset.expect_question()
    expect(handset.screen).to_contain_text(f"1. {translate('Check Balance', 'sw')}")
    expect(handset.key("Ghairi")).to_be_visible()
    handset.press("1")
    handset.key("Tuma").click()
    expect(handset.screen).to_have_text(worded(TEXTS["balance"], "sw"))
    for typed in ("0", "4", ASHA, "150", pins.RIGHT):
        handset.type(typed)
    expect(handset.screen).to_have_text(worded(TEXTS["send_done"], "sw"))
    expect(handset.newest).to_contain_text(worded(texts.SENT, "sw"), timeout=SMS_MILLISECONDS)
    expect(handset.newest).to_contain_text("Mpya")

    page.reload()
    handset.expect_number(BARAKA)
    expect(handset.key("Ujumbe")).to_be_visible()


def test_page_says_everything_in_both_languages(pick_up: Open) -> None:
    words = pick_up().page.evaluate("async () => (await import('/simulator/words.js')).WORDS")
    assert words["en"].keys() == words["sw"].keys()
    same = {name for name, text in words["en"].items() if words["sw"][name] == text}
    assert not same
    for name, text in words["en"].items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", words["sw"][name])), name


def test_red_key_cancels(pick_up: Open) -> None:
    handset = pick_up()
    handset.dial_service()
    handset.type("4")
    handset.press("0722")
    handset.key("Red key: end").click()
    handset.expect_mode("idle")
    expect(handset.screen).to_have_text("")
    expect(handset.entry).to_have_value("")
    expect(handset.key("Cancel")).to_be_hidden()


def test_red_key_drops_the_answer_that_is_under_way(pick_up: Open) -> None:
    handset = pick_up()
    handset.hold_answers()
    handset.page.locator("#dial-service").click()
    handset.expect_mode("waiting")
    handset.page.keyboard.press("Escape")
    handset.expect_mode("idle")


def test_direct_dial(pick_up: Open) -> None:
    handset = pick_up()
    with handset.page.expect_request(CALLBACK) as request:
        handset.type(f"*384*96*4*{BARAKA}*500#")
    form = sent_form(request.value)
    assert form == {
        "sessionId": form["sessionId"],
        "phoneNumber": "+254711000001",
        "networkCode": "99999",
        "serviceCode": "*384*96#",
        "text": f"4*{BARAKA}*500",
    }
    expect(handset.screen).to_have_text(worded(TEXTS["send_pin"], "en"))
    with handset.page.expect_request(CALLBACK) as request:
        handset.type("0")
    assert sent_form(request.value) == {**form, "text": f"4*{BARAKA}*500*0"}


def test_only_the_service_can_be_dialled(pick_up: Open) -> None:
    handset = pick_up()
    handset.page.keyboard.type("*100#")
    handset.page.keyboard.press("Enter")
    expect(handset.screen).to_have_text("This phone dials service codes only, like *384*96#")
    handset.key("OK").click()
    handset.expect_mode("idle")


def test_nothing_is_sent_twice(pick_up: Open) -> None:
    handset = pick_up()
    handset.dial_service()
    held = handset.hold_answers()
    handset.page.keyboard.type("1")
    for _ in range(3):
        handset.page.keyboard.press("Enter")
    handset.key("Green key: dial and send").click()
    expect(handset.page.locator("#lcd")).to_have_attribute("aria-busy", "true")
    expect(handset.page.get_by_text("Please wait")).to_be_visible()
    assert len(held) == 1
    held[0].continue_()
    handset.expect_question()
    assert len(held) == 1


@pytest.mark.parametrize("answer", ["nothing", "an error", "nonsense"])
def test_connection_problem(pick_up: Open, answer: str) -> None:
    handset = pick_up()
    does: dict[str, Callable[[Route], None]] = {
        "nothing": lambda route: route.abort(),
        "an error": lambda route: route.fulfill(status=500, body="END broken"),
        "nonsense": lambda route: route.fulfill(body="<html>"),
    }
    handset.page.route(CALLBACK, does[answer])
    handset.page.locator("#dial-service").click()
    expect(handset.screen).to_have_text(CONNECTION_PROBLEM)
    handset.key("OK").click()
    handset.page.unroute(CALLBACK)
    handset.dial_service()


def test_any_number_may_call(pick_up: Open) -> None:
    handset = pick_up()
    page = handset.page
    page.get_by_text("Another number").click()
    field = page.get_by_label("Any mobile number")
    field.fill("12")
    page.get_by_role("button", name="Dial *384*96#").click()
    expect(page.get_by_role("alert")).to_have_text("That is not a mobile number.")
    handset.expect_mode("idle")
    field.fill("+254 700 123-456")
    page.get_by_role("button", name="Dial *384*96#").click()
    handset.expect_question()
    expect(page.get_by_text("No messages yet")).to_be_visible()
    handset.type("1")
    handset.type("Neema Achieng")
    page.reload()
    handset.expect_number("0700123456")


def test_on_a_small_touch_screen(pick_up: Open) -> None:
    handset = pick_up(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    page = handset.page
    assert overflow(page) <= 0
    page.get_by_role("button", name="Dial *384*96#").tap()
    handset.expect_question()
    expect(handset.entry).not_to_be_focused()  # or the touch keyboard would cover the phone's own
    for key in "1234567890*#":
        box = handset.key(key).bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 44
    for key in "72":
        handset.key(key).tap()
    handset.key("Clear the last character").tap()
    expect(handset.entry).to_have_value("7")
    handset.key("Send").tap()
    expect(handset.screen).not_to_contain_text("1. Check Balance")
    handset.expect_question()
    handset.entry.tap()
    expect(handset.entry).to_be_focused()
    assert overflow(page) <= 0


def sent_form(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.post_data or "", keep_blank_values=True))


def overflow(page: Page) -> int:
    """How many pixels the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
