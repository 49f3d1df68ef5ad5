"""A refusal's HTTP status. Its kind decides."""

from core.errors import Kind

STATUS_OF_KIND = {
    Kind.UNREADABLE: 422,
    Kind.FORBIDDEN: 403,
    Kind.UNKNOWN: 404,
    Kind.CONFLICT: 409,
    Kind.OVER: 422,
    Kind.TOO_OFTEN: 429,
    Kind.AWAY: 503,
}
