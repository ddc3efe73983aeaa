"""Clients' WebSockets: what is sent to one waits in a queue of its own, so that a slow reader holds up nobody."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from aiohttp import WSMsgType, web

_QUEUE_MAX = 20_000
_PING_EVERY_S = 20.0
_POLICY_VIOLATION = 1008


class Connection:
    """Messages go out in the order in which they were put. A reader who falls too far behind is cut off."""

    def __init__(self, path: str, address: str) -> None:
        self.path = path
        self.address = address
        self.accounts: set[str] = set()
        """Whose events it gets."""
        self.stalled = False
        """Gone silent on purpose: the socket stays open and answers pings, and delivers nothing."""
        self.socket = web.WebSocketResponse(heartbeat=_PING_EVERY_S, compress=False, max_msg_size=1 << 20)
        self._queue: deque[bytes] = deque()
        self._filled = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None

    async def open(self, request: web.BaseRequest) -> None:
        await self.socket.prepare(request)
        self._transport = request.transport
        self._writer = asyncio.create_task(self._write(), name="websocket writer")

    def put(self, message: bytes) -> None:
        if not self.stalled:
            self._queue.append(message)
            self._filled.set()

    async def close(self, code: int = 1000) -> None:
        self._end_writing()
        await self.socket.close(code=code)

    def drop(self) -> None:
        """Cut the line without a word."""
        self._end_writing()
        if self._transport is not None:
            self._transport.abort()

    def _end_writing(self) -> None:
        if self._writer is not None:
            self._writer.cancel()

    async def _write(self) -> None:
        while True:
            await self._filled.wait()
            self._filled.clear()
            if len(self._queue) > _QUEUE_MAX:
                await self.socket.close(code=_POLICY_VIOLATION, message=b"too slow")
                return
            while self._queue:
                try:
                    await self.socket.send_frame(self._queue.popleft(), WSMsgType.TEXT)
                except (ConnectionError, RuntimeError):
                    # The reader is gone; the reading side of this connection sees it too and tidies up.
                    return


class Connections:
    """All WebSockets that are open."""

    def __init__(self) -> None:
        self._open: set[Connection] = set()

    def __iter__(self) -> Iterator[Connection]:
        return iter(tuple(self._open))

    @asynccontextmanager
    async def opened(self, request: web.BaseRequest) -> AsyncIterator[Connection]:
        """Take a client's handshake, and know of it until it has gone."""
        connection = Connection(request.path, request.remote or "")
        await connection.open(request)
        self._open.add(connection)
        try:
            yield connection
        finally:
            self._open.discard(connection)
            await connection.close()
