"""What each variant says to which figures: before and now, for every line that it reads."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from indicators.lines import Line
from trading.ids import Symbol
from trading.market import Candle, Reading
from trading.strategies import parse_params
from trading.strategies.signal_params import needs
from trading.strategies.signal_rules import Variant, judge

BTC = Symbol("BTC/USDT")
PARAMS: dict[str, Any] = {"symbols": ["BTC/USDT"], "timeframe": "5m", "risk_pct": "1"}

UP = {"ema:9": (101, 102), "ema:21": (100, 100)}
DOWN = {"ema:9": (99, 98), "ema:21": (100, 100)}
FELL_THROUGH = {"ema:9": (100, 99), "ema:21": (100, 100)}


def reading(close: str, values: dict[str, tuple[float, ...]]) -> Reading:
    at, price = datetime(2026, 3, 1, tzinfo=UTC), Decimal(close)
    candle = Candle(
        symbol=BTC, timeframe="5m", opened_at=at, open=price, high=price, low=price, close=price, volume=Decimal(1)
    )
    return Reading(symbol=BTC, timeframe="5m", candles=(candle,), values=values)


def stochastic(before: tuple[float, float], now: tuple[float, float]) -> dict[str, tuple[float, ...]]:
    return {"stochastic:14,3": (before[0], now[0]), "stochastic:14,3.d": (before[1], now[1])}


def macd(before: float, now: float) -> dict[str, tuple[float, ...]]:
    return {"macd:12,26,9": (before, now), "macd:12,26,9.signal": (0, 0)}


def adx(value: float) -> dict[str, tuple[float, ...]]:
    return {"adx:14,14": (value, value)}


def range_of(rsi: float, trending: float) -> dict[str, tuple[float, ...]]:
    bands: dict[str, tuple[float, ...]] = {"bollinger:20,2": (100, 100), "bollinger:20,2.lower": (95, 95)}
    return bands | {"rsi:14": (rsi, rsi)} | adx(trending)


@pytest.mark.parametrize(
    ("variant", "close", "values", "action"),
    [
        # Scalping: %K turns up through %D out of the oversold, in a rise.
        ("scalping", "100", UP | stochastic((20, 25), (35, 30)), "LONG"),
        ("scalping", "100", UP | stochastic((29.9, 29.9), (35, 30)), "LONG"),
        ("scalping", "100", UP | stochastic((30, 31), (35, 32)), "HOLD"),
        ("scalping", "100", UP | stochastic((26, 25), (35, 30)), "HOLD"),
        ("scalping", "100", DOWN | stochastic((20, 25), (35, 30)), "HOLD"),
        ("scalping", "100", UP | stochastic((80, 75), (60, 70)), "SHORT"),
        ("scalping", "100", UP | stochastic((70, 69), (60, 65)), "HOLD"),
        ("scalping", "100", FELL_THROUGH | stochastic((50, 50), (50, 50)), "SHORT"),
        ("scalping", "100", DOWN | stochastic((50, 50), (50, 50)), "HOLD"),
        # Trend: MACD turns up through its signal in a rise that trends.
        ("trend", "100", UP | macd(-1, 1) | adx(20), "LONG"),
        ("trend", "100", UP | macd(0, 1) | adx(20), "LONG"),
        ("trend", "100", UP | macd(1, 2) | adx(20), "HOLD"),
        ("trend", "100", UP | macd(-1, 1) | adx(19.9), "HOLD"),
        ("trend", "100", DOWN | macd(-1, 1) | adx(40), "HOLD"),
        ("trend", "100", UP | macd(1, -1) | adx(40), "SHORT"),
        ("trend", "100", FELL_THROUGH | macd(1, 2) | adx(40), "SHORT"),
        # Mean reversion: below the lower band and oversold, in no trend; back at the middle is enough.
        ("mean_reversion", "94", range_of(29, 19), "LONG"),
        ("mean_reversion", "95", range_of(29, 19), "HOLD"),
        ("mean_reversion", "94", range_of(30, 19), "HOLD"),
        ("mean_reversion", "94", range_of(29, 20), "HOLD"),
        ("mean_reversion", "100", range_of(50, 19), "SHORT"),
        ("mean_reversion", "99", range_of(71, 19), "SHORT"),
        ("mean_reversion", "99", range_of(70, 19), "HOLD"),
        ("webhook", "100", {}, "HOLD"),
    ],
)
def test_what_a_variant_says(variant: str, close: str, values: dict[str, tuple[float, ...]], action: str) -> None:
    assert judge(reading(close, values), None, parse_params("signal", PARAMS | {"variant": variant})).action == action


@pytest.mark.parametrize(("close", "action"), [("100.1", "LONG"), ("100", "HOLD"), ("99", "HOLD")])
def test_no_long_against_the_trend_of_the_longer_timeframe(close: str, action: str) -> None:
    params = parse_params("signal", PARAMS | {"variant": "trend", "trend_timeframe": "1h"})
    now, above = reading("100", UP | macd(-1, 1) | adx(30)), reading(close, {"ema:21": (100,)})
    signal = judge(now, above, params)
    assert signal.action == action
    assert signal.numbers["above.ema_slow"] == 100


def test_the_longer_timeframe_never_keeps_one_in() -> None:
    params = parse_params("signal", PARAMS | {"variant": "trend", "trend_timeframe": "1h"})
    now, above = reading("100", UP | macd(1, -1) | adx(30)), reading("99", {"ema:21": (100,)})
    assert judge(now, above, params).action == "SHORT"


@pytest.mark.parametrize("variant", Variant)
def test_all_that_a_variant_asks_for_can_be_computed(variant: Variant) -> None:
    params = parse_params("signal", PARAMS | {"variant": variant, "trend_timeframe": "4h"})
    assert [Line(indicator) for feed in needs(params).feeds for indicator in feed.indicators]
