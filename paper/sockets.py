"""WebSockets for streams: market data by name, and an account's events by its listen key."""

from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from paper.connections import Connection
from paper.errors import Refused
from paper.payloads import Json
from paper.streams import Streams, check_names, split_names
from paper.user_streams import UserStreams


class StreamSockets:
    def __init__(self, streams: Streams, users: UserStreams, clock: Callable[[], int]) -> None:
        self._streams = streams
        self._users = users
        self._clock = clock

    async def serve(self, request: web.BaseRequest, names: str, *, combined: bool) -> web.StreamResponse:
        """One client until it leaves. It may have named streams in the address, and may ask for more at any time."""
        connection = Connection(request.remote or "")
        await connection.open(request)
        session = _Session(connection, self._streams, combined=combined)
        subscriptions = []
        for name in split_names(names):
            owner = self._users.owner(name, self._clock())
            if owner is not None:
                subscriptions.append(self._users.subscribe(connection, owner, numbered=False))
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
            await connection.close()
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
        try:
            message = msgspec.json.decode(text)
        except msgspec.DecodeError:
            return {"error": {"code": 3, "msg": "Invalid JSON: expected value at line 1 column 1"}}
        if not isinstance(message, dict):
            return {"error": {"code": 2, "msg": "Invalid request: expected an object"}}
        number = message.get("id")
        try:
            return {"result": self._do(str(message.get("method")), message.get("params")), "id": number}
        except Refused as refusal:
            return {"error": {"code": refusal.code, "msg": refusal.message}, "id": number}

    def _do(self, method: str, params: Any) -> Any:
        if method == "SUBSCRIBE":
            self.subscribe(check_names(params))
        elif method == "UNSUBSCRIBE":
            self.unsubscribe(check_names(params))
        elif method == "LIST_SUBSCRIPTIONS":
            return sorted(self._names)
        elif method == "GET_PROPERTY" and params == ["combined"]:
            return self._combined
        elif method == "SET_PROPERTY" and isinstance(params, list) and params[:1] == ["combined"] and len(params) == 2:
            names = list(self._names)
            self.leave()
            self._combined = params[1] is True
            self.subscribe(names)
        else:
            raise Refused(2, "Invalid request: unknown variant")
        return None
