"""The next release takes over under load: nobody notices, whichever of the two answers. `make soak` has it for longer."""

from pathlib import Path

import pytest

from tests.crash import upgrade

pytestmark = pytest.mark.system


async def test_a_release_takes_over_under_load_and_nothing_fails_is_lost_or_is_done_twice(
    bank_url: str, redis_url: str, tmp_path: Path
) -> None:
    settings = upgrade.production(bank_url, redis_url)
    await upgrade.open_people(settings)
    load = await upgrade.take_over(settings, tmp_path, "--no-worker")
    assert await upgrade.examine(settings, load) == []
    assert min(len(load.receipts), len(load.sent), load.looked) > 0
