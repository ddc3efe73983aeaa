"""The tick stream over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest

from actors.ticks import PULSE_S, Subscribe, TickClient, TickServer, TickStreamLost, frame
from trading.ids import Symbol
from trading.market import Quote, Reading
from trading.strategies.contract import Feed, Indicator

NOW = datetime(2026, 1, 2, tzinfo=UTC)
BTC, ETH = Symbol("BTC/USDT"), Symbol("ETH/USDT")


def quote(symbol: Symbol, version: int) -> Quote:
    price = Decimal("61204.10")
    return Quote(symbol=symbol, bid=price, ask=price, last=price, at=NOW, received_at=NOW, version=version)


@pytest.fixture
async def server() -> AsyncIterator[tuple[TickServer, int]]:
    server = TickServer("the token")
    port = await server.start("127.0.0.1")
    yield server, port
    await server.stop()


async def wanted(server: TickServer, symbols: set[Symbol]) -> None:
    async with asyncio.timeout(5):
        while server.symbols != symbols:
            server.wanted.clear()
            await server.wanted.wait()


async def test_a_reader_gets_what_is_there_and_what_changes_of_its_symbols_only(server: tuple[TickServer, int]) -> None:
    ticks, port = server
    ticks.publish(quote(BTC, 1))
    client = await TickClient.connect("127.0.0.1", port, "the token")
    client.subscribe([BTC])
    quotes = client.news()
    assert await anext(quotes) == quote(BTC, 1)
    ticks.publish(quote(ETH, 1))
    ticks.publish(quote(BTC, 2))
    assert await anext(quotes) == quote(BTC, 2)
    client.close()


async def test_a_reader_gets_the_readings_of_its_feeds_only(server: tuple[TickServer, int]) -> None:
    ticks, port = server
    ticks.publish_reading(Reading(symbol=BTC, timeframe="1m", candles=(), values={"rsi:14": (31.5,)}))
    client = await TickClient.connect("127.0.0.1", port, "the token")
    client.subscribe([], [Feed(symbol=BTC, timeframe="1m", indicators=(Indicator("rsi", (14,)),))])
    news = client.news()
    assert await anext(news) == Reading(symbol=BTC, timeframe="1m", candles=(), values={"rsi:14": (31.5,)})
    ticks.publish_reading(Reading(symbol=BTC, timeframe="5m", candles=(), values={}))
    ticks.publish_reading(Reading(symbol=BTC, timeframe="1m", candles=(), values={"rsi:14": (30.0,)}))
    assert await anext(news) == Reading(symbol=BTC, timeframe="1m", candles=(), values={"rsi:14": (30.0,)})
    client.close()


async def test_the_server_knows_what_all_its_readers_want(server: tuple[TickServer, int]) -> None:
    ticks, port = server
    first = await TickClient.connect("127.0.0.1", port, "the token")
    second = await TickClient.connect("127.0.0.1", port, "the token")
    first.subscribe([BTC])
    second.subscribe([ETH])
    await wanted(ticks, {BTC, ETH})
    second.subscribe([BTC])
    await wanted(ticks, {BTC})
    first.close()
    second.close()
    await wanted(ticks, set())


async def test_a_reader_that_stalls_skips_to_the_latest_and_holds_up_nobody(server: tuple[TickServer, int]) -> None:
    ticks, port = server
    slow = await TickClient.connect("127.0.0.1", port, "the token")
    slow.subscribe([BTC])
    await wanted(ticks, {BTC})
    # Far more than the sockets' buffers hold; nothing here ever waits for the reader.
    for version in range(1, 200_001):
        ticks.publish(quote(BTC, version))
        if version % 100 == 0:
            await asyncio.sleep(0)
    seen = []
    async with asyncio.timeout(10):
        async for tick in slow.news():
            assert isinstance(tick, Quote)
            seen.append(tick.version)
            if tick.version == 200_000:
                break
    assert seen == sorted(seen)
    assert len(seen) < 200_000
    slow.close()


@pytest.mark.parametrize(
    "opening",
    [
        pytest.param(frame(msgspec.msgpack.encode(Subscribe("wrong", (BTC,)))), id="a wrong token"),
        pytest.param(frame(b"not msgpack"), id="no msgpack"),
        pytest.param(b"\xff\xff\xff\xff", id="a frame of four gigabytes"),
    ],
)
async def test_a_stranger_is_shown_out(server: tuple[TickServer, int], opening: bytes) -> None:
    ticks, port = server
    ticks.publish(quote(BTC, 1))
    incoming, outgoing = await asyncio.open_connection("127.0.0.1", port)
    outgoing.write(opening)
    async with asyncio.timeout(5):
        assert await incoming.read() == b""
    outgoing.close()


async def test_a_stream_that_has_nothing_to_say_says_so_and_one_that_is_cut_off_is_lost() -> None:
    pulses = asyncio.Event()

    async def serve_nothing(incoming: asyncio.StreamReader, outgoing: asyncio.StreamWriter) -> None:
        await pulses.wait()
        outgoing.close()

    swallows = await asyncio.start_server(serve_nothing, "127.0.0.1", 0)
    client = await TickClient.connect("127.0.0.1", swallows.sockets[0].getsockname()[1], "the token")
    client.subscribe([BTC])
    with pytest.raises(TickStreamLost, match=r"silent for 0\.05 s"):
        await anext(client.news(silence_s=0.05))
    client.close()
    pulses.set()
    swallows.close()


@pytest.mark.slow
async def test_a_quiet_market_is_not_a_lost_stream(server: tuple[TickServer, int]) -> None:
    ticks, port = server
    client = await TickClient.connect("127.0.0.1", port, "the token")
    client.subscribe([BTC])
    news = client.news(silence_s=2 * PULSE_S)
    waiting = asyncio.ensure_future(anext(news))
    await asyncio.sleep(3 * PULSE_S)
    ticks.publish(quote(BTC, 1))
    assert await waiting == quote(BTC, 1)
    client.close()


async def test_the_end_of_the_server_is_seen_at_once(server: tuple[TickServer, int]) -> None:
    ticks, port = server
    client = await TickClient.connect("127.0.0.1", port, "the token")
    client.subscribe([BTC])
    await wanted(ticks, {BTC})
    await ticks.stop()
    with pytest.raises(TickStreamLost):
        async with asyncio.timeout(5):
            await anext(client.news())
