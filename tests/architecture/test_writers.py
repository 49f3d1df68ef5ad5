"""A table has one family that writes it: whoever changes how a row is kept changes one place. Reading is free."""

import ast
import re

import pytest

from core.tables import metadata
from tests.architecture.source import PACKAGES, Source, dotted, findings, sources

WRITES = {"insert", "upsert", "update", "delete"}
# What writes in another family's table, and why.
PERMITTED = {
    ("core/migrations/__init__.py", "ledger"): "a new database starts with the service's own accounts",
}
# What a family writes in its own table by a statement of its own.
SQL_IN_PYTHON = {("core/messaging/outbox.py", "outbox"), ("core/messaging/outbox.py", "sms_attempt")}
# The ledger's function writes receipts into the outbox, in the transaction of the transfer that they tell about.
SQL_PERMITTED = {("core/ledger/post.sql", "outbox")}


def family(path: str) -> str:
    """`jobs` of core/jobs/hiring.py, `orders` of core/orders/sms_orders.py."""
    parts = path.removesuffix(".py").split("/")
    return parts[1] if parts[0] == "core" and len(parts) > 1 else parts[0]


def strange_writers(source: Source) -> list[str]:
    """Every insert, update or delete of a table that another family's file in core/tables describes."""
    homes = tables(source)
    found = []
    for node in source.nodes():
        if isinstance(node, ast.Call) and (table := written_table(node)):
            home = homes.get(table)
            if home is not None and home != family(source.path) and (source.path, home) not in PERMITTED:
                found.append(source.at(node, f"writes in a table of {home}"))
    return found


def written_table(call: ast.Call) -> str:
    """`job` of update(job) and of job.update(); empty for any other call."""
    if dotted(call.func) in WRITES and call.args:
        return dotted(call.args[0])
    owner, _, method = dotted(call.func).rpartition(".")
    return owner if method in WRITES else ""


def tables(source: Source) -> dict[str, str]:
    """The tables that a file knows, by what it calls them, and whose they are."""
    return {
        alias.asname or alias.name: node.module.rpartition(".")[2]
        for node in source.nodes()
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("core.tables.")
        for alias in node.names
    }


def written_by_sql(source: Source) -> set[tuple[str, str]]:
    return {(source.path, name) for name in re.findall(r"(?:INSERT INTO|UPDATE(?! OF)|DELETE FROM) (\w+)", source.text)}


def test_a_table_has_one_family_that_writes_it() -> None:
    assert findings(strange_writers, sources(*PACKAGES)) == []


def test_the_ledgers_sql_writes_its_own_tables_and_receipts() -> None:
    own = {"account", "transfer", "posting", "hold_leg", "open_hold", "seal", "ledger_era"}
    written = set().union(*(written_by_sql(file) for file in sources("core/ledger", ending=".sql")))
    assert {(path, table) for path, table in written if table not in own} == SQL_PERMITTED


def test_no_python_writes_a_table_by_a_statement_of_its_own() -> None:
    """But for the outbox, which knows its own; what `ledger_post` and its kin are asked is no statement that writes."""
    written = {
        (file.path, name) for file in sources(*PACKAGES) if "/versions/" not in file.path for _, name in written_by_sql(file)
    }
    assert {(path, name) for path, name in written if name in {table.name for table in metadata.sorted_tables}} == SQL_IN_PYTHON


def test_nothing_is_permitted_that_nobody_needs() -> None:
    for path, home in PERMITTED:
        [file] = [file for file in sources("core") if file.path == path]
        assert any(finding.endswith(f"a table of {home}") for finding in strange_writers(Source("core/elsewhere.py", file.text)))


@pytest.mark.parametrize(
    "statement", ["insert(job)", "update(work)", "delete(job).where(x)", "run(update(job).values(a=1))", "job.update()"]
)
def test_the_rule_finds_a_stranger_who_writes(statement: str) -> None:
    text = f"from core.tables.jobs import job\nfrom core.tables.jobs import application as work\nasync def f(): {statement}\n"
    assert strange_writers(Source("core/savings/goals.py", text))
    assert strange_writers(Source("gateway/worker.py", text))
    assert strange_writers(Source("core/jobs/hiring.py", text)) == []


def test_the_rule_lets_a_reader_be() -> None:
    text = "from core.tables.jobs import job\nquery = select(job).with_for_update()\n"
    assert strange_writers(Source("core/savings/goals.py", text)) == []
