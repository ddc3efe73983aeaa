"""Around every request, whatever becomes of it: an id, headers that protect, one line in the log."""

import secrets
import time
from contextvars import ContextVar

import structlog
from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from api.health.metrics import Metrics

log = structlog.get_logger("api.access")

_request_id: ContextVar[str] = ContextVar("request_id", default="")

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
PROTECTION = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    # A sign-in link is a secret in an address: it must not travel to the next page.
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def request_id() -> str:
    """Of the request that is being answered; empty outside of one."""
    return _request_id.get()


class RequestContext:
    """The outermost layer: Litestar's own middleware does not see a request that no route matches."""

    def __init__(self, app: ASGIApp, metrics: Metrics, *, secure: bool) -> None:
        self._app = app
        self._metrics = metrics
        self._headers = PROTECTION | ({"Strict-Transport-Security": "max-age=31536000"} if secure else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        name = f"req_{secrets.token_hex(8)}"
        _request_id.set(name)
        status = 0

        async def protected_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableScopeHeaders.from_message(message)
                headers["X-Request-Id"] = name
                for header, value in self._headers.items():
                    headers.setdefault(header, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=name):
            await self._app(scope, receive, protected_send)
            took_s = time.perf_counter() - started
            # The template and not the path: a path may hold a sign-in link's secret, and there is no end of paths.
            route = scope.get("path_template") or "(none)"
            self._metrics.observe(scope["method"], route, status, took_s)
            log.info(
                "request",
                method=scope["method"],
                route=route,
                status=status,
                took_ms=round(took_s * 1000, 1),
                user_id=getattr(scope.get("auth"), "user_id", None),
            )
