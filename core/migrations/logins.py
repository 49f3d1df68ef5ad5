"""The service's login: a member of the application's role that owns nothing. The owner makes it of the service's address."""

import hashlib
import hmac
import re
from base64 import b64decode
from contextlib import suppress
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier, Literal
from sqlalchemy import make_url

from core.db import APPLICATION_ROLE, CONNECT_SECONDS, SESSION, conninfo, engine_url, plain_url

_SCRAM = re.compile(r"SCRAM-SHA-256\$(?P<iterations>\d+):(?P<salt>[^$]+)\$(?P<key>[^:]+):.+")
# The key of the lock by which two runs at once take turns.
_TURN = 384_97


class NoLogin(ValueError):
    """The service's address names no user."""


def align(owner_url: str, database_url: str) -> None:
    """Brings the login of `database_url` to its password, its role and its time-outs. Where they agree, nothing is touched.

    For after `migrate`, which makes the role. The login may be the owner itself, which stays as it is. Raises NoLogin and
    psycopg.Error.
    """
    address = make_url(engine_url(database_url))
    if not address.username:
        raise NoLogin("JASHO_DATABASE_URL names no user")
    with psycopg.connect(
        # As it was given: SQLAlchemy writes a blank of a socket's folder in a way that libpq does not read.
        plain_url(owner_url),
        autocommit=True,
        connect_timeout=CONNECT_SECONDS,
    ) as owner:
        if _ask(owner, "SELECT current_user = %s", address.username):
            return
        owner.execute("SELECT pg_advisory_lock(%s)", [_TURN])
        _make(owner, address.username)
        if not _ask(owner, "SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", address.username):
            raise NoLogin(f"the role {address.username} is there and may not log in: give it LOGIN, or name another")
        if address.password and not _has_password(owner, database_url, address.username, address.password):
            _set_password(owner, address.username, address.password)


def _make(owner: psycopg.Connection, login: str) -> None:
    if not _ask(owner, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", login):
        # Roles belong to the whole server, and another database's run may be at the same.
        with suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
            owner.execute(SQL("CREATE ROLE {} LOGIN").format(Identifier(login)))
    if not _ask(owner, "SELECT pg_has_role(%s, %s, 'SET')", login, APPLICATION_ROLE):
        owner.execute(SQL("GRANT {} TO {}").format(Identifier(APPLICATION_ROLE), Identifier(login)))
    present = _ask(owner, "SELECT coalesce(rolconfig, '{}') FROM pg_roles WHERE rolname = %s", login)
    # The service asks for them by itself, but a pooler between the two drops what a connection asks for.
    for name, value in SESSION.items():
        if f"{name}={value}" not in present:
            owner.execute(SQL("ALTER ROLE {} SET {} = {}").format(Identifier(login), Identifier(name), Literal(value)))


def _has_password(owner: psycopg.Connection, database_url: str, login: str, password: str) -> bool:
    try:
        with psycopg.connect(conninfo(database_url)) as connection:
            if connection.pgconn.used_password:
                return True
    except psycopg.OperationalError:
        return False
    # The server lets anybody in who comes from here, and may ask for the password elsewhere. Only a superuser sees it.
    if not _ask(owner, "SELECT has_table_privilege('pg_authid', 'SELECT')"):
        return False
    return _proves(_ask(owner, "SELECT coalesce(rolpassword, '') FROM pg_authid WHERE rolname = %s", login), password)


def _proves(stored: str, password: str) -> bool:
    """Is what the server keeps made of this password (RFC 5803)? Not where it is of another form."""
    match = _SCRAM.fullmatch(stored)
    if match is None or not password.isascii():
        return False
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), b64decode(match["salt"]), int(match["iterations"]))
    key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    return hmac.compare_digest(key, b64decode(match["key"]))


def _set_password(owner: psycopg.Connection, login: str, password: str) -> None:
    # The statement may end in a log of the server, so it holds what proves the password and not the password.
    proof = owner.pgconn.encrypt_password(password.encode(), login.encode(), b"scram-sha-256")
    owner.execute(SQL("ALTER ROLE {} PASSWORD {}").format(Identifier(login), Literal(proof.decode())))


def _ask(owner: psycopg.Connection, question: str, *values: str) -> Any:  # noqa: ANN401 - whatever the column holds
    row = owner.execute(question.encode(), values).fetchone()
    assert row is not None
    return row[0]
