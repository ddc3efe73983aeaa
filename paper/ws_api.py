"""The WebSocket API: the same endpoints as REST under other names, sessions, and user data without a listen key."""

from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from paper.connections import Connection, Connections
from paper.dispatch import Dispatch
from paper.endpoints import Access, Endpoint, Methods
from paper.errors import Refused
from paper.facts import Key, KeyKind
from paper.faults import CutOff
from paper.limits import TooMany
from paper.payloads import Json
from paper.requests import Request, read_json
from paper.signing import Doorkeeper
from paper.user_streams import Subscription, UserStreams


class WsApi:
    def __init__(
        self,
        *,
        connections: Connections,
        methods: Methods,
        users: UserStreams,
        doorkeeper: Doorkeeper,
        dispatch: Dispatch,
        clock: Callable[[], int],
    ) -> None:
        self._connections = connections
        self.methods = methods
        self.users = users
        self.doorkeeper = doorkeeper
        self.dispatch = dispatch
        self.clock = clock

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        async with self._connections.opened(request) as connection:
            tell_limits = request.rel_url.query.get("returnRateLimits") != "false"
            session = _Session(self, connection, tell_limits=tell_limits)
            try:
                async for message in connection.socket:
                    if message.type is WSMsgType.TEXT:
                        await session.hear(message.data)
            finally:
                session.leave()
        return connection.socket


class _Session:
    """One connection: who is logged on, and which accounts' events it gets."""

    def __init__(self, api: WsApi, connection: Connection, *, tell_limits: bool) -> None:
        self._api = api
        self._connection = connection
        self._tell_limits = tell_limits
        self._connected_since = api.clock()
        self._authorized_since: int | None = None
        self._subscriptions: dict[int, Subscription] = {}
        self._next_subscription = 0
        self._key: Key | None = None
        own: dict[str, tuple[Callable[[Request], Any], Access]] = {
            "session.logon": (self._log_on, Access.SIGNED),
            "session.logout": (self._log_out, Access.PUBLIC),
            "session.status": (self._status, Access.PUBLIC),
            "session.subscriptions": (self._list, Access.PUBLIC),
            "userDataStream.subscribe": (self._subscribe_session, Access.PUBLIC),
            "userDataStream.subscribe.signature": (self._subscribe_signed, Access.SIGNED),
            "userDataStream.unsubscribe": (self._unsubscribe, Access.PUBLIC),
        }
        self._own = {name: Endpoint(handler, access, weight=2) for name, (handler, access) in own.items()}

    def leave(self) -> None:
        for subscription in self._subscriptions.values():
            self._api.users.unsubscribe(subscription)
        self._subscriptions.clear()

    async def hear(self, text: str) -> None:
        """Answer one request, or break the connection if a fault says so."""
        try:
            answer, truncated = await self._answer(text)
        except CutOff:
            self._connection.drop()
            return
        data = msgspec.json.encode(answer)
        self._connection.put(data[: len(data) // 2] if truncated else data)

    async def _answer(self, text: str) -> tuple[Json, bool]:
        number: Any = None
        request = None
        try:
            message = _read(text)
            number = message.get("id")
            request, method = self._request(message), message["method"].removeprefix("v3/")
            reply = await self._api.dispatch.call(self._endpoint(method, request), request, method)
            answer = {"id": number, "status": 200, "result": reply.body}
            truncated = reply.truncated
        except Refused as refusal:
            answer, truncated = {"id": number, "status": refusal.status, "error": _error(refusal)}, False
        if request is not None and request.flag("returnRateLimits", default=self._tell_limits):
            answer["rateLimits"] = self._api.dispatch.rate_limits(request)
        return answer, truncated

    def _request(self, message: Json) -> Request:
        sent = message.get("params") or {}
        if not isinstance(sent, dict):
            raise Refused(-1135, "Invalid JSON Request")
        params = {str(name): _plain(value) for name, value in sent.items() if value is not None}
        signed = "&".join(f"{name}={params[name]}" for name in sorted(params) if name != "signature")
        return Request(
            params=params,
            now=self._api.clock(),
            payload=signed,
            api_key=params.get("apiKey", ""),
            address=self._connection.address,
        )

    def _endpoint(self, method: str, request: Request) -> Endpoint:
        endpoint = self._own.get(method) or self._api.methods.get(method)
        if endpoint is None:
            raise Refused(-1099, "Not found, unauthenticated, or unauthorized", 404)
        if self._key is not None and not request.api_key and endpoint.access is not Access.PUBLIC:
            # Who has logged on need not sign again.
            request.api_key = self._key.key
            request.trusted = True
        return endpoint

    def _log_on(self, request: Request) -> Json:
        if request.key is not None and request.key.kind is not KeyKind.ED25519:
            raise Refused(-4056, "HMAC_SHA256 API key is not supported.")
        self._key, self._authorized_since = request.key, request.now
        return self._status(request)

    def _log_out(self, request: Request) -> Json:
        self._key = self._authorized_since = None
        return self._status(request)

    def _status(self, request: Request) -> Json:
        return {
            "apiKey": self._key.key if self._key else None,
            "authorizedSince": self._authorized_since,
            "connectedSince": self._connected_since,
            "returnRateLimits": self._tell_limits,
            "serverTime": request.now,
            "userDataStream": bool(self._subscriptions),
        }

    def _list(self, _request: Request) -> list[Json]:
        return [{"subscriptionId": number} for number in self._subscriptions]

    def _subscribe_session(self, _request: Request) -> Json:
        if self._key is None:
            raise Refused(-1099, "Not found, unauthenticated, or unauthorized", 401)
        return self._subscribe(self._key.account)

    def _subscribe_signed(self, request: Request) -> Json:
        return self._subscribe(request.account.id)

    def _subscribe(self, account: str) -> Json:
        if any(subscription.account == account for subscription in self._subscriptions.values()):
            raise Refused(-2035, "User Data Stream subscription already active.")
        number = self._next_subscription
        self._next_subscription += 1
        self._subscriptions[number] = self._api.users.subscribe(self._connection, account, number)
        return {"subscriptionId": number}

    def _unsubscribe(self, request: Request) -> Json:
        chosen = request.optional_integer("subscriptionId")
        for number in list(self._subscriptions) if chosen is None else [chosen]:
            subscription = self._subscriptions.pop(number, None)
            if subscription is None:
                raise Refused(-2036, "User Data Stream subscription not active.")
            self._api.users.unsubscribe(subscription)
        return {}


def _read(text: str) -> Json:
    message = read_json(text)
    if not isinstance(message, dict) or not isinstance(message.get("method"), str):
        raise Refused(-1135, "Invalid JSON Request")
    return message


def _plain(value: Any) -> str:
    """A JSON value as the text that was signed."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return msgspec.json.encode(value).decode()
    return str(value)


def _error(refusal: Refused) -> Json:
    if isinstance(refusal, TooMany):
        return refusal.body | {"data": {"serverTime": refusal.now, "retryAfter": refusal.retry_at}}
    return refusal.body
