"""The exchange's front: every HTTP request and every WebSocket comes in here and is shown to who answers it."""

import asyncio
import hmac
import ipaddress
import logging
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from paper.admin import Admin
from paper.answers import answer, answer_json
from paper.dispatch import Dispatch
from paper.endpoints import Endpoint, Routes
from paper.errors import PaperError, Refused
from paper.faults import CutOff
from paper.limits import TooMany
from paper.requests import Request, read_query
from paper.sockets import StreamSockets
from paper.ws_api import WsApi

log = logging.getLogger(__name__)

_UNKNOWN_ERROR = Refused(-1000, "An unknown error occurred while processing the request.", 500)


class Front:
    """Answers whatever arrives. Nothing that a client can send makes it raise."""

    def __init__(
        self,
        *,
        routes: Routes,
        dispatch: Dispatch,
        sockets: StreamSockets,
        ws_api: WsApi,
        admin: Admin,
        admin_token: str,
        commit: Callable[[], Awaitable[None]],
        clock: Callable[[], int],
    ) -> None:
        self._routes = routes
        self._dispatch = dispatch
        self._sockets = sockets
        self._ws_api = ws_api
        self._admin = admin
        self._admin_token = admin_token.encode()
        self._commit = commit
        self._clock = clock

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        try:
            endpoint = self._routes.get((request.method, path))
            if endpoint is not None:
                return await self._call(endpoint, request, path, query)
            if path.startswith("/_paper/"):
                return await self._administer(request, path.removeprefix("/_paper/"), query)
            return await self._open_socket(request, path, query)
        except TooMany as refusal:
            return answer(request, refusal.body, refusal.status, {"Retry-After": str(refusal.retry_after_s)})
        except Refused as refusal:
            return answer(request, refusal.body, refusal.status)
        except CutOff:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        except (web.HTTPException, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("a request failed")
            return answer(request, _UNKNOWN_ERROR.body, _UNKNOWN_ERROR.status)

    async def _call(self, endpoint: Endpoint, request: web.BaseRequest, path: str, query: str) -> web.StreamResponse:
        params, signed = read_query(query, await _form(request))
        asked = Request(
            params=params,
            now=self._clock(),
            payload=signed,
            api_key=request.headers.get("X-MBX-APIKEY", ""),
            address=request.remote or "",
        )
        reply = await self._dispatch.call(endpoint, asked, f"{request.method} {path}")
        body = msgspec.json.encode(reply.body)
        return answer_json(request, body[: len(body) // 2] if reply.truncated else body, 200, reply.headers)

    async def _open_socket(self, request: web.BaseRequest, path: str, query: str) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            self._dispatch.limiter.socket(request.remote or "", self._clock())
            self._dispatch.check_open()
            if path == "/ws-api/v3":
                return await self._ws_api.serve(request)
            if path == "/ws" or path.startswith("/ws/"):
                return await self._sockets.serve(request, path.removeprefix("/ws"), combined=False)
            if path == "/stream" or path.startswith("/stream/"):
                names = read_query(query)[0].get("streams", "")
                return await self._sockets.serve(request, names, combined=True)
        return web.Response(status=404, text="Not found")

    async def _administer(self, request: web.BaseRequest, path: str, query: str) -> web.StreamResponse:
        if not _is_local(request.remote):
            return web.Response(status=404, text="Not found")
        sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(sent.encode(), self._admin_token):
            return answer(request, {"error": "send the admin token of this run as Authorization: Bearer …"}, 401)
        handler = self._admin.handlers.get((request.method, path))
        if handler is None:
            return answer(request, {"error": f"there is no {request.method} /_paper/{path}"}, 404)
        try:
            found = handler(read_query(query)[0], await request.read(), self._clock())
        except PaperError as problem:
            return answer(request, {"error": str(problem)}, 400)
        await self._commit()
        return answer(request, found)


async def _form(request: web.BaseRequest) -> str:
    if not request.can_read_body:
        return ""
    content = request.content
    # A small body has come with its head, as nearly every one does: then there is nothing to wait for.
    body = content.read_nowait(-1) if content.is_eof() else await request.read()
    return body.decode(errors="replace")


def _is_local(address: str | None) -> bool:
    return address is not None and ipaddress.ip_address(address).is_loopback
