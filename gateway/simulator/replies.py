"""The simulator's replies to a request that it refuses."""

from starlette.responses import JSONResponse, Response


def refuse(reason: str, *, status_code: int = 400) -> Response:
    """`reason` is for the developer at the page."""
    return JSONResponse({"reason": reason}, status_code=status_code)
