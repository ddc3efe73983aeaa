"""What the API refuses, and how: each kind has a code that programs rely on, a status and a title."""

from collections.abc import Mapping, Sequence

import msgspec


class Kind(msgspec.Struct, frozen=True):
    """One kind of refusal. The code never changes; title and meaning are for people."""

    code: str
    status: int
    title: str
    meaning: str
    retriable: bool = False


MALFORMED = Kind("malformed", 400, "The request cannot be read", "Not JSON, not UTF-8, nested too deep, or too slow.")
INVALID = Kind("invalid", 400, "A field is wrong", "`errors` names each field by JSON pointer, and the rule it breaks.")
UNKNOWN_CURSOR = Kind(
    "unknown_cursor", 400, "No such page", "Start again without `cursor`, or pass a `next_cursor` as it came."
)
NOT_SIGNED_IN = Kind("not_signed_in", 401, "Sign in first", "No session or token, or one that is over.")
WRONG_LOGIN = Kind("wrong_login", 401, "E-mail or password is wrong", "Which of the two is never said.")
SECOND_FACTOR_NEEDED = Kind(
    "second_factor_needed",
    401,
    "Show your second factor",
    "Send `code` too: from your authenticator, or a recovery code.",
)
WRONG_CODE = Kind("wrong_code", 401, "The code is wrong", "It is of another time, was used already, or never was one.")
FORBIDDEN = Kind(
    "forbidden", 403, "Not allowed", "The signed-in user or token lacks a role or scope, named in `detail`."
)
CROSS_SITE = Kind(
    "cross_site",
    403,
    "Refused as cross-site",
    "A browser sent this from elsewhere, or without the session's CSRF token.",
)
REGISTRATION_CLOSED = Kind("registration_closed", 403, "Registration is closed", "Ask whoever runs this installation.")
NOT_FOUND = Kind("not_found", 404, "Not found", "It never was, or it is not yours; these two are the same answer.")
METHOD_NOT_ALLOWED = Kind("method_not_allowed", 405, "Method not allowed", "The `Allow` header lists what is.")
CONFLICT = Kind("conflict", 409, "Not now", "`state` is what it is in, `allowed` what can be done from there.")
TAKEN = Kind("taken", 409, "Already taken", "Something else has this name.")
CHANGED = Kind("changed", 412, "Changed in between", "Read it again; `If-Match` named an older version.")
TOO_LARGE = Kind("too_large", 413, "Too large", "The body is over the limit.")
NOT_JSON = Kind("not_json", 415, "Send JSON", "The `Content-Type` must be `application/json`.")
TOO_MANY = Kind("too_many", 429, "Too many requests", "Wait for as long as `Retry-After` says.", True)
INTERNAL = Kind("internal", 500, "Our fault", "Give `request_id` to whoever runs this installation.")
UNAVAILABLE = Kind("unavailable", 503, "Not available right now", "Something that this needs does not answer.", True)

KINDS: Mapping[str, Kind] = {kind.code: kind for kind in list(globals().values()) if isinstance(kind, Kind)}


class FieldError(msgspec.Struct, frozen=True):
    """Which field, as a JSON pointer into the body (or `?name` for the query), and what is wrong with it."""

    pointer: str
    detail: str


class ApiError(Exception):
    """A request refused. Raised anywhere below the controllers; the transaction is rolled back."""

    def __init__(
        self,
        kind: Kind,
        detail: str = "",
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        state: str | None = None,
        allowed: Sequence[str] | None = None,
    ) -> None:
        super().__init__(detail or kind.title)
        self.kind = kind
        self.detail = detail or kind.meaning
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.state = state
        self.allowed = allowed


def invalid(pointer: str, detail: str) -> ApiError:
    return ApiError(INVALID, detail, errors=[FieldError(pointer, detail)])


def not_found() -> ApiError:
    """Always the same words: whether something exists for somebody else is nobody's business."""
    return ApiError(NOT_FOUND)


def conflict(detail: str, *, state: str, allowed: Sequence[str]) -> ApiError:
    return ApiError(CONFLICT, detail, state=state, allowed=allowed)


def too_many(retry_after_s: float) -> ApiError:
    return ApiError(TOO_MANY, headers={"Retry-After": str(max(1, round(retry_after_s + 0.5)))})
