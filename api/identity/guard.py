"""What stands before every route. A route says in its `opt` what it asks for.

`open`     anybody may come
`scope`    what a token must be allowed to do (a safe method defaults to `read`)
`session`  only a signed-in browser: what a leaked token must not be able to do
`role`     the roles that may come

One that says nothing wants somebody signed in, and lets no token write.
"""

import secrets
from typing import Any
from urllib.parse import urlsplit

from litestar.handlers import BaseRouteHandler

from api.errors import CROSS_SITE, FORBIDDEN, MALFORMED, ApiError
from api.identity.principal import STAFF, Connection, Principal, Role, Scope, signed_in

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER = "x-csrf-token"

OPEN: dict[str, Any] = {"open": True}
SESSION_ONLY: dict[str, Any] = {"session": True}
FOR_STAFF: dict[str, Any] = {"role": STAFF, "scope": Scope.ADMIN}
FOR_ADMINS: dict[str, Any] = {"role": frozenset({Role.ADMIN}), "scope": Scope.ADMIN}


def needs(scope: Scope) -> dict[str, Any]:
    return {"scope": scope}


def guard(connection: Connection, handler: BaseRouteHandler) -> None:
    refuse_nul(connection)
    unsafe = connection.scope.get("method", "GET") not in SAFE
    if unsafe:
        refuse_foreign_origin(connection)
    if handler.opt.get("open"):
        return
    principal = signed_in(connection)
    if unsafe and principal.csrf_token is not None:
        check_csrf(connection, principal)
    if principal.token_id is not None:
        check_scope(handler, principal, unsafe=unsafe)
    roles = handler.opt.get("role")
    if roles is not None and principal.role not in roles:
        raise ApiError(FORBIDDEN, f"This needs the role {' or '.join(sorted(roles))}.")


def check_scope(handler: BaseRouteHandler, principal: Principal, *, unsafe: bool) -> None:
    if handler.opt.get("session"):
        raise ApiError(FORBIDDEN, "A token may not do this: sign in with a browser.")
    scope = handler.opt.get("scope", None if unsafe else Scope.READ)
    if scope is None or scope not in principal.scopes:
        raise ApiError(FORBIDDEN, f"This token lacks the scope {scope or 'for this'}.")


def check_csrf(connection: Connection, principal: Principal) -> None:
    sent = connection.headers.get(CSRF_HEADER, "")
    if not secrets.compare_digest(sent.encode(), (principal.csrf_token or "").encode()):
        raise ApiError(CROSS_SITE, "Send the session's CSRF token, as `GET /api/v1/me` gives it, in X-CSRF-Token.")


def refuse_foreign_origin(connection: Connection) -> None:
    """Browsers say where a request comes from. Also for those without a session: a forced login is an attack too."""
    site = connection.headers.get("sec-fetch-site")
    if site is not None:
        if site not in {"same-origin", "none"}:
            raise ApiError(CROSS_SITE)
        return
    origin = connection.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != connection.headers.get("host"):
        raise ApiError(CROSS_SITE)


def refuse_nul(connection: Connection) -> None:
    """Postgres has no text with a NUL in it, so nothing is named like that."""
    query: bytes = connection.scope.get("query_string", b"")
    if "\0" in connection.scope["path"] or b"\0" in query or b"%00" in query:
        raise ApiError(MALFORMED, "The address holds a NUL character.")
