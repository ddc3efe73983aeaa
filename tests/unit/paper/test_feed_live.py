"""A real venue's quotes, followed: the crowd stands where they are, and leaves when they stop."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from paper.feed_live import LiveFeed
from paper.fixed import text
from paper.markets import DEFAULT_MARKETS, like
from trading.ids import Asset, Symbol
from trading.instruments import Instrument
from trading.market import Quote

NOW = datetime(2026, 11, 18, tzinfo=UTC)


class Quotes:
    """A venue that says these quotes and then fails."""

    def __init__(self, *quotes: Quote) -> None:
        self._quotes = quotes
        self.asked: list[list[Symbol]] = []

    async def instruments(self, symbols: Sequence[Symbol] | None = None) -> Mapping[Symbol, Instrument]:
        return {}

    async def quote_stream(self, symbols: Sequence[Symbol]) -> AsyncIterator[Quote]:
        self.asked.append(list(symbols))
        for quote in self._quotes:
            yield quote
        raise ConnectionError("gone")


def quote(bid: str, ask: str, last: str) -> Quote:
    return Quote(
        symbol=Symbol("BTC/USDT"),
        bid=Decimal(bid),
        ask=Decimal(ask),
        last=Decimal(last),
        at=NOW,
        received_at=NOW,
        version=1,
    )


async def followed(source: Quotes) -> LiveFeed:
    feed = LiveFeed(source, DEFAULT_MARKETS)
    running = asyncio.create_task(feed.run())
    for _ in range(20):
        await asyncio.sleep(0)
    assert feed.lost == 1
    running.cancel()
    return feed


async def test_it_quotes_what_the_venue_quotes_on_its_own_tick() -> None:
    feed = await followed(Quotes(quote("65000.001", "65000.009", "65000.005")))
    tick = feed.step(1)["BTCUSDT"]
    assert [text(tick.bid), text(tick.ask)] == ["65000.00000000", "65000.01000000"]
    assert [printed.price for printed in tick.prints] == [None]
    assert feed.step(2)["BTCUSDT"].prints == []


async def test_a_quote_that_has_gone_stale_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    feed = await followed(Quotes(quote("65000", "65001", "65000")))
    loop = asyncio.get_running_loop()
    later = loop.time() + 31
    monkeypatch.setattr(loop, "time", lambda: later)
    assert feed.step(1)["BTCUSDT"].size == 0


def test_a_market_takes_the_rules_of_a_real_one() -> None:
    instrument = Instrument(
        symbol=Symbol("ABC/USDT"),
        base=Asset("ABC"),
        quote=Asset("USDT"),
        price_tick=Decimal("0.0001"),
        lot_step=Decimal("0.00001"),
        notional_min=Decimal(5),
        taker_fee=Decimal("0.001"),
    )
    market = like(instrument, Decimal("1.5"))
    assert (market.symbol, text(market.price_tick), text(market.lot_step)) == ("ABCUSDT", "0.00010000", "0.00010000")
