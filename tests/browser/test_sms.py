"""SMS written on the simulated phone, and what comes back, in a real browser, against a whole service with its worker."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Request, Route, expect

from core import septets
from tests import pins
from tests.browser.chromium import EXECUTABLE
from tests.browser.handset import ASHA, BARAKA, SMS, SMS_MILLISECONDS, Handset

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(EXECUTABLE is None, reason="no Chromium here: install chromium or google-chrome to run this"),
]

Open = Callable[..., Handset]
NJERI = "0733000003"
NOT_SENT = "The SMS was not sent. Your text is still here: please try again."
SMALL = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


def expect_answer(handset: Handset, words: str | re.Pattern[str]) -> None:
    expect(handset.newest).to_contain_text("JASHO", timeout=SMS_MILLISECONDS)
    expect(handset.newest).to_contain_text(words)


def box(shown: Locator) -> tuple[float, float, float, float]:
    """Left, top, right and bottom."""
    found = shown.bounding_box()
    assert found is not None
    return found["x"], found["y"], found["x"] + found["width"], found["y"] + found["height"]


def test_a_balance_is_asked_for_and_answered_below_the_question(pick_up: Open) -> None:
    handset = pick_up()
    handset.page.get_by_label("SMS to Jasho").click()
    handset.page.keyboard.type("bal")
    expect(handset.sms).to_have_accessible_description("3/160")
    expect(handset.entry).to_have_value("")
    handset.page.get_by_role("button", name="Send SMS").click()
    expect_answer(handset, re.compile(r"Your balance is KES [\d,]+\."))
    sent = handset.messages.nth(-2)
    expect(sent).to_contain_text("You")
    expect(sent.locator("p")).to_have_text("bal")
    assert box(sent)[0] > box(handset.newest)[0]
    assert box(sent)[3] < box(handset.newest)[1]
    assert box(handset.newest)[3] < box(handset.sms)[1]
    handset.page.reload()
    expect_answer(handset, "Your balance is")
    expect(handset.messages.nth(-2).locator("p")).to_have_text("bal")


def test_money_is_sent_with_the_code_of_the_answer_and_both_phones_are_told(pick_up: Open) -> None:
    handset, other = pick_up(), pick_up()
    other.be(BARAKA)
    handset.text(f"SEND 500 {BARAKA}")
    expect_answer(handset, "Send KES 500 to Baraka Otieno")
    code = handset.newest.get_by_role("button", name=re.compile(r"^Write OK \d{4}$"))
    answer = code.inner_text()
    posts: list[Request] = []
    handset.page.on("request", lambda request: posts.append(request) if request.method == "POST" else None)
    code.click()
    expect(handset.sms).to_be_focused()
    with handset.page.expect_response("**/simulator/inbox?*"):
        pass  # time enough to have sent it
    expect(handset.sms).to_have_value(answer)
    assert not posts  # it is the owner who sends it
    handset.page.keyboard.press("Enter")
    expect(handset.page.locator("#messages .sent").last.locator("p")).to_have_text(answer)
    expect_answer(handset, "KES 500 sent to Baraka Otieno")
    expect(code).to_have_count(0)
    expect(handset.sms).to_have_value("")
    expect(other.newest).to_contain_text("Umepokea KES 500 kutoka kwa Asha Wanjiku", timeout=SMS_MILLISECONDS)
    expect(handset.page.locator("#announcer")).to_contain_text("KES 500 sent to Baraka Otieno")


def test_a_code_is_offered_once_and_a_newer_one_takes_its_place(pick_up: Open) -> None:
    handset = pick_up()
    codes = handset.page.get_by_role("button", name=re.compile(r"^Write OK \d{4}$"))
    for amount in ("KES 60", "KES 70"):
        handset.text(f"SEND {amount} {BARAKA}")
        expect_answer(handset, f"Send {amount} to Baraka Otieno")
        expect(codes).to_have_count(1)
        expect(handset.newest.get_by_role("button")).to_have_count(1)
    handset.text(codes.inner_text())
    expect_answer(handset, "KES 70 sent")
    handset.page.reload()
    expect_answer(handset, "KES 70 sent")
    expect(codes).to_have_count(0)


def test_all_of_it_in_swahili(pick_up: Open) -> None:
    handset = pick_up()
    handset.key("Kiswahili").click()
    handset.be(BARAKA)
    handset.page.get_by_label("SMS kwa Jasho").fill("SALIO")
    handset.page.get_by_role("button", name="Tuma SMS").click()
    expect_answer(handset, re.compile(r"Salio lako ni KES [\d,]+\."))
    handset.text(f"TUMA 90 {ASHA}")
    expect_answer(handset, "Utume KES 90 kwa Asha Wanjiku")
    handset.newest.get_by_role("button", name=re.compile(r"^Andika SAWA \d{4}$")).click()
    expect(handset.sms).to_have_value(re.compile(r"^SAWA \d{4}$"))
    handset.page.keyboard.press("Enter")
    expect_answer(handset, "KES 90 imetumwa kwa Asha Wanjiku")
    expect(handset.page.locator("#messages .sent").last).to_contain_text("Wewe")
    handset.sms.fill("a" * 161)
    expect(handset.page.locator("#sms-count")).to_have_text("161/306, sehemu 2")


def test_a_long_text_says_how_many_parts_it_takes(pick_up: Open) -> None:
    handset = pick_up()
    count = handset.page.locator("#sms-count")
    handset.sms.fill("a" * 160)
    expect(count).to_have_text("160/160")
    handset.sms.press_sequentially("b")
    expect(count).to_have_text("161/306, 2 parts")
    expect(handset.page.locator("#announcer")).to_have_text("161/306, 2 parts")
    handset.sms.fill("Wanjikũ")
    expect(count).to_have_text("7/70")
    handset.sms.fill("[" * 81)
    expect(count).to_have_text("162/306, 2 parts")


def test_the_page_counts_parts_as_the_service_does(pick_up: Open) -> None:
    alphabet = [chr(code) for code in range(0x2FF)] + list("ΔΦΓΛΩΠΨΣΘΞ€…“🙂")
    written = [*alphabet, "", "a" * 153 * 3, "a" * 152 + "€" * 200, "🙂" * 36, "x" + "🙂" * 99, "ũ" * 70, "ũ" * 135]
    measured = pick_up().page.evaluate(
        "async (texts) => { const { measure } = await import('/simulator/septets.js'); return texts.map(measure); }", written
    )
    for text, found in zip(written, measured, strict=True):
        parts = septets.parts(text)
        assert found["parts"] == len(parts), text
        if not septets.foreign(text):
            assert found["used"] == septets.count(text), text


@pytest.mark.parametrize("trouble", ["away", "503"])
def test_a_text_that_the_service_has_not_taken_is_kept_and_can_be_sent_again(pick_up: Open, trouble: str) -> None:
    handset = pick_up()
    handset.be(NJERI)
    own = handset.page.locator("#messages .sent")
    handset.page.route(SMS, lambda route: route.abort() if trouble == "away" else route.fulfill(status=int(trouble)))
    handset.sms.fill("BAL")
    handset.page.keyboard.press("Enter")
    expect(handset.page.get_by_role("alert")).to_have_text(NOT_SENT)
    expect(handset.sms).to_have_value("BAL")
    expect(handset.sms).to_be_focused()
    expect(own).to_have_count(0)
    handset.page.unroute(SMS)
    handset.page.keyboard.press("Enter")
    expect_answer(handset, "Your balance is KES")
    expect(own).to_have_count(1)
    expect(handset.page.get_by_text(NOT_SENT)).to_be_hidden()


def test_an_sms_is_sent_once_however_often_enter_is_pressed(pick_up: Open) -> None:
    handset = pick_up()
    handset.be(NJERI)
    held: list[Route] = []
    handset.page.route(SMS, lambda route: held.append(route))  # noqa: PLW0108 - a list's own method has no signature
    handset.page.locator("#sms").fill("  ")
    handset.page.keyboard.press("Enter")
    handset.sms.fill("BAL")
    for _ in range(3):
        handset.page.keyboard.press("Enter")
    handset.page.get_by_role("button", name="Send SMS").click()
    expect(handset.page.locator("#compose")).to_have_attribute("aria-busy", "true")
    assert len(held) == 1
    held[0].continue_()
    expect(handset.sms).to_have_value("")
    expect(handset.page.locator("#messages .sent")).to_have_count(1)
    assert len(held) == 1


def test_a_pin_that_was_sent_is_kept_nowhere(pick_up: Open) -> None:
    handset = pick_up()
    handset.be(NJERI)
    spaced = " ".join(pins.RIGHT)
    for message in (f"my PIN is {pins.RIGHT}", f"pin{pins.RIGHT}", spaced):
        handset.text(message)
        expect(handset.messages.get_by_text(message, exact=True)).to_be_visible()  # what she has written is no secret to her
    expect_answer(handset, "PIN")
    kept = handset.page.evaluate("JSON.stringify([localStorage, sessionStorage, location.href])")
    assert "my PIN is ••••" in kept
    assert pins.RIGHT not in kept
    assert spaced not in kept
    handset.page.reload()
    expect(handset.messages.get_by_text("my PIN is ••••")).to_be_visible()


def test_what_was_sent_stays_with_the_phone_that_sent_it(pick_up: Open) -> None:
    handset = pick_up()
    handset.be(NJERI)
    handset.text("HELP")
    expect_answer(handset, "BAL, MINI")
    handset.be(BARAKA)
    expect(handset.newest).to_be_visible()
    expect(handset.page.locator("#messages .sent")).to_have_count(0)
    handset.be(NJERI)
    expect(handset.page.locator("#messages .sent p")).to_have_text("HELP")


def test_a_number_that_was_only_typed_sends_too_and_a_wrong_one_loses_no_text(pick_up: Open) -> None:
    handset = pick_up()
    page = handset.page
    page.get_by_text("Another number").click()
    field = page.get_by_label("Any mobile number")
    field.fill("12")
    handset.sms.fill("BAL")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("That is not a mobile number.")
    expect(handset.sms).to_have_value("BAL")
    field.fill("0700123457")
    page.get_by_role("button", name="Send SMS").click()
    expect_answer(handset, "This number has no Jasho account yet.")
    handset.expect_number("0700123457")


@pytest.mark.parametrize("options", [{}, SMALL], ids=["desktop", "360 px"])
def test_writing_an_sms_answers_no_prompt_and_covers_none(pick_up: Open, options: dict[str, object]) -> None:
    handset = pick_up(**options)
    handset.be(NJERI)
    handset.dial_service()
    for typed in ("2", "1", "310"):
        handset.entry.focus()
        handset.type(typed)
    shown = handset.page.get_by_role("alertdialog", name="M-Pesa")
    expect(shown).to_be_visible(timeout=SMS_MILLISECONDS)
    handset.text("HELP")
    handset.page.keyboard.press("Escape")
    expect_answer(handset, "BAL, MINI")
    expect(handset.sms).to_be_focused()
    expect(shown).to_be_visible()
    one, other = box(shown), box(handset.page.locator("#inbox"))
    assert one[2] <= other[0] or one[3] <= other[1]
    handset.key("Cancel").click()
    expect(shown).to_be_hidden()


def test_on_a_small_touch_screen(pick_up: Open) -> None:
    handset = pick_up(**SMALL)
    page = handset.page
    send = page.get_by_role("button", name="Send SMS")
    handset.sms.fill(f"SEND 55 {BARAKA}")
    send.tap()
    expect_answer(handset, "Send KES 55 to Baraka Otieno")
    code = handset.newest.get_by_role("button")
    handset.sms.fill("a word " * 40)
    expect(page.locator("#sms-count")).to_have_text("280/306, 2 parts")
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    for button in (send, code):
        left, top, right, bottom = box(button)
        assert min(right - left, bottom - top) >= 44
    code.tap()
    expect(handset.sms).not_to_be_focused()  # or the touch keyboard would cover the conversation
    expect(handset.sms).to_have_value(re.compile(r"^OK \d{4}$"))
    expect(send).to_be_in_viewport()
    handset.sms.fill("HELP")
    send.tap()
    expect_answer(handset, "BAL, MINI")
