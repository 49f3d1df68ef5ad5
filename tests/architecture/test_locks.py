"""Every lock of core has a test that holds it: a lock that somebody takes away is missed in every run, not now and then."""

import ast
import re

import pytest

from tests.architecture.source import Function, Source, findings, sources

_IN_TEXT = re.compile(r"\bFOR (UPDATE|NO KEY UPDATE|SHARE|KEY SHARE)\b|pg_(try_)?advisory_\w*lock(_shared)?\b|\bLOCK TABLE\b")
_BY_CALL = {"with_for_update", "pg_advisory_xact_lock", "pg_try_advisory_xact_lock"}
_FUNCTION = re.compile(r"^CREATE OR REPLACE FUNCTION (\w+)", re.MULTILINE)


def locks_of(source: Source) -> list[str]:
    """`file:place` of each lock, a place being the outermost function, class or variable that has it."""
    if source.path.endswith(".sql"):
        return _locks_of_sql(source)
    return [
        f"{source.path}:{_name_of(statement)}"
        for statement in source.tree().body
        if any(_locks(node) for node in ast.walk(statement))
    ]


def _locks_of_sql(source: Source) -> list[str]:
    text = re.sub(r"--.*", "", source.text)
    parts = _FUNCTION.split(text)
    assert not _IN_TEXT.search(parts[0]), source.path
    return [f"{source.path}:{name}" for name, body in zip(parts[1::2], parts[2::2], strict=True) if _IN_TEXT.search(body)]


def _name_of(statement: ast.stmt) -> str:
    if isinstance(statement, Function | ast.ClassDef):
        return statement.name
    assert isinstance(statement, ast.Assign | ast.AnnAssign), ast.unparse(statement)
    return ast.unparse(statement.targets[0] if isinstance(statement, ast.Assign) else statement.target)


def _locks(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr in _BY_CALL
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(_IN_TEXT.search(node.value))


def held_locks(source: Source) -> list[str]:
    """What the tests of a file say that they hold."""
    return [
        decorator.args[0].value
        for node in source.nodes()
        if isinstance(node, Function) and node.name.startswith("test")
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call)
        and ast.unparse(decorator.func) == "pytest.mark.race"
        and isinstance(decorator.args[0], ast.Constant)
        and isinstance(decorator.args[0].value, str)
    ]


def test_every_lock_of_core_has_a_test_that_holds_it() -> None:
    locks = set(findings(locks_of, sources("core") + sources("core", ending=".sql")))
    locks = {lock for lock in locks if "/migrations/versions/" not in lock}
    held = set(findings(held_locks, sources("tests")))
    assert locks - held == set(), "no test holds these locks: see tests/races.py"
    assert held - locks == set(), "tests name locks that are nowhere"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("async def take(row):\n    return row.with_for_update(key_share=True)", "take"),
        ("def take():\n    def inner():\n        return row.with_for_update()", "take"),
        ("class Taker:\n    def take(self): self.row.with_for_update()", "Taker"),
        ("_TAKE = text('SELECT 1 FROM row FOR UPDATE OF row SKIP LOCKED')", "_TAKE"),
        ("_TAKE: str = f'''SELECT {x} FOR NO KEY UPDATE'''", "_TAKE"),
        ("def take():\n    execute('SELECT pg_advisory_xact_lock(1)')", "take"),
        ("def take():\n    execute(select(func.pg_advisory_xact_lock(1)))", "take"),
        ("def take():\n    execute('LOCK TABLE row')", "take"),
    ],
)
def test_the_rule_finds_a_lock_however_it_is_written(text: str, place: str) -> None:
    assert locks_of(Source("core/x.py", text)) == [f"core/x.py:{place}"]


def test_the_rule_finds_a_lock_in_a_function_of_the_database() -> None:
    text = (
        "CREATE OR REPLACE FUNCTION reads() AS $$ SELECT 1 -- FOR UPDATE would be too much\n$$;\n"
        "CREATE OR REPLACE FUNCTION takes() AS $$ SELECT FROM row FOR NO KEY UPDATE OF row $$;\n"
    )
    assert locks_of(Source("core/x.sql", text)) == ["core/x.sql:takes"]


def test_the_rule_reads_what_a_test_says_that_it_holds() -> None:
    text = "@pytest.mark.race('core/x.py:take')\n@pytest.mark.parametrize('x', [1])\nasync def test_it(): assert race()"
    assert held_locks(Source("tests/x.py", text)) == ["core/x.py:take"]
