"""Where a developer's machine keeps its data."""

from pathlib import Path

from gateway.cli.embedded import FOLDER


def test_the_embedded_servers_keep_their_data_beside_the_code_where_make_clean_removes_it() -> None:
    root = Path(__file__).parents[2]
    assert root / ".jasho" == FOLDER
    assert "rm -rf $(VENV) .jasho" in (root / "Makefile").read_text()
