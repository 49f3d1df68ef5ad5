"""These tests come last and alone: several processes of one run would look before the others have left anything."""

import pytest


@pytest.fixture(autouse=True, scope="session")
def alone(request: pytest.FixtureRequest) -> None:
    if hasattr(request.config, "workerinput"):
        pytest.skip("looks through what the others have left: run it by itself afterwards, pytest tests/after")
