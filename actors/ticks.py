"""The tick stream: quotes from the market-data actor to every host over one plain TCP connection each.

Frames are a four-byte length and a msgpack body. A host says once who it is (the token that it was given by a Ray
call) and, whenever that changes, which symbols it wants; from then on it is sent the latest quote of each. A slow
reader skips quotes instead of queueing them: what it has not taken yet is overwritten.
"""

import asyncio
import contextlib
import hmac
import struct
from collections.abc import AsyncIterator, Iterable

import msgspec

from trading.ids import Symbol
from trading.market import Quote

_LENGTH = struct.Struct(">I")
FRAME_BYTES_MAX = 1 << 20
HELLO_TIMEOUT_S = 5.0


class Subscribe(msgspec.Struct, frozen=True):
    token: str
    symbols: tuple[Symbol, ...]


class TickStreamLost(Exception):
    """The connection to the market-data actor ended."""


class TickServer:
    """Serves quotes to hosts. `publish` never waits for a reader."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._latest: dict[Symbol, Quote] = {}
        self._readers: set[_Reader] = set()
        self._server: asyncio.Server | None = None
        self.wanted = asyncio.Event()
        """Set whenever the wanted symbols may have changed; cleared by whoever looks at `symbols`."""

    async def start(self, host: str) -> int:
        self._server = await asyncio.start_server(self._serve, host, 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def symbols(self) -> frozenset[Symbol]:
        return frozenset().union(*(reader.symbols for reader in self._readers))

    def publish(self, quote: Quote) -> None:
        self._latest[quote.symbol] = quote
        for reader in self._readers:
            reader.offer(quote)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for reader in tuple(self._readers):
            reader.close()

    async def _serve(self, incoming: asyncio.StreamReader, outgoing: asyncio.StreamWriter) -> None:
        reader = _Reader(outgoing)
        sending: asyncio.Task[None] | None = None
        try:
            while True:
                timeout_s = HELLO_TIMEOUT_S if sending is None else None
                async with asyncio.timeout(timeout_s):
                    body = await read_frame(incoming)
                request = msgspec.msgpack.decode(body, type=Subscribe)
                if not hmac.compare_digest(request.token.encode(), self._token.encode()):
                    return
                reader.symbols = frozenset(request.symbols)
                self._readers.add(reader)
                self.wanted.set()
                for symbol in reader.symbols & self._latest.keys():
                    reader.offer(self._latest[symbol])
                if sending is None:
                    sending = asyncio.create_task(reader.send())
        except (OSError, EOFError, TimeoutError, msgspec.MsgspecError):
            return  # the reader went away or does not speak our language: its connection ends here
        finally:
            self._readers.discard(reader)
            self.wanted.set()
            if sending is not None:
                sending.cancel()
            reader.close()


class _Reader:
    """One connected host: the symbols that it wants, and the quotes that it has not been sent yet."""

    def __init__(self, outgoing: asyncio.StreamWriter) -> None:
        self.symbols: frozenset[Symbol] = frozenset()
        self._outgoing = outgoing
        self._unsent: dict[Symbol, Quote] = {}
        self._ready = asyncio.Event()

    def offer(self, quote: Quote) -> None:
        if quote.symbol in self.symbols:
            self._unsent[quote.symbol] = quote
            self._ready.set()

    async def send(self) -> None:
        with contextlib.suppress(OSError):  # the reading side notices the same, and cleans up
            while True:
                await self._ready.wait()
                self._ready.clear()
                quotes, self._unsent = tuple(self._unsent.values()), {}
                self._outgoing.write(frame(msgspec.msgpack.encode(quotes)))
                await self._outgoing.drain()

    def close(self) -> None:
        self._outgoing.close()


class TickClient:
    """A host's end of the stream."""

    def __init__(self, token: str, incoming: asyncio.StreamReader, outgoing: asyncio.StreamWriter) -> None:
        self._token = token
        self._incoming = incoming
        self._outgoing = outgoing

    @classmethod
    async def connect(cls, host: str, port: int, token: str) -> "TickClient":
        try:
            incoming, outgoing = await asyncio.open_connection(host, port)
        except OSError as error:
            raise TickStreamLost(f"no tick stream at {host}:{port}") from error
        return cls(token, incoming, outgoing)

    def subscribe(self, symbols: Iterable[Symbol]) -> None:
        request = Subscribe(self._token, tuple(sorted(symbols)))
        self._outgoing.write(frame(msgspec.msgpack.encode(request)))

    async def quotes(self) -> AsyncIterator[Quote]:
        decoder = msgspec.msgpack.Decoder(tuple[Quote, ...])
        try:
            while True:
                for quote in decoder.decode(await read_frame(self._incoming)):
                    yield quote
        except (OSError, EOFError, msgspec.MsgspecError) as error:
            raise TickStreamLost("the tick stream ended") from error

    def close(self) -> None:
        self._outgoing.close()


def frame(body: bytes) -> bytes:
    return _LENGTH.pack(len(body)) + body


async def read_frame(incoming: asyncio.StreamReader) -> bytes:
    (length,) = _LENGTH.unpack(await incoming.readexactly(_LENGTH.size))
    if length > FRAME_BYTES_MAX:
        raise EOFError(f"a frame of {length} bytes is not one of ours")
    return await incoming.readexactly(length)
