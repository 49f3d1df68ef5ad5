"""Books to crash: a bank in a database of the shared servers, or in servers that only one test has."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

from gateway.local import Servers
from tests import databases
from tests.conftest import FOLDER, LOGS
from tests.crash import bank


@pytest.fixture
def bank_url(servers: Servers, template: str) -> Iterator[str]:
    """A bank of its own for each test. Proved by the test itself, so dropped after it: it is large."""
    url = databases.copy(servers.database_url, template)
    asyncio.run(bank.open_accounts(url))
    yield url
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        name = str(conninfo_to_dict(url)["dbname"])
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@pytest.fixture
def own_folder() -> Iterator[Path]:
    """A place for servers that a test starts for itself. Their logs stay."""
    folder = FOLDER / uuid4().hex[:8]
    folder.mkdir(parents=True)
    yield folder
    for log in folder.rglob("server.log"):
        shutil.copyfile(log, LOGS / f"{folder.name}-{log.parent.name}.log")
    shutil.rmtree(folder)
