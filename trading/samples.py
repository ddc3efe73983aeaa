"""Prices of the last hours, one a minute and of all markets at once: how much they move, and whether together."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import msgspec

from trading.ids import Symbol
from trading.market import Quote

EVERY = timedelta(minutes=1)
KEPT = 120
ENOUGH = 20
"""Fewer returns than this say nothing."""
DAY_MINUTES = 24 * 60


class Samples(msgspec.Struct, frozen=True, kw_only=True):
    """Mids as floats: they say how much something moves, never how much of it there is."""

    at: datetime | None = None
    prices: Mapping[Symbol, tuple[float, ...]] = {}


def sample(before: Samples, symbols: Sequence[Symbol], quotes: Mapping[Symbol, Quote], now: datetime) -> Samples:
    """Note the prices down, if a minute has passed. After a longer gap it begins anew: its moves are no minute's."""
    if before.at is not None and now - before.at < EVERY:
        return before
    kept = before.prices if before.at is not None and now - before.at < 2 * EVERY else {}
    return Samples(
        at=now, prices={symbol: (*kept.get(symbol, ()), float(quotes[symbol].mid))[-KEPT:] for symbol in symbols}
    )


def daily_volatility(samples: Samples, symbol: Symbol) -> float | None:
    """The typical move of a day, as a fraction; None while too little is known."""
    returns = _returns(samples, symbol)
    if len(returns) < ENOUGH:
        return None
    return math.sqrt(_together(returns, returns) * DAY_MINUTES)


def correlation(samples: Samples, one: Symbol, other: Symbol) -> float | None:
    """Between -1 and 1; None while too little is known, or one of them has not moved at all."""
    first, second = _returns(samples, one), _returns(samples, other)
    if len(first) < ENOUGH or len(first) != len(second):
        return None
    spread = math.sqrt(_together(first, first) * _together(second, second))
    return _together(first, second) / spread if spread else None


def _together(first: list[float], second: list[float]) -> float:
    """Their covariance: of a list with itself, its variance."""
    count = len(first)
    mean, other = math.fsum(first) / count, math.fsum(second) / count
    return math.fsum((x - mean) * (y - other) for x, y in zip(first, second, strict=True)) / count


def _returns(samples: Samples, symbol: Symbol) -> list[float]:
    prices = samples.prices.get(symbol, ())
    return [math.log(after / before) for before, after in pairwise(prices)]
