"""The simulator's page as a test uses it: keys to press, a screen to read, an inbox."""

from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect

ASHA = "0711000001"
BARAKA = "0722000002"
CALLBACK = "**/api/ussd/africastalking/**"
SMS = "**/simulator/sms"
# The worker sends within a second or so, and the page asks every two.
SMS_MILLISECONDS = 10_000


class Handset:
    """A browser tab of its own with the simulator in it."""

    def __init__(self, browser: Browser, service_url: str, **options: Any) -> None:
        self._context: BrowserContext = browser.new_context(**{"locale": "en-KE", **options})
        self.page: Page = self._context.new_page()
        self.faults: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.goto(f"{service_url}/simulator")
        self.screen: Locator = self.page.locator("#screen-text")
        self.entry: Locator = self.page.locator("#entry")
        self.messages: Locator = self.page.locator("#messages li")
        self.newest: Locator = self.messages.last
        self.sms: Locator = self.page.locator("#sms")
        self.expect_number(ASHA)

    def close(self) -> None:
        self._context.close()
        assert not self.faults, self.faults

    def be(self, number: str) -> None:
        """Chooses one of the demo people."""
        self.page.locator(".person", has_text=number).click()
        self.expect_number(number)

    def expect_number(self, number: str) -> None:
        expect(self.page.locator("#idle-number")).to_have_text(number)

    def hold_answers(self) -> list[Route]:
        """From now on the service's answers wait for `continue_()` on what this list comes to hold."""
        held: list[Route] = []
        self.page.route(CALLBACK, lambda route: held.append(route))  # noqa: PLW0108 - a list's own method has no signature
        return held

    def key(self, name: str) -> Locator:
        """A key of the keypad, or another button by what it says."""
        return self.page.get_by_role("button", name=name, exact=True)

    def press(self, keys: str) -> None:
        """Presses keys of the phone's own keypad."""
        for key in keys:
            self.key(key).click()

    def dial_service(self) -> None:
        """Presses the page's one big button."""
        self.page.locator("#dial-service").click()
        self.expect_question()

    def type(self, text: str) -> None:
        """Answers on the computer's keyboard, and waits until the service has answered in turn."""
        self.page.keyboard.type(text)
        with self.page.expect_response(CALLBACK):
            self.page.keyboard.press("Enter")
        self.expect_answered()

    def text(self, message: str) -> None:
        """Writes an SMS on the computer's keyboard, sends it, and waits until the service has taken it."""
        self.sms.fill(message)
        with self.page.expect_response(SMS):
            self.page.keyboard.press("Enter")
        expect(self.sms).to_have_value("")

    def expect_question(self) -> None:
        self.expect_mode("asking")

    def expect_answered(self) -> None:
        expect(self.page.locator("#lcd")).to_have_attribute("aria-busy", "false")

    def expect_mode(self, mode: str) -> None:
        expect(self.page.locator("#lcd")).to_have_attribute("data-mode", mode)
