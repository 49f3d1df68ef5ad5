"""Proves the seals: that they follow on one another, and that every sealed transfer is as it was sealed.

A seal stays as it is, and so does what it covers. So each piece of them is proved by itself, on a snapshot of its own, and what
was proved once need not be proved again.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Row, text

from core.db import Database
from core.faults.silence import patience

FOLLOW = "the seals follow on one another"
AS_SEALED = "every sealed transfer is as it was sealed"
MOST_NAMED = 20
_MOST_TOGETHER = 100_000
_BEFORE_ALL = -1 << 62


@dataclass(frozen=True, slots=True)
class SealName:
    """Which seal, and the beginning of its digest. Kept outside the database, it tells whether the seal is still there."""

    number: int
    digest: str

    def __str__(self) -> str:
        return f"{self.number}:{self.digest}"

    @classmethod
    def parse(cls, written: str) -> "SealName":
        """Raises ValueError for what is not the name of a seal."""
        if not re.fullmatch(r"[1-9][0-9]{0,17}:[0-9a-f]{16}", written):
            raise ValueError(f"{written!r} is not the name of a seal, such as 812:0123456789abcdef")
        number, digest = written.split(":")
        return cls(int(number), digest)


@dataclass(slots=True)
class Proof:
    """`newest`: the last seal that was looked at; None where there is none."""

    newest: SealName | None = None
    invariants: int = 2
    findings: list[tuple[str, str]] = field(default_factory=list)


_LIST = text("""
    SELECT number, from_xid, to_xid, transfers, substring(encode(digest, 'hex') FOR 16) AS digest, leaf_version
    FROM seal WHERE number >= :first ORDER BY number""")

_BROKEN_CHAIN = text(f"""
    SELECT 'seal ' || s.number || ' does not follow on the one before it'
    FROM (
        SELECT *, lag(digest) OVER w AS before, lag(to_xid, 1, 0::bigint) OVER w AS begins,
            lag(leaf_version, 1, 1) OVER w AS least, lag(number, 1, 0::bigint) OVER w AS number_before
        FROM seal WHERE number BETWEEN :first - 1 AND :last WINDOW w AS (ORDER BY number)
    ) AS s
    WHERE s.number >= :first AND (s.digest <> ledger_digest(s.number, s.from_xid, s.to_xid, s.transfers, s.leaves, s.before)
        OR s.from_xid <> s.begins OR s.number <> s.number_before + 1 OR length(s.leaves) <> 8 * s.transfers
        OR s.leaf_version NOT BETWEEN s.least AND 2)
    ORDER BY s.number LIMIT {MOST_NAMED}""")  # noqa: S608 - our own number

# All seals of a piece have leaves of one version. Each transfer finds its seal by halving, however many there are.
_CHANGED = text(f"""
    WITH piece AS MATERIALIZED (
        SELECT *, row_number() OVER (ORDER BY number) - 1 AS place FROM seal WHERE number BETWEEN :first AND :last
    ), ends AS MATERIALIZED (
        SELECT array_agg(to_xid ORDER BY number) AS ends FROM piece
    ), leaf AS MATERIALIZED (
        SELECT l.*, width_bucket(l.xid, ends.ends) AS place FROM ends, ledger_leaves(:leaf_version, :from_xid, :to_xid) AS l
    ), found AS (
        SELECT place, count(*) AS found, string_agg(leaf, ''::bytea ORDER BY xid, id) AS leaves FROM leaf GROUP BY place
    ), broken AS MATERIALIZED (
        SELECT piece.*, coalesce(found.found, 0) AS found FROM piece LEFT JOIN found USING (place)
        WHERE coalesce(found.leaves, '') <> piece.leaves OR coalesce(found.found, 0) <> piece.transfers
    )
    SELECT 'seal ' || number || ' has seen ' || transfers || ' transfers, there are ' || found FROM broken
    WHERE found <> transfers
    UNION ALL
    SELECT 'transfer ' || l.id || ' is not what seal ' || broken.number || ' has seen'
    FROM broken JOIN leaf AS l USING (place) WHERE position(l.leaf IN broken.leaves) = 0
    LIMIT {MOST_NAMED}""")  # noqa: S608 - our own number


async def prove(database: Database, announce: Callable[[str], None], since: SealName | None = None) -> Proof:
    """Proves the seals behind `since`, and that this one is there; all of them where it is None.

    What lies below the first seal, where only a forger puts anything, is looked at with that one.
    """
    async with database.autocommit() as connection:
        seals = (await connection.execute(_LIST, {"first": 1 if since is None else since.number})).all()
    proof = Proof()
    announce(FOLLOW)
    if since is not None:
        if not seals or (seals[0].number, seals[0].digest) != (since.number, since.digest):
            proof.findings.append((FOLLOW, f"seal {since} is not there any more"))
            return proof
        proof.newest = since
        seals = seals[1:]
    announce(AS_SEALED)
    for piece in _cut(seals):
        first, last = piece[0], piece[-1]
        span = {"first": first.number, "last": last.number, "leaf_version": first.leaf_version}
        from_xid = _BEFORE_ALL if proof.newest is None else first.from_xid
        with patience(None):
            async with database.transaction() as connection:
                await connection.execute(text("SET LOCAL statement_timeout = 0"))
                await connection.execute(text("SET LOCAL work_mem = '256MB'"))
                proof.findings += [(FOLLOW, row) for row in await connection.scalars(_BROKEN_CHAIN, span)]
                changed = await connection.scalars(_CHANGED, {**span, "from_xid": from_xid, "to_xid": last.to_xid})
                proof.findings += [(AS_SEALED, row) for row in changed]
        proof.newest = SealName(last.number, last.digest)
    return proof


def _cut(seals: Sequence[Row[tuple[object, ...]]]) -> Iterator[list[Row[tuple[object, ...]]]]:
    """Runs of seals with leaves of one version, of about so many transfers."""
    piece: list[Row[tuple[object, ...]]] = []
    transfers = 0
    for seal in seals:
        if piece and (transfers + seal.transfers > _MOST_TOGETHER or seal.leaf_version != piece[0].leaf_version):
            yield piece
            piece, transfers = [], 0
        piece.append(seal)
        transfers += seal.transfers
    if piece:
        yield piece
