"""A repeated request under the same key gets the first result again; a different request under that key is a conflict."""

from core.errors import KeyConflict
from core.refusing import refuses


@refuses(KeyConflict)
def check_same(earlier: object, **request: object) -> None:
    """KeyConflict unless `earlier`, the row or record of the key's first request, has these same values."""
    if any(getattr(earlier, name) != value for name, value in request.items()):
        raise KeyConflict
