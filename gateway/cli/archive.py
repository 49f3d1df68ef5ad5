"""A backup's files: a stream that is sealed in chunks, and a manifest that vouches for it.

A sealed file is `magic | salt (32 bytes) | chunks`. Its key is derived from the backup key, the salt, and for a piece of WAL from
what it is: whose, and which one. Each chunk is AES-256-GCM of 64 KiB; its nonce counts the chunks and marks the last one, so that
chunks which are changed, swapped or missing do not open.
"""

import hashlib
import hmac
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MANIFEST = "manifest.json"
FORMAT = 1
DUMP, BASE, WAL = "dump", "base", "wal"
_MAGIC = b"jasho backup 1\n"
_SALT_BYTES = 32
_CHUNK_BYTES = 64 * 1024
_TAG_BYTES = 16


class Source(Protocol):
    """What is sealed."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, nothing at the end."""


class BadBackup(Exception):
    """It is not what was backed up under this key. The message says which file, in half a line."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """`kind`: a dump, a base backup, or a folder of WAL. `server`: the major version of PostgreSQL.

    Of a dump: `counts`, rows by table, and `seal_head`, the newest seal's number and digest. Of the others: `system`, which
    cluster it is, and `segment_bytes`. Of a base backup: `wal_from`, no piece of WAL before which is needed.
    """

    taken_at: str
    schema: str
    server: int
    file: str
    size_bytes: int
    sha256: str
    counts: Mapping[str, int]
    seal_head: str
    format: int = FORMAT
    kind: str = DUMP
    system: str = ""
    segment_bytes: int = 0
    wal_from: str = ""


def seal(source: Source, file: Path, key: bytes, what: str = "") -> tuple[int, str]:
    """Seals what comes from the source into a new file that its owner alone may read. Answers its size and SHA-256.

    It opens as `what` alone.
    """
    digest, size, salt = hashlib.sha256(), 0, os.urandom(_SALT_BYTES)
    cipher = AESGCM(_derive(key, salt, what))
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
        for part in _sealed(source, cipher, salt):
            target.write(part)
            digest.update(part)
            size += len(part)
        target.flush()
        os.fsync(target.fileno())
    return size, digest.hexdigest()


def _sealed(source: Source, cipher: AESGCM, salt: bytes) -> Iterator[bytes]:
    yield _MAGIC + salt
    number, chunk = 0, source.read(_CHUNK_BYTES)
    while True:
        following = source.read(_CHUNK_BYTES)
        yield cipher.encrypt(_nonce(number, is_last=not following), chunk, None)
        if not following:
            return
        number, chunk = number + 1, following


def unseal(file: Path, key: bytes, what: str = "") -> Iterator[bytes]:
    """What was sealed, in pieces, each proved. Raises BadBackup, also after some of them: use nothing before the end."""
    with file.open("rb") as source:
        head = source.read(len(_MAGIC) + _SALT_BYTES)
        if not head.startswith(_MAGIC) or len(head) < len(_MAGIC) + _SALT_BYTES:
            raise BadBackup(f"{file.name} is no sealed file")
        cipher = AESGCM(_derive(key, head[len(_MAGIC) :], what))
        number, chunk = 0, source.read(_CHUNK_BYTES + _TAG_BYTES)
        while True:
            following = source.read(_CHUNK_BYTES + _TAG_BYTES)
            try:
                yield cipher.decrypt(_nonce(number, is_last=not following), chunk, None)
            except InvalidTag as error:
                raise BadBackup(f"{file.name} is changed, cut off, or sealed under another key") from error
            if not following:
                return
            number, chunk = number + 1, following


def write_manifest(folder: Path, manifest: Manifest, key: bytes) -> None:
    """The last file of a backup: without it there is none. It is there whole, or not at all."""
    body = asdict(manifest)
    written = json.dumps({**body, "mac": _mac(body, key)}, indent=2, sort_keys=True)
    unfinished = folder / f".{MANIFEST}.unfinished"
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as target:
        target.write(written + "\n")
        target.flush()
        os.fsync(target.fileno())
    unfinished.rename(folder / MANIFEST)


def read_manifest(folder: Path, key: bytes) -> Manifest:
    """Raises BadBackup where it was not written under this key, and OSError."""
    try:
        body = json.loads((folder / MANIFEST).read_bytes())
        mac = str(body.pop("mac"))
        is_ours = hmac.compare_digest(mac.encode(), _mac(body, key).encode())
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise BadBackup(f"{MANIFEST} is damaged") from error
    if not is_ours:
        raise BadBackup(f"{MANIFEST} is changed, or was made under another key")
    if body.get("format") != FORMAT:
        raise BadBackup(f"{MANIFEST} is of format {body.get('format')}, this release reads {FORMAT}")
    return Manifest(**body)


def check(folder: Path, manifest: Manifest, key: bytes) -> None:
    """Reads all of the sealed file. Raises BadBackup and OSError."""
    file = folder / manifest.file
    size = file.stat().st_size
    if size != manifest.size_bytes:
        raise BadBackup(f"{file.name} has {size} bytes, {MANIFEST} says {manifest.size_bytes}")
    with file.open("rb") as source:
        digest = hashlib.file_digest(source, "sha256").hexdigest()
    if digest != manifest.sha256:
        raise BadBackup(f"{file.name} is changed: its SHA-256 is not the one in {MANIFEST}")
    for _ in unseal(file, key):
        pass


def sync(folder: Path) -> None:
    """A name in the folder lasts when the folder is on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([is_last])


def _derive(key: bytes, salt: bytes, what: str) -> bytes:
    return HKDF(SHA256(), 32, salt, b"jasho backup: file" + what.encode()).derive(key)


def _mac(body: Mapping[str, object], key: bytes) -> str:
    secret = HKDF(SHA256(), 32, None, b"jasho backup: manifest").derive(key)
    return hmac.new(secret, json.dumps(body, sort_keys=True).encode(), hashlib.sha256).hexdigest()
