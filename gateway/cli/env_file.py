"""`make env`: a `.env` with fresh secrets, made of `.env.example`.

It runs before anything is installed, so it needs nothing but Python.
"""

import os
import re
import secrets
import sys
import tempfile
from pathlib import Path

# What stands above a variable of the example that is filled in.
_MARK = "Made by `make env`."
_SECRET = re.compile(rf"(?P<comment>{re.escape(_MARK)}\n)(?P<name>\w+)=$", re.MULTILINE)


def fill(example: str) -> tuple[str, list[str]]:
    """The example with fresh secrets, and the names of the variables that have one now."""
    filled = _SECRET.sub(lambda empty: f"{empty['comment']}{empty['name']}={secrets.token_hex(32)}", example)
    return filled, [empty["name"] for empty in _SECRET.finditer(example)]


def write_new(file: Path, content: str) -> None:
    """Writes a file that only its owner may read: all of it or nothing. Raises FileExistsError where it is there already."""
    descriptor, temporary = tempfile.mkstemp(prefix=".env.", dir=file.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as written:
            written.write(content)
            written.flush()
            os.fsync(written.fileno())
        os.link(temporary, file)
    finally:
        Path(temporary).unlink()


def main(folder: Path) -> int:
    """Makes `.env` in the folder, and says what it did. The exit code is 1 where nothing was done."""
    try:
        content, names = fill((folder / ".env.example").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        sys.stderr.write(
            f"Could not read .env.example, of which .env is made: {reason}. `git checkout .env.example` brings it back.\n"
        )
        return 1
    try:
        write_new(folder / ".env", content)
    except FileExistsError:
        sys.stderr.write("There is a .env already: it stays as it is. To begin anew, move it away first.\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"Could not write .env: {error.strerror}.\n")
        return 1
    sys.stdout.write(
        f"Wrote .env, which only you can read, with fresh values of {', '.join(names)}.\n"
        "Keep a copy in a safe place: without them no PIN is right and no ID number can be read.\n"
        "Next: fill in who carries SMS. `make run` reads this file too; data that it made before need `make forget`.\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).parents[2]))
