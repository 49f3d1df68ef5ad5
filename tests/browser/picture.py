"""Takes the README's picture of the simulator: `python -m tests.browser.picture http://127.0.0.1:8000`."""

import sys
from pathlib import Path

from playwright.sync_api import expect

from gateway import simulator
from tests.browser.chromium import chromium
from tests.browser.handset import BARAKA, SMS_MILLISECONDS, Handset

PICTURE = Path(simulator.__file__).parent / "picture.png"


def main() -> None:
    """Sends a little money by SMS, so that there is a conversation to see, and takes the picture with the menu open."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.browser.picture URL-OF-A-RUNNING-SERVICE")
    with chromium() as browser:
        handset = Handset(browser, sys.argv[1], viewport={"width": 1100, "height": 760})
        expect(handset.newest).to_be_visible()
        handset.text(f"SEND 500 {BARAKA}")
        handset.newest.get_by_role("button").click(timeout=SMS_MILLISECONDS)
        handset.page.keyboard.press("Enter")
        expect(handset.messages.get_by_text("KES 500 sent")).to_be_visible(timeout=SMS_MILLISECONDS)
        expect(handset.page.locator("#messages .fresh")).to_be_visible(timeout=SMS_MILLISECONDS)
        handset.dial_service()
        handset.page.mouse.move(1, 1)  # so that no button looks hovered over
        handset.page.screenshot(path=PICTURE)
        handset.close()
    print(PICTURE)


if __name__ == "__main__":
    main()
