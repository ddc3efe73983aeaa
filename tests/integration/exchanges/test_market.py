import asyncio
import json
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web

from exchanges.errors import StreamLost, VenueUnreachable
from exchanges.port import PublicMarket
from exchanges.quote_stream import quote_stream
from exchanges.venues import Venue, open_public
from trading.ids import Symbol

BTC_USDT, ETH_BTC = Symbol("BTC/USDT"), Symbol("ETH/BTC")


@pytest.fixture
async def market(venue: Venue) -> PublicMarket:
    return await venue.public()


def book(market_id: str, update: int, bid: str = "1.10", ask: str = "1.20") -> dict[str, Any]:
    return {"u": update, "s": market_id, "b": bid, "B": "1", "a": ask, "A": "1"}


def speak(*messages: Any) -> Any:
    async def respond(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        asked = json.loads((await socket.receive()).data)
        await socket.send_json({"result": None, "id": asked["id"]})
        for message in messages:
            await socket.send_json(message)
        await socket.receive()
        return socket

    return respond


async def test_only_markets_that_trade_are_listed(market: PublicMarket) -> None:
    assert set(await market.instruments()) == {BTC_USDT, ETH_BTC, Symbol("SHIB/USDT")}
    assert set(await market.instruments([BTC_USDT, Symbol("LUNA/USDT"), Symbol("NO/SUCH")])) == {BTC_USDT}


async def test_the_markets_are_asked_for_once(scripted: Any, venue: Venue, market: PublicMarket) -> None:
    await asyncio.gather(*(market.instruments() for _ in range(3)), *(venue.public() for _ in range(3)))
    assert [each.path for each in scripted.received].count("/api/v3/exchangeInfo") == 1


async def test_quotes_of_the_symbols_asked_for(scripted: Any, market: PublicMarket, recorded: Any) -> None:
    scripted.answer("GET /ticker/bookTicker", recorded("book_tickers"))
    quotes = await market.quotes([ETH_BTC, BTC_USDT])
    assert [(quote.symbol, quote.bid, quote.ask) for quote in quotes] == [
        (ETH_BTC, Decimal("0.04210000"), Decimal("0.04211000")),
        (BTC_USDT, Decimal("61204.10"), Decimal("61204.11")),
    ]


async def test_candles(scripted: Any, market: PublicMarket, recorded: Any) -> None:
    scripted.answer("GET /klines", recorded("klines"))
    (candle,) = await market.candles(BTC_USDT, "1m", None, 10)
    assert candle.close == Decimal("61204.10")
    assert scripted.received[-1].params == {"symbol": "BTCUSDT", "interval": "1m", "limit": "10"}


async def test_the_clock_offset_is_the_median_of_several(scripted: Any, market: PublicMarket, venue: Venue) -> None:
    offsets = iter([250, 250, 90_000, 250, -5_000])

    async def tell_time(_: web.Request) -> web.StreamResponse:
        return web.json_response({"serverTime": int(time.time() * 1000) + next(offsets)})

    scripted.answers["GET /time"] = tell_time
    assert abs(await market.clock_offset_ms() - 250) < 50


async def test_the_stream_brings_every_symbols_latest(scripted: Any, market: PublicMarket) -> None:
    scripted.answers["GET /ws/0"] = speak(
        book("ETHBTC", 1), *(book("BTCUSDT", update, ask=f"{update}") for update in range(2, 50))
    )
    quotes = market.quote_stream([BTC_USDT, ETH_BTC])
    seen: dict[Symbol, Decimal] = {}
    async for quote in quotes:
        seen[quote.symbol] = quote.ask
        if seen.get(BTC_USDT) == 49:
            break
    await aclose(quotes)
    assert seen == {ETH_BTC: Decimal("1.20"), BTC_USDT: Decimal(49)}


async def test_a_silent_stream_is_lost_though_its_socket_lives(
    scripted: Any, venue: Venue, market: PublicMarket
) -> None:
    await market.instruments()
    scripted.answers["GET /ws/0"] = speak(book("BTCUSDT", 1))
    quotes = quote_stream(venue._open().copy_with(), [BTC_USDT], lambda ticker: ticker["symbol"], silence_max_s=0.05)
    assert await anext(quotes) == "BTC/USDT"
    with pytest.raises(StreamLost, match=r"no quote for 0\.05 s"):
        await anext(quotes)


async def test_a_public_side_opened_by_itself_closes_by_itself(scripted: Any) -> None:
    market = await open_public(scripted.address)
    assert BTC_USDT in await market.instruments()
    await market.close()


async def test_a_venue_that_is_not_there_says_so(scripted: Any) -> None:
    await scripted.stop()
    market = await open_public(scripted.address)
    with pytest.raises(VenueUnreachable):
        await market.instruments()
    await market.close()


async def aclose(stream: AsyncIterator[Any]) -> None:
    await stream.aclose()  # type: ignore[attr-defined]
