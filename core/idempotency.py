"""The same request under the same key gets the first answer again; another one is a conflict."""

from core.errors import KeyConflict
from core.refusing import refuses


@refuses(KeyConflict)
def check_same(earlier: object, **request: object) -> None:
    """Raises KeyConflict unless the request that was made before under the key, a row or a record, asked for the same."""
    if any(getattr(earlier, name) != value for name, value in request.items()):
        raise KeyConflict
