"""Steps of one job that come in the same moment."""

import pytest

from core.jobs.escrow import JobReceipt
from core.jobs.refusals import JobClosed
from core.runtime import Runtime
from tests.core.jobs.market import ASHA_MINOR, PAY_MINOR, Market
from tests.races import race


@pytest.mark.race("core/jobs/market.py:lock")
async def test_of_two_hires_the_later_one_sees_that_somebody_is_hired(runtime: Runtime) -> None:
    market = await Market.of(runtime)
    job = await market.applied(market.baraka, market.njeri)
    hires = (market.hire(job, worker) for worker in (market.baraka, market.njeri))
    first, second = await race(runtime, "SELECT FROM job WHERE id = %(id)s FOR NO KEY UPDATE", *hires, id=job.id)
    assert isinstance(first, JobReceipt)
    assert isinstance(second, JobClosed)
    assert await market.escrow(job) == ASHA_MINOR - await market.balance(market.asha) == PAY_MINOR
    await market.check_books()
