"""The WebSocket API: the same endpoints as REST under other names, sessions, and user data without a listen key."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from paper.connections import Connection
from paper.endpoints import Access, Endpoint, Methods
from paper.errors import PaperError, Refused
from paper.facts import Key
from paper.payloads import Json
from paper.requests import Request
from paper.signing import Doorkeeper
from paper.user_streams import Subscription, UserStreams

Call = Callable[[Endpoint, Request, str], Awaitable[Any]]
"""Runs an endpoint with everything around it: access, limits, durability."""


class WsApi:
    def __init__(
        self, methods: Methods, users: UserStreams, doorkeeper: Doorkeeper, call: Call, clock: Callable[[], int]
    ) -> None:
        self.methods = methods
        self.users = users
        self.doorkeeper = doorkeeper
        self.call = call
        self.clock = clock

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = Connection(request.remote or "")
        await connection.open(request)
        session = _Session(self, connection)
        try:
            async for message in connection.socket:
                if message.type is WSMsgType.TEXT:
                    answer = await session.answer(message.data)
                    if answer is not None:
                        connection.put(msgspec.json.encode(answer))
        finally:
            session.leave()
            await connection.close()
        return connection.socket


class _Session:
    """One connection: who is logged on, and which accounts' events it gets."""

    def __init__(self, api: WsApi, connection: Connection) -> None:
        self._api = api
        self._connection = connection
        self._subscriptions: dict[int, Subscription] = {}
        self._key: Key | None = None
        self._own: dict[str, Callable[[Request], Json]] = {
            "session.logon": self._log_on,
            "session.logout": self._log_out,
            "session.status": self._status,
            "userDataStream.subscribe": self._subscribe_session,
            "userDataStream.subscribe.signature": self._subscribe_signed,
            "userDataStream.unsubscribe": self._unsubscribe,
        }

    def leave(self) -> None:
        for subscription in self._subscriptions.values():
            self._api.users.unsubscribe(subscription)
        self._subscriptions.clear()

    async def answer(self, text: str) -> Json | None:
        try:
            message = msgspec.json.decode(text)
        except msgspec.DecodeError:
            message = None
        if not isinstance(message, dict) or not isinstance(message.get("method"), str):
            return _failed(None, Refused(-1135, "Invalid JSON Request."))
        number = message.get("id")
        sent = message.get("params") or {}
        if not isinstance(sent, dict):
            return _failed(number, Refused(-1135, "Invalid 'params' in JSON request; expected an object."))
        params = {str(name): _plain(value) for name, value in sent.items() if value is not None}
        request = self._request(params)
        try:
            own = self._own.get(message["method"])
            if own is not None:
                return {"id": number, "status": 200, "result": own(request), "rateLimits": []}
            endpoint = self._endpoint(message["method"], request)
            result = await self._api.call(endpoint, request, message["method"])
        except Refused as refusal:
            return _failed(number, refusal)
        return {"id": number, "status": 200, "result": result, "rateLimits": []}

    def _request(self, params: dict[str, str]) -> Request:
        signed = "&".join(f"{name}={params[name]}" for name in sorted(params) if name != "signature")
        return Request(
            params=params,
            now=self._api.clock(),
            payload=signed,
            api_key=params.get("apiKey", ""),
            address=self._connection.address,
        )

    def _endpoint(self, method: str, request: Request) -> Endpoint:
        endpoint = self._api.methods.get(method)
        if endpoint is None:
            raise Refused(-1099, "Not found, unauthenticated, or unauthorized", 404)
        if self._key is not None and not request.api_key and endpoint.access is not Access.PUBLIC:
            # Who has logged on need not sign again.
            request.api_key = self._key.key
            request.trusted = True
        return endpoint

    def _log_on(self, request: Request) -> Json:
        self._api.doorkeeper.verify(request)
        self._key = request.key
        return self._status(request)

    def _log_out(self, request: Request) -> Json:
        self._key = None
        return self._status(request)

    def _status(self, request: Request) -> Json:
        return {
            "apiKey": self._key.key if self._key else None,
            "authorizedSince": request.now if self._key else None,
            "connectedSince": request.now,
            "returnRateLimits": False,
            "serverTime": request.now,
            "userDataStream": bool(self._subscriptions),
        }

    def _subscribe_session(self, _request: Request) -> Json:
        if self._key is None:
            raise Refused(-2014, "Log on to the session first.", 401)
        return self._subscribe(self._key)

    def _subscribe_signed(self, request: Request) -> Json:
        self._api.doorkeeper.verify(request)
        assert request.key is not None
        return self._subscribe(request.key)

    def _subscribe(self, key: Key) -> Json:
        if any(subscription.account == key.account for subscription in self._subscriptions.values()):
            raise Refused(-2035, "User Data Stream subscription already active.")
        subscription = self._api.users.subscribe(self._connection, key.account, numbered=True)
        if subscription.id is None:
            raise PaperError("a numbered subscription has a number")
        self._subscriptions[subscription.id] = subscription
        return {"subscriptionId": subscription.id}

    def _unsubscribe(self, request: Request) -> Json:
        chosen = request.optional_integer("subscriptionId")
        for number in list(self._subscriptions) if chosen is None else [chosen]:
            subscription = self._subscriptions.pop(number, None)
            if subscription is None:
                raise Refused(-2036, "User Data Stream subscription not active.")
            self._api.users.unsubscribe(subscription)
        return {}


def _plain(value: Any) -> str:
    """A JSON value as the text that was signed."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return msgspec.json.encode(value).decode()
    return str(value)


def _failed(number: Any, refusal: Refused) -> Json:
    return {"id": number, "status": refusal.status, "error": refusal.body}
