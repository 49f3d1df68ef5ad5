"""A customer can be told all that is held about her, and nothing about anybody else."""

import json
import re
from uuid import uuid4

from core.customers import profiles
from core.features import EXPORTS
from core.membership.export import export
from core.runtime import Runtime
from core.tables import metadata

# Rows about a customer that are no data of hers to take along: what proves who she is, what counts her tries, what was sent to
# a phone and goes with time, and the ledger, which her statement tells.
LEFT_OUT = {
    *("pin", "one_time_code", "attempt", "chore", "canary"),
    *("switch_change", "banner_change"),
    *("outbox", "sms_attempt", "sms_aside", "sms_report", "sms_provider", "sms_inbound", "sms_order", "opt_out"),
    *("account", "transfer", "posting", "hold_leg", "open_hold", "reversal", "exchange", "seal"),
    *("agent_day", "float_trade"),
    *("heartbeat", "ledger_era", "schema_contract"),
}


async def test_her_rows_are_in_it_and_nobody_elses(runtime: Runtime) -> None:
    baraka = await profiles.find(runtime, "+254722000002")
    asha = await profiles.find(runtime, "+254711000001")
    assert baraka is not None
    assert asha is not None
    told = await export(runtime, baraka, EXPORTS)
    assert [row["name"] for row in told["customers"]] == ["Baraka Otieno"]
    assert len(told["goals"]) == 1
    assert [row["number"] for row in told["jobs"]] == [10420]
    assert str(asha.id) not in json.dumps(told)


async def test_what_is_sealed_is_not_in_it(runtime: Runtime) -> None:
    asha = await profiles.find(runtime, "+254711000001")
    assert asha is not None
    [row] = (await export(runtime, asha, EXPORTS))["customers"]
    assert "national_id" not in row


def test_a_new_table_is_exported_or_left_out_on_purpose() -> None:
    queries = [str(query(uuid4())) for query in EXPORTS.values()]
    exported = {table for query in queries for table in re.findall(r"(?:FROM|JOIN) (\w+)", query)}
    assert exported | LEFT_OUT == {table.name for table in metadata.sorted_tables}
    assert not exported & LEFT_OUT
