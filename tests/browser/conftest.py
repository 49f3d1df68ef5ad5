"""One browser for all the tests of a module, a tab of its own for each."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import chromium
from tests.browser.handset import Handset
from tests.conftest import forget_sessions


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def pick_up(browser: Browser, service_url: str, redis_url: str) -> Iterator[Callable[..., Handset]]:
    """Opens the simulator, with options of a browser's window where a test wants others."""
    forget_sessions(redis_url)  # nothing that another test has left is offered again
    opened: list[Handset] = []

    def pick_up(**options: Any) -> Handset:
        opened.append(Handset(browser, service_url, **options))
        return opened[-1]

    yield pick_up
    for handset in opened:
        handset.close()
