"""WebSockets for streams: market data by name, and an account's events by its listen key."""

from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from paper.connections import Connection, Connections
from paper.errors import Refused
from paper.payloads import Json
from paper.requests import read_json
from paper.streams import Streams, check_names
from paper.user_streams import UserStreams


class StreamSockets:
    def __init__(
        self, connections: Connections, streams: Streams, users: UserStreams, clock: Callable[[], int]
    ) -> None:
        self._connections = connections
        self._streams = streams
        self._users = users
        self._clock = clock

    async def serve(self, request: web.BaseRequest, names: str, *, combined: bool) -> web.StreamResponse:
        """One client until it leaves. It may have named streams in the address, and may ask for more at any time."""
        async with self._connections.opened(request) as connection:
            session = _Session(connection, self._streams, combined=combined)
            subscriptions = []
            for name in filter(None, names.split("/")):
                owner = self._users.owner(name, self._clock())
                if owner is not None:
                    subscriptions.append(self._users.subscribe(connection, owner))
                else:
                    session.subscribe([name])
            try:
                async for message in connection.socket:
                    if message.type is WSMsgType.TEXT:
                        connection.put(msgspec.json.encode(session.answer(message.data)))
            finally:
                session.leave()
                for subscription in subscriptions:
                    self._users.unsubscribe(subscription)
        return connection.socket


class _Session:
    def __init__(self, connection: Connection, streams: Streams, *, combined: bool) -> None:
        self._connection = connection
        self._streams = streams
        self._combined = combined
        self._names: set[str] = set()

    def subscribe(self, names: list[str]) -> None:
        for name in names:
            self._names.add(name)
            self._streams.subscribe(self._connection, name, combined=self._combined)

    def unsubscribe(self, names: list[str]) -> None:
        for name in names:
            self._names.discard(name)
            self._streams.unsubscribe(self._connection, name, combined=self._combined)

    def leave(self) -> None:
        self.unsubscribe(list(self._names))

    def answer(self, text: str) -> Json:
        message = read_json(text)
        if not isinstance(message, dict):
            return {"error": {"code": 3, "msg": "Invalid JSON: expected value at line 1 column 1"}}
        number = message.get("id")
        try:
            return {"result": self._do(str(message.get("method")), message.get("params")), "id": number}
        except Refused as refusal:
            return {"error": refusal.body, "id": number}

    def _do(self, method: str, params: Any) -> Any:
        match method, params:
            case "SUBSCRIBE", _:
                self.subscribe(check_names(params))
            case "UNSUBSCRIBE", _:
                self.unsubscribe(check_names(params))
            case "LIST_SUBSCRIPTIONS", _:
                return sorted(self._names)
            case "GET_PROPERTY", ["combined"]:
                return self._combined
            case "SET_PROPERTY", ["combined", bool(combined)]:
                names = list(self._names)
                self.leave()
                self._combined = combined
                self.subscribe(names)
            case "SET_PROPERTY", ["combined", _]:
                raise Refused(1, "Invalid value type: expected Boolean")
            case "GET_PROPERTY" | "SET_PROPERTY", _:
                raise Refused(0, "Unknown property")
            case _:
                raise Refused(2, f"Invalid request: unknown variant {method}, expected one of {_METHODS}")
        return None


_METHODS = ", ".join(
    f"`{name}`" for name in ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
)
