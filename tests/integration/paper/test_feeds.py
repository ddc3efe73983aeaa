"""Markets that others drive: a recording, and a venue that is really there."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from exchanges.port import VenueAddress
from exchanges.venues import Venue
from paper.errors import BadSettings
from paper.server import PaperExchange
from paper.settings import PaperSettings
from tests.integration.paper.administration import open_account

pytestmark = pytest.mark.slow

Start = Callable[..., Awaitable[PaperExchange]]
Connect = Callable[..., Any]
FIRST = 1_700_000_040_000

CANDLES = [
    [FIRST, 65000.0, 65100.5, 64900.01, 65050.0, 12.34567],
    [FIRST + 60_000, 65050.0, 65060.0, 65050.0, 65060.0, 0.5],
    [FIRST + 120_000, 65060.0, 65060.0, 64000.0, 64000.0, 3.0],
]


async def test_a_client_sees_the_recorded_candles_and_trades_at_their_prices(
    start: Start, connect: Connect, tmp_path: Path
) -> None:
    recording = tmp_path / "btcusdt-1m.csv"
    lines = [",".join(map(str, candle)) for candle in CANDLES]
    recording.write_text("\n".join(["time,open,high,low,close,volume", *lines]) + "\n")
    exchange = await start(PaperSettings(feed="replay", replay=recording, speed=300, steps_per_s=10))
    client = connect(exchange, await open_account(exchange, USDT="10000"))
    await client.load_markets()
    for _ in range(300):
        candles = await client.fetch_ohlcv("BTC/USDT", "1m")
        if len(candles) == len(CANDLES) and candles[-1][4] == 64000.0:
            break
        await asyncio.sleep(0.02)
    assert candles == CANDLES
    order = await client.create_order("BTC/USDT", "market", "buy", 0.01)
    assert order["average"] == pytest.approx(64000, rel=0.001)


async def test_another_venue_is_followed_quote_by_quote(start: Start, connect: Connect) -> None:
    real = await start(PaperSettings(history_minutes=10))
    address = VenueAddress(name="real", ccxt_id="binance", rest_url=real.rest_url, stream_url=real.stream_url)
    venue = Venue(address)
    try:
        follower = await start(PaperSettings(feed="live", steps_per_s=20), live=await venue.public())
        book, leader = follower.venue.pits["ETHUSDT"].book, real.venue.pits["ETHUSDT"].book
        for _ in range(300):
            if book.best_bid is not None:
                break
            await asyncio.sleep(0.02)
        assert book.best_bid == pytest.approx(leader.best_bid, rel=0.01)
        client = connect(follower, await open_account(follower, USDT="10000"))
        await client.load_markets()
        assert (await client.create_order("ETH/USDT", "market", "buy", 1))["status"] == "closed"
    finally:
        await venue.close()


async def test_a_feed_that_lacks_what_it_needs_is_said_in_words(tmp_path: Path) -> None:
    for settings in ({"feed": "replay"}, {"replay": tmp_path / "x.csv"}):
        with pytest.raises(BadSettings, match="recording"):
            PaperSettings(**settings)
    with pytest.raises(BadSettings, match="venue to follow"):
        PaperExchange(PaperSettings(feed="live"))


async def test_a_journal_comes_back_to_its_own_venue_only(start: Start, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    first = await start(PaperSettings(journal=journal, seed=1, history_minutes=10))
    await first.stop()
    with pytest.raises(BadSettings, match="belongs to feed synthetic with seed 1"):
        await PaperExchange(PaperSettings(journal=journal, seed=2)).start()


async def test_a_port_that_is_taken_is_said_in_words(start: Start) -> None:
    first = await start(PaperSettings(history_minutes=10))
    with pytest.raises(BadSettings, match="choose another port"):
        await PaperExchange(PaperSettings(port=first.port, history_minutes=10)).start()
