"""Signal trades as its page says, over ccxt and the paper exchange: candles, indicators and all."""

import pytest

from tests.acceptance.strategies.trading_day import trading_day

pytestmark = pytest.mark.slow

PARAMS = {
    "symbols": ["BTC/USDT"],
    "variant": "mean_reversion",
    "timeframe": "1m",
    "risk_pct": "1",
    "take_profit_r": "1",
    "oversold": 40,
    "adx_trend": 40,
}
CALM = ["100.0", "100.4", "99.8", "100.3", "99.7", "100.2"] * 10
"""An hour of candles that go nowhere."""


BOUGHT = "B:BTC/USDT buys 2.54556 at 98.21"
"""At the ask, for a quarter of the account: the stop alone would allow more."""


async def test_buys_what_fell_out_of_its_range_and_sells_the_target(database_url: str) -> None:
    async with trading_day(database_url, "signal", PARAMS, history=CALM) as day:
        await day.wait(60)
        await day.move("98.20")
        assert await day.truth.traded() == [], "the candle has not closed yet"
        await day.wait(60)
        assert await day.truth.traded() == [BOUGHT]

        # The stop is 1.11 away, so the target is 1.11 above what was paid.
        await day.die()
        assert await day.truth.standing() == ["S:BTC/USDT sells 2.54301 at 99.32"]
        await day.move("99.32")
        assert await day.truth.traded() == [BOUGHT, "S:BTC/USDT sells 2.54301 at 99.32"]
        assert [record.kind for record in day.records] == ["signal", "trade_opened", "trade_closed"]
