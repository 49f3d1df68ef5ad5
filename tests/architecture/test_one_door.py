"""What comes from outside comes in by one door: the environment by settings.py, the time by clock.py."""

import ast
import re

import pytest

from tests.architecture.source import PACKAGES, Source, dotted, findings, sources

SETTINGS, CLOCK = "core/settings.py", "core/clock.py"
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
DOTENV = {"dotenv_values", "load_dotenv", "find_dotenv"}
TIME = {"time", "time_ns", "localtime", "gmtime", "ctime", "strftime"}
NOW = {"now", "utcnow", "today", "current_timestamp", "localtimestamp"}
SQL_NOW = re.compile(
    r"\b(now|clock_timestamp|statement_timestamp|transaction_timestamp)\(|\bcurrent_(timestamp|date|time)\b", re.IGNORECASE
)

# How long something takes is no time of day: a test waits for it.
SQL_WAIT = "v_until"


def environment(source: Source) -> list[str]:
    """Every look at the environment, or at a .env file."""
    found = []
    for node in source.nodes():
        if isinstance(node, ast.Attribute) and dotted(node) in {f"os.{name}" for name in ENVIRONMENT}:
            found.append(source.at(node, dotted(node)))
        elif isinstance(node, ast.ImportFrom) and node.module in ("os", "dotenv"):
            taken = {alias.name for alias in node.names} & (ENVIRONMENT | DOTENV)
            found += [source.at(node, f"from {node.module} import {name}") for name in sorted(taken)]
        elif isinstance(node, ast.Attribute) and dotted(node) in {f"dotenv.{name}" for name in DOTENV}:
            found.append(source.at(node, dotted(node)))
    return found


def clocks(source: Source) -> list[str]:
    """Every look at a clock that tells the time of day: a test could not play it."""
    found = []
    for node in source.nodes():
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            found += [source.at(node, f"from time import {alias.name}") for alias in node.names if alias.name in TIME]
        elif isinstance(node, ast.Attribute):
            *_, owner, name = ["", *dotted(node).split(".")]
            if (owner == "time" and name in TIME) or (owner in ("datetime", "date", "func") and name in NOW):
                found.append(source.at(node, dotted(node)))
    return found


def sql_clocks(source: Source) -> list[str]:
    """Every statement that asks the database for the time."""
    bare = [re.sub(r"--.*", "", line) for line in source.text.splitlines()]
    return [
        f"{source.path}:{number} {match[0]}"
        for number, line in enumerate(bare, 1)
        if SQL_WAIT not in line and (match := SQL_NOW.search(line))
    ]


def test_a_setting_is_read_checked_and_named_in_one_place() -> None:
    assert findings(environment, [file for file in sources(*PACKAGES, "locales") if file.path != SETTINGS]) == []


def test_the_time_comes_from_one_clock() -> None:
    assert findings(clocks, [file for file in sources(*PACKAGES, "locales") if file.path != CLOCK]) == []
    assert findings(sql_clocks, sources("core", ending=".sql")) == []


def test_the_doors_are_where_the_rules_think() -> None:
    assert {finding.split()[0].split(":")[0] for finding in findings(environment, sources("core"))} == {SETTINGS}
    assert {finding.split()[0].split(":")[0] for finding in findings(clocks, sources("core"))} == {CLOCK}


@pytest.mark.parametrize(
    "text",
    [
        "import os\nurl = os.environ['JASHO_REDIS_URL']",
        "import os\nurl = os.getenv('JASHO_REDIS_URL')",
        "import os\nurl = os.environ.get('JASHO_REDIS_URL', '')",
        "from os import environ",
        "from os import path, getenv as read",
        "from dotenv import load_dotenv",
        "import dotenv\ndotenv.dotenv_values()",
    ],
)
def test_the_rule_finds_a_look_at_the_environment(text: str) -> None:
    assert environment(Source("gateway/app.py", text))


@pytest.mark.parametrize("text", ["import os\nos.cpu_count()", "environment = {}", "from os import urandom", "request.environ"])
def test_the_rule_lets_the_rest_of_the_system_be(text: str) -> None:
    assert environment(Source("gateway/app.py", text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "datetime.now(UTC)",
        "datetime.datetime.now()",
        "datetime.utcnow()",
        "date.today()",
        "datetime.date.today()",
        "time.time()",
        "time.time_ns()",
        "from time import time",
        "from time import monotonic, time as now",
        "sa.func.now()",
        "column(server_default=func.current_timestamp())",
        "later = datetime.now",
    ],
)
def test_the_rule_finds_another_clock(text: str) -> None:
    assert clocks(Source("core/agents/cash.py", text))


@pytest.mark.parametrize(
    "text", ["clock.now()", "time.monotonic()", "loop.time()", "from time import monotonic", "asyncio.get_running_loop().time()"]
)
def test_the_rule_lets_our_clock_and_stopwatches_be(text: str) -> None:
    assert clocks(Source("core/agents/cash.py", text)) == []


@pytest.mark.parametrize("line", ["SELECT now();", "created_at = CURRENT_TIMESTAMP", "v_at := clock_timestamp();"])
def test_the_rule_finds_the_databases_clock(line: str) -> None:
    assert sql_clocks(Source("core/ledger/post.sql", line))


@pytest.mark.parametrize("line", ["v_at := p_at; -- never now()", "known(1)", "IF clock_timestamp() > v_until THEN"])
def test_the_rule_lets_a_comment_about_the_time_be(line: str) -> None:
    assert sql_clocks(Source("core/ledger/post.sql", line)) == []
