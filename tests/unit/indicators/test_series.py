"""Indicators are right when they equal TA-Lib's, which shares no code with what computes them here."""

import random
import tracemalloc
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
import talib

from indicators.errors import UnknownIndicator
from indicators.series import HISTORY_MIN, Series
from trading.ids import Symbol
from trading.market import Candle
from trading.strategies.contract import Feed, Indicator
from trading.timeframes import Timeframe

BTC = Symbol("BTC/USDT")
T0 = datetime(2026, 3, 1, tzinfo=UTC)
LATER = T0 + timedelta(days=365)
ALL = (
    Indicator("ema", (21,)),
    Indicator("rsi", (14,)),
    Indicator("atr", (14,)),
    Indicator("macd", (12, 26, 9)),
    Indicator("bollinger", (20, 2)),
    Indicator("stochastic", (14, 3)),
    Indicator("adx", (14, 14)),
)


def candle(minute: int, close: str | Decimal = "100", **changes: Decimal) -> Candle:
    price = Decimal(close)
    fields = {"open": price, "high": price, "low": price, "close": price, "volume": Decimal(1)} | changes
    return Candle(symbol=BTC, timeframe="1m", opened_at=T0 + timedelta(minutes=minute), **fields)


def walk(count: int, seed: int) -> list[Candle]:
    chance = random.Random(seed)
    price, candles = 1000.0, []
    for minute in range(count):
        opened, price = price, price * (1 + chance.gauss(0, 0.004))
        high = max(opened, price) * (1 + abs(chance.gauss(0, 0.002)))
        low = min(opened, price) * (1 - abs(chance.gauss(0, 0.002)))
        exact = [
            Decimal(f"{value:.2f}") for value in (opened, max(high, opened, price), min(low, opened, price), price)
        ]
        names = ("open", "high", "low", "close")
        candles.append(candle(minute, **dict(zip(names, exact, strict=True))))
    return candles


def series(*indicators: Indicator, depth: int = 2) -> Series:
    ours = Series(BTC, Timeframe.MINUTE_1)
    ours.follow([Feed(symbol=BTC, timeframe="1m", indicators=indicators, depth=depth)])
    return ours


def oracle(candles: Sequence[Candle]) -> dict[str, "np.ndarray[tuple[int], np.dtype[np.float64]]"]:
    high, low, close = (
        np.array([float(getattr(candle, name)) for candle in candles]) for name in ("high", "low", "close")
    )
    macd, signal, histogram = talib.MACD(close, 12, 26, 9)
    upper, middle, lower = talib.BBANDS(close, 20, 2, 2)
    k, d = talib.STOCHF(high, low, close, 14, 3)
    return {
        "ema:21": talib.EMA(close, 21),
        "rsi:14": talib.RSI(close, 14),
        "atr:14": talib.ATR(high, low, close, 14),
        "macd:12,26,9": macd,
        "macd:12,26,9.signal": signal,
        "macd:12,26,9.histogram": histogram,
        "bollinger:20,2": middle,
        "bollinger:20,2.lower": lower,
        "bollinger:20,2.upper": upper,
        "stochastic:14,3": k,
        "stochastic:14,3.d": d,
        "adx:14,14": talib.ADX(high, low, close, 14),
        "adx:14,14.plus": talib.PLUS_DI(high, low, close, 14),
        "adx:14,14.minus": talib.MINUS_DI(high, low, close, 14),
    }


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_every_line_equals_talib_candle_by_candle_also_long_after_the_past_was_let_go(seed: int) -> None:
    candles = walk(1500, seed)
    expected = oracle(candles)
    ours = series(*ALL)
    for position, one in enumerate(candles):
        reading = ours.take([one], LATER)
        # The two begin some averages at different candles; after a while nobody can tell.
        if position > 800:
            assert reading is not None
            assert reading.values.keys() == expected.keys()
            for key, (_, value) in reading.values.items():
                assert value == pytest.approx(expected[key][position], rel=1e-7, abs=1e-7), key


@pytest.mark.parametrize("indicator", ALL, ids=lambda indicator: indicator.key)
def test_an_indicator_that_is_asked_for_later_is_worth_the_same_as_one_that_ran_all_along(indicator: Indicator) -> None:
    candles = walk(2000, 4)
    always, late = series(indicator), series(Indicator("ema", (200,)))
    always.take(candles, LATER)
    late.take(candles, LATER)
    late.follow([Feed(symbol=BTC, timeframe="1m", indicators=(indicator,))])
    ran, began = always.reading(), late.reading()
    assert ran is not None
    assert began is not None
    assert began.values.keys() == ran.values.keys()
    for key, values in began.values.items():
        assert values == pytest.approx(ran.values[key], rel=1e-4, abs=1e-3)


def test_the_history_that_it_asks_for_is_enough_to_forget_where_it_began() -> None:
    candles = walk(3000, 5)
    whole, short = series(*ALL), series(*ALL)
    whole.take(candles, LATER)
    short.take(candles[-short.history :], LATER)
    a, b = whole.reading(), short.reading()
    assert a is not None
    assert b is not None
    for key, values in b.values.items():
        assert values == pytest.approx(a.values[key], rel=1e-6, abs=1e-6), key


def test_gives_as_many_candles_and_values_as_the_deepest_feed_asks_for() -> None:
    ours = Series(BTC, Timeframe.MINUTE_1)
    ours.follow(
        [
            Feed(symbol=BTC, timeframe="1m", indicators=(Indicator("rsi", (2,)),), depth=2),
            Feed(symbol=BTC, timeframe="1m", indicators=(Indicator("ema", (3,)), Indicator("rsi", (2,))), depth=4),
        ]
    )
    reading = ours.take(walk(30, 6), LATER)
    assert reading is not None
    assert {key: len(values) for key, values in reading.values.items()} == {"rsi:2": 4, "ema:3": 4}
    assert [one.opened_at for one in reading.candles] == [T0 + timedelta(minutes=minute) for minute in range(26, 30)]


def test_there_is_no_reading_until_all_is_known_as_deep_as_asked() -> None:
    ours = series(Indicator("ema", (3,)), depth=2)
    readings = [ours.take([candle(minute, close)], LATER) for minute, close in enumerate(["1", "2", "3", "5"])]
    assert readings[:3] == [None, None, None]
    # The average of 1, 2, 3; then half of the way to 5.
    assert readings[3] is not None
    assert readings[3].values == {"ema:3": (2.0, 3.5)}


def test_a_candle_that_is_still_open_or_known_already_is_left_out() -> None:
    ours = series(depth=1)
    now = T0 + timedelta(minutes=2)
    reading = ours.take([candle(0, "1"), candle(1, "2"), candle(2, "3")], now)
    assert reading is not None
    assert reading.candles == (candle(1, "2"),)
    assert ours.take([candle(0, "9"), candle(1, "9")], now) is None
    assert ours.reading() == reading


def test_minutes_without_a_trade_count_at_the_last_price() -> None:
    ours = series(Indicator("ema", (2,)), depth=3)
    reading = ours.take([candle(0, "1"), candle(1, "3"), candle(4, "3")], LATER)
    assert reading is not None
    assert [(one.close, one.volume) for one in reading.candles] == [
        (Decimal(3), Decimal(volume)) for volume in (0, 0, 1)
    ]


def test_after_a_long_gap_the_past_begins_anew() -> None:
    ours = series(Indicator("ema", (2,)), depth=1)
    ours.take([candle(0, "1"), candle(1, "1")], LATER)
    assert ours.take([candle(HISTORY_MIN + 2, "500")], LATER) is None
    reading = ours.take([candle(HISTORY_MIN + 3, "500")], LATER)
    assert reading is not None
    assert reading.values == {"ema:2": (500.0,)}


@pytest.mark.parametrize(
    "broken",
    [
        {"close": Decimal("NaN")},
        {"high": Decimal("Infinity")},
        {"open": Decimal(-1)},
        {"low": Decimal(0)},
        {"low": Decimal(101)},
        {"high": Decimal(99)},
    ],
)
def test_a_candle_that_cannot_be_is_as_if_it_were_missing(broken: dict[str, Decimal]) -> None:
    ours = series(Indicator("ema", (2,)), depth=1)
    reading = ours.take([candle(0), candle(1), candle(2, **broken), candle(3)], LATER)
    assert reading is not None
    assert reading.values == {"ema:2": (100.0,)}


@pytest.mark.parametrize(
    "indicator",
    [Indicator("vibes", (14,)), Indicator("rsi", ()), Indicator("rsi", (0,)), Indicator("macd", (12, 26))],
)
def test_what_cannot_be_computed_is_refused_and_changes_nothing(indicator: Indicator) -> None:
    ours = series(Indicator("ema", (2,)), depth=1)
    with pytest.raises(UnknownIndicator, match=r"there are ema\(period\)"):
        ours.follow([Feed(symbol=BTC, timeframe="1m", indicators=(indicator,))])
    reading = ours.take([candle(0), candle(1)], LATER)
    assert reading is not None
    assert reading.values == {"ema:2": (100.0,)}


@pytest.mark.slow
def test_memory_does_not_grow_with_time() -> None:
    ours = series(*ALL)
    candles = walk(2000, 7)
    ours.take(candles, LATER)
    tracemalloc.start()
    try:
        for day in range(1, 3):
            for one in candles:
                moved = one.opened_at + timedelta(minutes=len(candles) * day)
                fields = {name: getattr(one, name) for name in ("open", "high", "low", "close", "volume")}
                ours.take([Candle(symbol=BTC, timeframe="1m", opened_at=moved, **fields)], LATER)
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The candles that it holds were replaced by as many new ones; 4,000 kept floats in 30 lists would be over 3 MB.
    assert grown < 1_000_000
