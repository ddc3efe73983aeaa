"""One client's WebSocket: what is sent to it waits in a queue of its own, so that a slow reader holds up nobody."""

import asyncio
from collections import deque

from aiohttp import web

_QUEUE_MAX = 20_000
_PING_EVERY_S = 20.0
_POLICY_VIOLATION = 1008


class Connection:
    """Messages go out in the order in which they were put. A reader who falls too far behind is cut off."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = web.WebSocketResponse(heartbeat=_PING_EVERY_S, compress=False, max_msg_size=1 << 20)
        self._queue: deque[bytes] = deque()
        self._filled = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self.stalled = False
        """Told to go silent: keeps the socket open, answers pings, delivers nothing."""

    async def open(self, request: web.BaseRequest) -> None:
        await self.socket.prepare(request)
        self._writer = asyncio.create_task(self._write(), name="websocket writer")

    def put(self, message: bytes) -> None:
        if self.stalled:
            return
        self._queue.append(message)
        self._filled.set()

    async def close(self, code: int = 1000) -> None:
        if self._writer is not None:
            self._writer.cancel()
        await self.socket.close(code=code)

    def drop(self) -> None:
        """Cut the line without a word."""
        if self._writer is not None:
            self._writer.cancel()
        transport = self.socket.get_extra_info("transport")
        if transport is not None:
            transport.abort()

    async def _write(self) -> None:
        while True:
            await self._filled.wait()
            self._filled.clear()
            if len(self._queue) > _QUEUE_MAX:
                await self.socket.close(code=_POLICY_VIOLATION, message=b"too slow")
                return
            while self._queue:
                message = self._queue.popleft()
                try:
                    await self.socket.send_frame(message, _TEXT)
                except (ConnectionError, RuntimeError):
                    # The reader is gone; the reading side of this connection sees it too and tidies up.
                    return


_TEXT = web.WSMsgType.TEXT
