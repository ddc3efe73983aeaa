"""The tick stream: quotes and readings from the market-data actor to every host, over one plain TCP connection each.

Frames are a four-byte length and a msgpack body. A host says once who it is (the token that it was given by a Ray
call) and, whenever that changes, what it wants; from then on it is sent the latest of each. A slow reader skips instead
of queueing: what it has not taken yet is overwritten.
"""

import asyncio
import contextlib
import hmac
import struct
from collections.abc import AsyncIterator, Iterable

import msgspec

from trading.ids import Symbol
from trading.market import Quote, Reading
from trading.strategies.contract import Feed

_LENGTH = struct.Struct(">I")
FRAME_BYTES_MAX = 1 << 20
HELLO_TIMEOUT_S = 5.0
PULSE_S = 1.0
"""Something is sent at least so often, were it nothing."""
SILENCE_S = 4.0
"""Longer without a word, and the stream is lost, whatever the socket says: a network that swallows tells nobody."""


class Subscribe(msgspec.Struct, frozen=True):
    token: str
    symbols: tuple[Symbol, ...]
    feeds: tuple[Feed, ...] = ()


class News(msgspec.Struct, frozen=True):
    """One frame: what is new since the last."""

    quotes: tuple[Quote, ...] = ()
    readings: tuple[Reading, ...] = ()


class TickStreamLost(Exception):
    """The connection to the market-data actor ended."""


class TickServer:
    """Serves hosts. Publishing never waits for a reader."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._quotes: dict[Symbol, Quote] = {}
        self._readings: dict[tuple[Symbol, str], Reading] = {}
        self._readers: set[_Reader] = set()
        self._server: asyncio.Server | None = None
        self.wanted = asyncio.Event()
        """Set whenever what readers want may have changed; cleared by whoever looks at `symbols`."""

    async def start(self, host: str) -> int:
        self._server = await asyncio.start_server(self._serve, host, 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def symbols(self) -> frozenset[Symbol]:
        return frozenset().union(*(reader.symbols for reader in self._readers))

    @property
    def feeds(self) -> frozenset[Feed]:
        return frozenset().union(*(reader.feeds for reader in self._readers))

    def publish(self, quote: Quote) -> None:
        self._quotes[quote.symbol] = quote
        for reader in self._readers:
            reader.offer(quote)

    def publish_reading(self, reading: Reading) -> None:
        self._readings[reading.symbol, reading.timeframe] = reading
        for reader in self._readers:
            reader.offer_reading(reading)

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
                reader.want(request)
                self._readers.add(reader)
                self.wanted.set()
                for quote in self._quotes.values():
                    reader.offer(quote)
                for reading in self._readings.values():
                    reader.offer_reading(reading)
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
    """One connected host: what it wants, and what it has not been sent yet."""

    def __init__(self, outgoing: asyncio.StreamWriter) -> None:
        self.symbols: frozenset[Symbol] = frozenset()
        self.feeds: frozenset[Feed] = frozenset()
        self._series: frozenset[tuple[Symbol, str]] = frozenset()
        self._outgoing = outgoing
        self._quotes: dict[Symbol, Quote] = {}
        self._readings: dict[tuple[Symbol, str], Reading] = {}
        self._ready = asyncio.Event()

    def want(self, request: Subscribe) -> None:
        self.symbols = frozenset(request.symbols)
        self.feeds = frozenset(request.feeds)
        self._series = frozenset((feed.symbol, feed.timeframe) for feed in request.feeds)

    def offer(self, quote: Quote) -> None:
        if quote.symbol in self.symbols:
            self._quotes[quote.symbol] = quote
            self._ready.set()

    def offer_reading(self, reading: Reading) -> None:
        series = (reading.symbol, reading.timeframe)
        if series in self._series:
            self._readings[series] = reading
            self._ready.set()

    async def send(self) -> None:
        with contextlib.suppress(OSError):  # the reading side notices the same, and cleans up
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(PULSE_S):
                        await self._ready.wait()
                self._ready.clear()
                news = News(tuple(self._quotes.values()), tuple(self._readings.values()))
                self._quotes, self._readings = {}, {}
                self._outgoing.write(frame(msgspec.msgpack.encode(news)))
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

    def subscribe(self, symbols: Iterable[Symbol], feeds: Iterable[Feed] = ()) -> None:
        request = Subscribe(self._token, tuple(sorted(symbols)), tuple(feeds))
        self._outgoing.write(frame(msgspec.msgpack.encode(request)))

    async def news(self, silence_s: float = SILENCE_S) -> AsyncIterator[Quote | Reading]:
        decoder = msgspec.msgpack.Decoder(News)
        try:
            while True:
                async with asyncio.timeout(silence_s):
                    body = await read_frame(self._incoming)
                news = decoder.decode(body)
                for quote in news.quotes:
                    yield quote
                for reading in news.readings:
                    yield reading
        except TimeoutError:
            raise TickStreamLost(f"the tick stream has been silent for {silence_s:g} s") from None
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
