"""A process of `jasho` without the second that its imports take: it is forked off one that has them behind it.

It has arguments, environment, streams and an exit code of its own as any other, and nothing that another command has left.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["gateway.cli.start"])


def run(
    arguments: Sequence[str], environment: Mapping[str, str], stdin: str, seconds: float
) -> "subprocess.CompletedProcess[str]":
    """Runs `jasho` to its end. `stdin` is a path, of a file or a terminal. Raises TimeoutExpired."""
    with tempfile.TemporaryDirectory() as folder:
        streams = (stdin, f"{folder}/out", f"{folder}/err")
        process = _forks.Process(target=_run, args=(tuple(arguments), dict(environment), str(Path.cwd()), streams))
        process.start()
        try:
            process.join(seconds)
            if process.exitcode is None:
                raise subprocess.TimeoutExpired(["jasho", *arguments], seconds)
        finally:
            process.kill()
            process.join()
        out, err = (Path(path).read_text() for path in streams[1:])
        return subprocess.CompletedProcess(["jasho", *arguments], process.exitcode, out, err)


def _run(arguments: tuple[str, ...], environment: dict[str, str], folder: str, streams: tuple[str, ...]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, (path, flags) in enumerate(zip(streams, (os.O_RDONLY, *[os.O_WRONLY | os.O_CREAT] * 2), strict=True)):
        handle = os.open(path, flags | os.O_NOCTTY, 0o600)
        os.dup2(handle, number)
        os.close(handle)
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")
    sys.argv = ["jasho", *arguments]
    # For a command that begins anew.
    sys.orig_argv = [sys.executable, str(Path(sys.executable).parent / "jasho"), *arguments]
    from gateway.cli.start import main

    main(prog_name="jasho")
