"""Books to crash: a bank in a database of the shared servers, or in servers that only one test has."""

import asyncio
from collections.abc import Iterator

import pytest

from gateway.cli.embedded import Servers
from tests import databases
from tests.crash import bank


@pytest.fixture
def bank_url(servers: Servers, template: str) -> Iterator[str]:
    """A bank of its own for each test. Proved by the test itself, so dropped after it: it is large."""
    url = databases.copy(servers.database_url, template)
    asyncio.run(bank.open_accounts(url))
    yield url
    databases.drop(url)
