"""Ids for machines and references for people."""

import re
from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from core import clock, ids

MOMENT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def test_ids_made_later_sort_behind_so_that_an_index_grows_at_one_end() -> None:
    made = []
    for milliseconds in range(50):
        with clock.at(MOMENT + timedelta(milliseconds=milliseconds)):
            made.append(ids.new_id())
    assert made == sorted(made)


def test_an_id_says_that_it_is_of_version_7_and_when_it_was_made() -> None:
    with clock.at(MOMENT):
        made = ids.new_id()
    assert (made.version, made.variant) == (7, RFC_4122)
    assert made.int >> 80 == int(MOMENT.timestamp()) * 1000


def test_ids_of_one_moment_differ() -> None:
    with clock.at(MOMENT):
        assert len({ids.new_id() for _ in range(1_000)}) == 1_000


@given(st.uuids())
def test_a_reference_is_ten_characters_that_can_be_read_out_over_the_phone(transfer_id: UUID) -> None:
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{10}", ids.reference(transfer_id))


def test_a_receipt_keeps_its_reference_and_another_has_another() -> None:
    transfer_id = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
    assert ids.reference(transfer_id) == ids.reference(UUID(str(transfer_id)))
    assert len({ids.reference(ids.new_id()) for _ in range(1_000)}) == 1_000


@given(st.integers(0, 2**50 - 1), st.integers(0, 2**50 - 1))
def test_two_transfers_share_a_reference_only_if_all_its_fifty_bits_agree(one: int, other: int) -> None:
    assert (ids.reference(UUID(int=one)) == ids.reference(UUID(int=other))) is (one == other)
