"""SQL files: as statements to compare, or to run as they stand."""

import re
from pathlib import Path

from sqlalchemy import Connection


def read_statements(file: Path) -> list[str]:
    """Its statements without comments, each in one line. For files whose statements hold no semicolon and no text."""
    bare = re.sub(r"--.*", "", file.read_text())
    return [" ".join(statement.split()) for statement in bare.split(";") if statement.strip()]


def run(connection: Connection, sql: str) -> None:
    """Any number of statements. No placeholders are looked for, which a percent sign would look like."""
    connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
