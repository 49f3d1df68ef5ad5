"""Sensitive columns, sealed with AES-256-GCM: a stolen copy of the database does not reveal them.

A sealed value is `key id (1 byte) | nonce (12) | ciphertext and tag`. The row's id is bound in as associated data, so a value
that was moved to another row does not open.
"""

import os
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


class Vault:
    """Seals and opens under one key. `key_id` tells which key it was, for when keys are rotated."""

    def __init__(self, key: bytes, key_id: int = 1) -> None:
        self._cipher = AESGCM(key)
        self._key_id = bytes([key_id])

    def seal(self, text: str, row: UUID) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return self._key_id + nonce + self._cipher.encrypt(nonce, text.encode(), row.bytes)

    def open(self, sealed: bytes, row: UUID) -> str:
        """The text again. Raises ValueError for another key's value, cryptography's InvalidTag for a changed one."""
        if sealed[:1] != self._key_id:
            raise ValueError(f"sealed with key {sealed[0]}, which is not this one")
        body = sealed[1:]
        return self._cipher.decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], row.bytes).decode()
