"""Plants small faults in copies of the source, one at a time, and counts how many of them the tests miss.

`python load-tests/mutants/mutants.py [--seed N] [--count N] [--processes N] [--only PATH] [--kind KIND]`. The same seed draws the
same faults from the same source, of each kind as many. For each the tests that run its line are run, until one fails. Which
those are is noted first: of all tests, in half an hour, and then of those alone that are new or have changed (`--notes` begins
anew). It prints each fault that no test noticed, and the score. `accepted.toml` names those that change nothing, or that nobody
need notice, each with its reason.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from random import Random, SystemRandom

from mutations import Mutation, Place, files, places
from notes import Notes

from gateway.cli.embedded import FOLDER, embedded, forget

ROOT = Path(__file__).parents[2]
AIM = 0.95
_NOT_COPIED = (".git", ".venv", ".jasho", ".*_cache", ".hypothesis", "__pycache__", "*.egg-info")
# The tests of one fault, by what they took when they were noted. A run starts with a database of its own, and may be slower.
MOST_SECONDS = 60.0
_LONGEST_SECONDS = 90 + 3 * MOST_SECONDS
NOTICED, MISSED, UNTESTED, BROKEN, ACCEPTED = "noticed", "missed", "no test runs it", "is no SQL", "accepted"
# pytest's code where it has run no test.
_NO_TESTS = 5


@dataclass(frozen=True, slots=True)
class Result:
    mutation: Mutation
    outcome: str
    seconds: float


def draw(seed: int, count: int, only: str, kind: str) -> Iterator[Mutation]:
    """Faults of each kind in turn, so that the many plain ones don't hide the few locks."""
    random = Random(seed)
    by_kind: dict[str, list[Place]] = {}
    for path in files(ROOT):
        for place in places(ROOT, path):
            if path.startswith(only) and place.kind.startswith(kind):
                by_kind.setdefault(place.kind, []).append(place)
    for of_kind in by_kind.values():
        random.shuffle(of_kind)
    seen: set[tuple[str, str]] = set()
    while by_kind and len(seen) < count:
        for name in list(by_kind):
            mutation = by_kind[name].pop().plant(ROOT)
            if not by_kind[name]:
                del by_kind[name]
            if mutation is not None and (mutation.path, mutation.text) not in seen and len(seen) < count:
                seen.add((mutation.path, mutation.text))
                yield mutation


def accepted() -> dict[tuple[str, str, str], str]:
    """The reasons, by file and the line before and after."""
    rows = tomllib.loads((Path(__file__).parent / "accepted.toml").read_text()).get("mutant", [])
    return {(row["file"], row["before"], row["after"]): row["reason"] for row in rows}


@contextmanager
def copy_of_the_tree(folder: Path) -> Iterator[Path]:
    """With its own servers, which stay up from one fault to the next."""
    forget(folder / ".jasho")  # and the servers of a run that was killed
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*_NOT_COPIED))
    with embedded(folder / ".jasho" / "test"):
        yield folder


def run_tests(tree: Path, arguments: list[str], seconds: float | None, **environment: str) -> tuple[int, str]:
    """pytest's exit code and its output. Who takes too long is killed."""
    plugins = ["-p", "no:cacheprovider", "-p", "noting"]
    command = [sys.executable, "-m", "pytest", *plugins, "-m", "not browser", *arguments]
    paths = os.pathsep.join([str(tree), str(tree / "load-tests" / "mutants")])
    with (tree / "output").open("w+") as output:
        process = subprocess.Popen(
            command,
            cwd=tree,
            env={**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", **environment},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            with suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            code = process.wait()
        output.seek(0)
        return code, output.read()


def examine(tree: Path, notes: Notes, mutation: Mutation, reasons: dict[tuple[str, str, str], str]) -> Result:
    begun = time.monotonic()
    if (mutation.path, mutation.before, mutation.after) in reasons:
        return Result(mutation, ACCEPTED, 0)
    chosen = notes.choose(ROOT, mutation.path, mutation.line, MOST_SECONDS)
    if not chosen:
        return Result(mutation, UNTESTED, 0)
    (tree / "wanted").write_text("\n".join(chosen))
    paths = list(dict.fromkeys(name.partition("::")[0] for name in chosen))
    file = tree / mutation.path
    sound = file.read_text()
    file.write_text(mutation.text)
    try:
        code, output = run_tests(tree, ["-x", *paths], _LONGEST_SECONDS, MUTANTS_TESTS=str(tree / "wanted"))
    finally:
        file.write_text(sound)
    outcome = {0: MISSED, _NO_TESTS: UNTESTED}.get(code, NOTICED)
    if "syntax error at or near" in output:
        outcome = BROKEN
    return Result(mutation, outcome, time.monotonic() - begun)


def note(folder: Path, processes: int) -> Notes:
    """Brings the notes up to date: which lines each test runs."""
    file, fresh = folder / "notes.json", folder / "fresh"
    notes = Notes.read(file) if file.exists() else Notes()
    if tests := notes.list_unnoted(ROOT):
        print(f"noting {len(tests)} files of tests", file=sys.stderr, flush=True)
        with copy_of_the_tree(folder / "tree") as tree:
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir()
            run_tests(tree, ["-n", str(processes), "--dist", "loadgroup", *tests], None, MUTANTS_NOTES=str(fresh))
            notes.gather(fresh, tree, tests)
            notes.write(file)
    return notes


def examine_all(folder: Path, notes: Notes, mutations: list[Mutation], processes: int) -> Iterator[Result]:
    reasons = accepted()
    trees: SimpleQueue[Path] = SimpleQueue()

    def take_a_tree(mutation: Mutation) -> Result:
        tree = trees.get()
        try:
            return examine(tree, notes, mutation, reasons)
        finally:
            trees.put(tree)

    with _trees(folder, processes) as made, ThreadPoolExecutor(processes) as pool:
        for tree in made:
            trees.put(tree)
        try:
            yield from pool.map(take_a_tree, mutations)
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _trees(folder: Path, count: int) -> Iterator[list[Path]]:
    if not count:
        yield []
        return
    with copy_of_the_tree(folder / f"tree-{count}") as tree, _trees(folder, count - 1) as others:
        yield [tree, *others]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6))
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", default="", help="the beginning of a path")
    parser.add_argument("--kind", default="", help="comparison, truth, number, flow, statement, query or lock")
    parser.add_argument("--notes", action="store_true", help="note again which lines each test runs")
    chosen = parser.parse_args()
    # Stops what it has started, also where it runs in the background.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder = FOLDER / "mutants"
    folder.mkdir(parents=True, exist_ok=True)
    if chosen.notes:
        (folder / "notes.json").unlink(missing_ok=True)
    notes = note(folder, chosen.processes)
    mutations = list(draw(chosen.seed, chosen.count, chosen.only, chosen.kind))
    print(f"mutants seed={chosen.seed} count={len(mutations)}", flush=True)
    outcomes: Counter[str] = Counter()
    try:
        for result in examine_all(folder, notes, mutations, chosen.processes):
            outcomes[result.outcome] += 1
            outcomes[f"{result.mutation.kind} {result.outcome}"] += 1
            tell(result)
    finally:
        is_short = report(outcomes)
    return is_short


def tell(result: Result) -> None:
    mutation = result.mutation
    print(f"{result.outcome}: {mutation.path}:{mutation.line} ({mutation.kind}, {result.seconds:.0f} s)", flush=True)
    if result.outcome in (MISSED, UNTESTED):
        print(f"    - {mutation.before}\n    + {mutation.after}", flush=True)


def report(outcomes: Counter[str]) -> int:
    missed = outcomes[MISSED] + outcomes[UNTESTED]
    counted = outcomes[NOTICED] + missed
    score = outcomes[NOTICED] / counted if counted else 0.0
    parts = ", ".join(f"{outcome} {count}" for outcome, count in sorted(outcomes.items()) if count)
    print(f"{parts}\nscore {score:.3f} of {counted}, aim {AIM}")
    return int(score < AIM)


if __name__ == "__main__":
    sys.exit(main())
