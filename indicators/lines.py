"""One indicator over one series of candles, streaming: each candle is taken in once and the past is let go."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from talipp.indicators import ADX, ATR, BB, EMA, MACD, RSI, Stoch
from talipp.ohlcv import OHLCV

from indicators.errors import UnknownIndicator
from trading.market import Candle
from trading.strategies.contract import Indicator


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    make: Callable[..., Any]
    periods: str
    """Their names, in order."""
    whole_candles: bool = False
    """Needs high and low; others are of the close alone."""
    outputs: Mapping[str, str] = {}
    """Where it has several lines: the ending of each one's key, and what talipp calls it."""


KINDS: Mapping[str, Kind] = {
    "ema": Kind(make=EMA, periods="period"),
    "rsi": Kind(make=RSI, periods="period"),
    "atr": Kind(make=ATR, periods="period", whole_candles=True),
    "macd": Kind(
        make=MACD,
        periods="fast, slow, signal",
        outputs={"": "macd", ".signal": "signal", ".histogram": "histogram"},
    ),
    "bollinger": Kind(
        make=BB,
        periods="period, deviations",
        outputs={"": "cb", ".lower": "lb", ".upper": "ub"},
    ),
    "stochastic": Kind(
        make=Stoch,
        periods="period, smoothing",
        whole_candles=True,
        outputs={"": "k", ".d": "d"},
    ),
    "adx": Kind(
        make=ADX,
        periods="directional, smoothing",
        whole_candles=True,
        outputs={"": "adx", ".plus": "plus_di", ".minus": "minus_di"},
    ),
}


class Line:
    """Holds about as many candles as its periods are long; talipp itself would keep them all."""

    def __init__(self, indicator: Indicator) -> None:
        kind = KINDS.get(indicator.name)
        arity = 0 if kind is None else len(kind.periods.split(","))
        if kind is None or len(indicator.periods) != arity or min(indicator.periods) < 1:
            raise UnknownIndicator(indicator, ", ".join(f"{name}({known.periods})" for name, known in KINDS.items()))
        self._key = indicator.key
        self._kind = kind
        self._computed = kind.make(*indicator.periods)
        # Several of talipp's formulas look at how many values there are to know whether they have begun: never fewer
        # may be left than that takes.
        self._kept = 2 * sum(indicator.periods) + 16

    def add(self, candle: Candle) -> None:
        close = float(candle.close)
        if self._kind.whole_candles:
            self._computed.add(OHLCV(float(candle.open), float(candle.high), float(candle.low), close))
        else:
            self._computed.add(close)
        if len(self._computed) >= 2 * self._kept:
            self._computed.purge_oldest(len(self._computed) - self._kept)

    def values(self, depth: int) -> dict[str, tuple[float, ...]] | None:
        """By key, for the newest candles; None while there were too few."""
        newest = self._computed[-depth:]
        lines: dict[str, tuple[float, ...]] = {}
        for ending, name in (self._kind.outputs or {"": ""}).items():
            values = (getattr(value, name, None) if name else value for value in newest)
            known = tuple(value for value in values if value is not None)
            if len(known) < depth:
                return None
            lines[self._key + ending] = known
        return lines
