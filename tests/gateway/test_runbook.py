"""The SQL of the runbook, asked of a real database: whoever needs it has no time to mend it."""

import re
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text

from core.runtime import Runtime

_DOCS = Path(__file__).parents[2] / "docs"
_PLACEHOLDER = re.compile(r"'<\w+>'")


def statements(document: str) -> list[str]:
    """Every SELECT up to its semicolon, in a line of code or in a block."""
    return [" ".join(found.split()) for found in re.findall(r"SELECT [^`]*?;", document)]


STATEMENTS = [statement for name in ("runbook.md", "operating.md") for statement in statements((_DOCS / name).read_text())]


@pytest.mark.parametrize("statement", STATEMENTS)
async def test_a_statement_of_the_runbook_can_be_asked(runtime: Runtime, statement: str) -> None:
    async with runtime.database.autocommit() as connection:
        # An id is one of a row, or the name of a provider, or a phone.
        kind = "'x'" if "<provider>" in statement or "<phone>" in statement else f"'{uuid4()}'"
        asked = _PLACEHOLDER.sub(kind, statement).replace(":", r"\:")
        assert (await connection.execute(text(asked))).all() is not None


def test_the_search_finds_a_statement_wherever_it_stands() -> None:
    assert statements("- Look: `SELECT 1;`\n\n      SELECT a\n      FROM b;\n\nthe SQL below") == [
        "SELECT 1;",
        "SELECT a FROM b;",
    ]
    assert len(STATEMENTS) > 20
