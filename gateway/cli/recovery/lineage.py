"""Which pieces of WAL lead on from a base backup, also where the database went another way since, on a timeline of its own."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gateway.cli import archive
from gateway.cli.recovery import cluster
from gateway.cli.recovery.segments import HISTORY, PARTIAL, SEGMENT, Segments

# `timeline	where it was left	why`
_LEFT = re.compile(r"^\s*([0-9]{1,10})\s+([0-9A-F]{1,8})/([0-9A-F]{1,8})\b", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Piece:
    """`file`: the name under which PostgreSQL asks for it. `name`: the one that it has in the folder."""

    file: str
    name: str
    is_sealed: bool

    @property
    def is_segment(self) -> bool:
        return SEGMENT.fullmatch(self.file) is not None

    def read(self, segments: Segments) -> Iterator[bytes]:
        """Raises BadBackup and OSError."""
        if not self.is_sealed:
            for name in (self.name, self.file):  # an archive at work may end it, and seal it
                with suppress(FileNotFoundError):
                    yield (segments.received / name).read_bytes()
                    return
        yield from segments.read(self.name if self.is_sealed else self.file)

    def write(self, segments: Segments, folder: Path) -> None:
        """Opens it into another folder. Raises BadBackup and OSError."""
        size = 0
        with (folder / self.file).open("xb") as target:
            for part in self.read(segments):
                size += target.write(part)
        if self.is_segment and size != segments.segment_bytes:
            raise archive.BadBackup(f"{self.name} has {size} bytes, and a segment has {segments.segment_bytes}")


@dataclass(frozen=True, slots=True)
class Chain:
    """`timeline`: the one that is reached at last. `missing`: the segment that is not there though later ones are."""

    pieces: tuple[Piece, ...]
    timeline: int
    missing: str | None


def follow(segments: Segments, first: str, brought: Mapping[str, bool], timeline: int | None) -> Chain:
    """From the segment `first` on, to the end of the timeline; where none is named, of the newest one.

    `brought`: the segments that the backup has itself, and whether nothing can follow in them. Raises BadBackup where nothing
    leads there.
    """
    clear, sealed = segments.in_clear(), segments.sealed()
    present = {**dict.fromkeys(clear, False), **dict.fromkeys(sealed, True)}
    for name in clear & sealed:
        # A part was sealed when another server came, and the one before has come back since.
        present[name] = not (name.endswith(PARTIAL) and segments.has_more_in_clear(name))
    histories = {cluster.timeline_of(name): Piece(name, name, present[name]) for name in present if HISTORY.fullmatch(name)}
    begun = cluster.timeline_of(first)
    wanted = timeline or _newest(begun, histories)
    number = cluster.segment_number(first, segments.segment_bytes)
    spans = _spans(segments, histories, wanted)
    if not any(of == begun and since <= number <= until for of, since, until in spans):
        raise archive.BadBackup(f"timeline {wanted} of {segments.folder} does not go on from this backup")
    last = _last(segments, present, spans)
    pieces = list(histories.values())
    while number <= last:
        names = [cluster.segment_name(of, number, segments.segment_bytes) for of, begin, end in spans if begin <= number <= end]
        # Where a way begins, the one before has the segment too; but PostgreSQL would also replay what was left behind in it.
        name = names[0]
        part = name + PARTIAL
        if name in present:
            pieces.append(Piece(name, name, present[name]))
        elif part in present:
            pieces.append(Piece(name, part, present[part]))
            if number < last:
                return Chain(tuple(pieces), wanted, name)
        elif not any(brought.get(name) for name in names):
            return Chain(tuple(pieces), wanted, name)
        number += 1
    return Chain(tuple(pieces), wanted, None)


def missing_from(segments: Segments, timeline: int) -> str | None:
    """Which segment comes after those that are sealed and lead to the end of the timeline. None where none does."""
    sealed = segments.sealed()
    histories = {cluster.timeline_of(name): Piece(name, name, is_sealed=True) for name in sealed if HISTORY.fullmatch(name)}
    spans = _spans(segments, histories, timeline)
    last = []
    for name in sealed:
        segment = name.removesuffix(PARTIAL)
        if not SEGMENT.fullmatch(segment):
            continue
        number = cluster.segment_number(segment, segments.segment_bytes)
        for of, since, until in spans:
            if of == cluster.timeline_of(segment) and since <= number <= until:
                # Where a timeline was left, the next one has the segment too, and it is that one that is needed.
                last.append(min(number if segment == name else number - 1, until - 1))
    if not last:
        return None
    number = max(last) + 1
    of = next(of for of, since, _ in spans if since <= number)
    return cluster.segment_name(of, number, segments.segment_bytes)


def _newest(begun: int, histories: Mapping[int, Piece]) -> int:
    """As PostgreSQL looks for it, one after the other."""
    while begun + 1 in histories:
        begun += 1
    return begun


def _spans(segments: Segments, histories: Mapping[int, Piece], wanted: int) -> list[tuple[int, int, int]]:
    """The timelines that lead to the wanted one, the newest first, with their first and last segment. Two share one."""
    if wanted not in histories:
        return [(wanted, 0, 2**64)]
    content = b"".join(histories[wanted].read(segments))
    spans, since = [], 0
    for of, high, low in _LEFT.findall(content.decode(errors="replace")):
        until = (int(high, 16) * 2**32 + int(low, 16)) // segments.segment_bytes
        spans.append((int(of), since, until))
        since = until
    return [(wanted, since, 2**64), *reversed(spans)]


def _last(segments: Segments, present: Mapping[str, bool], spans: list[tuple[int, int, int]]) -> int:
    """The last segment that is there, whole or in part."""
    last = -1
    for name in present:
        segment = name.removesuffix(PARTIAL)
        if SEGMENT.fullmatch(segment):
            number = cluster.segment_number(segment, segments.segment_bytes)
            is_ours = any(of == cluster.timeline_of(segment) and since <= number <= until for of, since, until in spans)
            last = max(last, number if is_ours else -1)
    return last
