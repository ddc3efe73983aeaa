"""Every refusal as an RFC 9457 body, and every route documented to give one."""

import re
from typing import Any, ClassVar

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import ResponseSpec
from litestar.plugins import ReceiveRoutePlugin
from litestar.routes import BaseRoute, HTTPRoute
from msgspec import UNSET, UnsetType

from api import errors
from api.context import request_id
from api.errors import ApiError, FieldError
from storage.errors import DatabaseUnreachable

MEDIA_TYPE = "application/problem+json"
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})

log = structlog.get_logger("api")


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request was refused, by RFC 9457."""

    type: str
    """Where this kind of problem is explained."""
    title: str
    status: int
    detail: str
    code: str
    """Stable; programs decide by it."""
    errors: tuple[FieldError, ...] = ()
    request_id: str
    retriable: bool
    state: str | UnsetType = UNSET
    """Of a conflict: what the thing is in now."""
    allowed: list[str] | UnsetType = UNSET
    """Of a conflict: what can be done from there."""


def problem_response(error: ApiError) -> Response[Problem]:
    kind = error.kind
    body = Problem(
        type=f"/problems/{kind.code}",
        title=kind.title,
        status=kind.status,
        detail=error.detail,
        code=kind.code,
        errors=error.errors,
        request_id=request_id(),
        retriable=kind.retriable,
        state=error.state if error.state is not None else UNSET,
        allowed=list(error.allowed) if error.allowed is not None else UNSET,
    )
    headers = error.headers
    if kind.status == 401:
        headers = {"WWW-Authenticate": 'Bearer realm="tradefleet"', **headers}
    return Response(body, status_code=kind.status, headers=headers, media_type=MEDIA_TYPE)


def on_api_error(_request: Request[Any, Any, Any], error: ApiError) -> Response[Problem]:
    return problem_response(error)


BY_STATUS = {
    kind.status: kind
    for kind in (
        errors.MALFORMED,
        errors.NOT_SIGNED_IN,
        errors.FORBIDDEN,
        errors.NOT_FOUND,
        errors.METHOD_NOT_ALLOWED,
        errors.TOO_LARGE,
        errors.NOT_JSON,
        errors.TOO_MANY,
    )
}


def on_http_exception(request: Request[Any, Any, Any], exception: HTTPException) -> Response[Problem]:
    """Litestar's own refusals, in our words: its messages may quote what was sent."""
    if isinstance(exception, ValidationException):
        fields = [_field_error(entry) for entry in exception.extra or () if isinstance(entry, dict)]
        detail = "; ".join(f"{field.pointer or 'the body'}: {field.detail}" for field in fields)
        return problem_response(ApiError(errors.INVALID, detail, errors=fields))
    kind = BY_STATUS.get(exception.status_code)
    if kind is None:
        return on_exception(request, exception)
    return problem_response(ApiError(kind, headers=exception.headers))


UNKNOWN_FIELD = re.compile(r"(?s)Object contains unknown field `(.*)`")
MISSING_FIELD = re.compile(r"Object missing required field `(.*)`")
WHERE = re.compile(r"(?s)(.*) - at `\$\.?(.*)`$")


def _field_error(entry: dict[str, Any]) -> FieldError:
    """Of a parameter or a form, as Litestar says it. JSON bodies do not come this far: `api.requests` reads them."""
    key, message = str(entry.get("key", "")), str(entry.get("message", "it is wrong"))
    if entry.get("source") in {"query", "path", "header", "cookie"}:
        return FieldError(f"?{key}", message)
    return FieldError(pointer(key.removeprefix("data")), message)


def body_error(said: str) -> FieldError:
    """Of a JSON body, as msgspec says it."""
    found = WHERE.match(said)
    message, key = (found[1], found[2]) if found else (said, "")
    if found := UNKNOWN_FIELD.match(message):
        key, message = f"{key}.{found[1]}", "there is no such field"
    elif found := MISSING_FIELD.match(message):
        key, message = f"{key}.{found[1]}", "it is required"
    return FieldError(pointer(key), message)


def pointer(path: str) -> str:
    """`params.legs[0].price` as the JSON pointer `/params/legs/0/price`."""
    parts = re.findall(r"[^.\[\]]+", path)
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


def on_unreachable(_request: Request[Any, Any, Any], error: DatabaseUnreachable) -> Response[Problem]:
    log.error("database unreachable", error=str(error))
    return problem_response(ApiError(errors.UNAVAILABLE, "The database does not answer.", headers={"Retry-After": "5"}))


def on_exception_group(request: Request[Any, Any, Any], group: ExceptionGroup[Exception]) -> Response[Problem]:
    """Litestar groups what goes wrong while a failed transaction is being closed: the connection broke under it."""
    lost = [error for error in group.exceptions if isinstance(error, DatabaseUnreachable)]
    return on_unreachable(request, lost[0]) if lost else on_exception(request, group)


def on_exception(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """A fault of ours. The client learns the request's id, the log the rest."""
    log.error("request failed", exc_info=error, method=request.method, path=request.scope.get("path_template", ""))
    return problem_response(ApiError(errors.INTERNAL))


class ProblemDocumentation(ReceiveRoutePlugin):
    """Documents on each route the refusals that it can give. Litestar has no such setting for whole routers."""

    described: ClassVar[dict[int, str]] = {
        400: "A field is wrong, or the request cannot be read.",
        401: "Not signed in.",
        403: "The role, the scope, or the CSRF token is missing.",
        404: "It never was, or it is not yours.",
        409: "A conflict with the present state.",
        412: "`If-Match` named an older version.",
        413: "The body is over the limit.",
        415: "The body is not JSON.",
        429: "Too many requests; see `Retry-After`.",
        500: "Our fault.",
        503: "Something that this needs does not answer.",
    }

    def receive_route(self, route: BaseRoute) -> None:
        if not isinstance(route, HTTPRoute):
            return
        for handler in route.route_handlers:
            if handler.resolve_include_in_schema():
                handler.responses = {**self._problems(route, handler), **(handler.responses or {})}

    def _problems(self, route: HTTPRoute, handler: HTTPRouteHandler) -> dict[int, ResponseSpec]:
        statuses = {400, 429, 500, 503} | {kind.status for kind in handler.opt.get("refuses", ())}
        if not handler.opt.get("open"):
            statuses |= {401, 403}
        if route.path_parameters:
            statuses.add(404)
        if handler.http_methods & UNSAFE:
            statuses |= {403, 413, 415}
        return {
            status: ResponseSpec(
                Problem, description=self.described[status], media_type=MEDIA_TYPE, generate_examples=False
            )
            for status in sorted(statuses)
        }
