"""Answers over HTTP."""

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from aiohttp import HttpVersion11, web

_HEADS = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json;charset=UTF-8\r\n"
    for status in HTTPStatus
}


class Answer(web.Response):
    """A JSON answer, its head and body written in one piece.

    It says no more than a client reads, in a fifth of the time that `web.Response` takes for it. It serves a
    client that keeps its connection; for any other, `answer` makes an ordinary one.
    """

    def __init__(self, body: bytes, status: int, headers: Mapping[str, str]) -> None:
        # Deliberately not the parent's: making what it would make is the time that is saved.
        more = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        head = f"{_HEADS[status]}Content-Length: {len(body)}\r\n{more}\r\n"
        self._data = head.encode() + body
        self._status = status

    @property
    def status(self) -> int:
        return self._status

    @property
    def keep_alive(self) -> bool:
        return True

    async def prepare(self, request: web.BaseRequest) -> None:
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client is gone")
        transport.write(self._data)

    async def write_eof(self, data: bytes = b"") -> None:
        """All of it is written."""


def answer(
    request: web.BaseRequest, body: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    return answer_json(request, msgspec.json.encode(body), status, headers)


def answer_json(request: web.BaseRequest, body: bytes, status: int, headers: Mapping[str, str] | None) -> web.Response:
    if request.version == HttpVersion11 and request.keep_alive:
        return Answer(body, status, headers or {})
    return web.Response(body=body, status=status, headers=headers, content_type="application/json")
