"""Sealed columns: what a stolen or tampered database does not give away."""

from uuid import UUID

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st

from core.vault import Vault

KEY = bytes(range(32))
ROW, OTHER_ROW = UUID(int=1), UUID(int=2)
NATIONAL_ID = "22345601"


@given(st.text(), st.uuids())
def test_what_was_sealed_can_be_read_again(text: str, row: UUID) -> None:
    vault = Vault(KEY)
    assert vault.open(vault.seal(text, row), row) == text


def test_a_stolen_column_does_not_show_the_national_id() -> None:
    assert NATIONAL_ID.encode() not in Vault(KEY).seal(NATIONAL_ID, ROW)


def test_equal_ids_of_two_people_cannot_be_told_to_be_equal() -> None:
    vault = Vault(KEY)
    assert vault.seal(NATIONAL_ID, ROW) != vault.seal(NATIONAL_ID, ROW)


def test_a_value_moved_to_another_persons_row_does_not_open() -> None:
    vault = Vault(KEY)
    with pytest.raises(InvalidTag):
        vault.open(vault.seal(NATIONAL_ID, ROW), OTHER_ROW)


def test_a_change_of_any_byte_is_noticed() -> None:
    vault = Vault(KEY)
    sealed = vault.seal(NATIONAL_ID, ROW)
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises((InvalidTag, ValueError)):
            vault.open(bytes(changed), ROW)


@pytest.mark.parametrize("length", [1, 5, 13, 20])
def test_a_value_that_was_cut_short_is_noticed(length: int) -> None:
    vault = Vault(KEY)
    with pytest.raises((InvalidTag, ValueError)):
        vault.open(vault.seal(NATIONAL_ID, ROW)[:length], ROW)


def test_a_value_of_another_key_id_says_which_key_it_needs() -> None:
    sealed = Vault(KEY, key_id=2).seal(NATIONAL_ID, ROW)
    with pytest.raises(ValueError, match="key 2"):
        Vault(KEY, key_id=1).open(sealed, ROW)


def test_another_key_under_the_same_id_opens_nothing() -> None:
    with pytest.raises(InvalidTag):
        Vault(bytes(32)).open(Vault(KEY).seal(NATIONAL_ID, ROW), ROW)
